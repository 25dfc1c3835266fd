//! What a server says of itself and of its replica set when it is greeted.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{DateTime, Document, Timestamp, doc};
use mongodb::error::{Error, ErrorKind};

use super::{bson, command};
use crate::catalogue::Replication;

/// The code of the error of a server that does not know a command.
const COMMAND_NOT_FOUND: i32 = 59;

/// A server's greeting.
#[derive(Debug, Clone)]
pub struct Hello(Document);

impl Hello {
    /// Greets a server that the database's read preference chooses.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn ask(database: &Database, limit: Duration, comment: &str) -> Result<Self, Error> {
        let admin = command::beside(database, "admin");
        let greet = async |name: &str| {
            let greeting = doc! {
                name: 1,
                "maxTimeMS": bson::milliseconds(limit),
                "comment": comment,
            };
            command::run(&admin, greeting).await
        };
        match greet("hello").await {
            // The name that the command had before 4.4.2.
            Err(error) if is_unknown(&error) => Ok(Self(greet("isMaster").await?)),
            answer => Ok(Self(answer?)),
        }
    }

    /// Everything that it says.
    pub fn document(&self) -> &Document {
        &self.0
    }

    /// Whether it is a router of a sharded cluster.
    pub fn is_router(&self) -> bool {
        self.0.get_str("msg").is_ok_and(|it| it == "isdbgrid")
    }

    /// Whether it is a member of a replica set.
    pub fn is_member(&self) -> bool {
        !self.is_router() && self.0.contains_key("setName")
    }

    /// Whether it is the member that takes writes.
    pub fn is_primary(&self) -> bool {
        let is = |name| self.0.get_bool(name).unwrap_or_default();
        is("isWritablePrimary") || is("ismaster")
    }

    /// Host and port, as the replica set knows them.
    pub fn address(&self) -> Option<&str> {
        self.0.get_str("me").ok()
    }

    /// The time of the newest operation that the answer reflects.
    pub fn operation_time(&self) -> Option<Timestamp> {
        self.0.get_timestamp("operationTime").ok()
    }

    /// How long ago something of the set's time was, by the server's own clock.
    pub fn since(&self, time: Timestamp) -> Duration {
        let then = DateTime::from_millis(i64::from(time.time) * 1_000);
        between(Some(then), self.0.get_datetime("localTime").ok().copied())
    }

    /// How far something of the set's time is behind the newest time that the server knows of.
    pub fn behind(&self, time: Timestamp) -> Duration {
        seconds(self.newest().unwrap_or_default().saturating_sub(time.time))
    }

    /// How old the newest data are that the member can have, by the clocks of the set: nothing where it is known to have
    /// everything.
    pub fn age(&self) -> Duration {
        let is_current = self
            .replication()
            .is_none_or(|it| it.has_primary && it.lag.is_zero());
        if self.is_primary() || is_current {
            return Duration::ZERO;
        }
        let written = self.last_write();
        let written = written.and_then(|it| it.get_datetime("lastWriteDate").ok());
        let now = self.0.get_datetime("localTime").ok();
        between(written.copied(), now.copied())
    }

    /// Where the member stands; `None` where it is no member of a replica set.
    pub fn replication(&self) -> Option<Replication> {
        if !self.is_member() {
            return None;
        }
        let applied = self.seconds("opTime");
        let newest = self.newest();
        let lag = newest.and_then(|newest| newest.checked_sub(applied?));
        let majority = self.seconds("majorityOpTime");
        let majority_lag = applied.zip(majority);
        Some(Replication {
            has_primary: self.is_primary() || self.0.contains_key("primary"),
            lag: seconds(lag.unwrap_or_default()),
            majority_lag: majority_lag
                .map(|(applied, majority)| seconds(applied.saturating_sub(majority))),
        })
    }

    /// The seconds of the newest time of the set. Members tell it to each other with every message, so that one which
    /// lags, or has lost the others, knows how far the set had come when it last heard of it.
    fn newest(&self) -> Option<u32> {
        let cluster = self.0.get_document("$clusterTime").ok()?;
        Some(cluster.get_timestamp("clusterTime").ok()?.time)
    }

    /// The seconds of one of the times of the newest write.
    fn seconds(&self, name: &str) -> Option<u32> {
        let write = self.last_write()?.get_document(name).ok()?;
        Some(write.get_timestamp("ts").ok()?.time)
    }

    fn last_write(&self) -> Option<&Document> {
        self.0.get_document("lastWrite").ok()
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn between(earlier: Option<DateTime>, later: Option<DateTime>) -> Duration {
    let milliseconds = earlier
        .zip(later)
        .map(|(earlier, later)| later.timestamp_millis() - earlier.timestamp_millis());
    let milliseconds = milliseconds.and_then(|it| u64::try_from(it).ok());
    Duration::from_millis(milliseconds.unwrap_or_default())
}

fn is_unknown(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == COMMAND_NOT_FOUND)
}

//! The reply to the command `hello`: what a server says about itself and its replica set.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, RawDocument, RawDocumentBuf, Timestamp, doc};
use mongodb::error::Error;

use super::{bson, command, error};
use crate::catalogue::Replication;

/// A server's reply to `hello`. Encoded it takes a twentieth of the memory, and each workspace keeps one or two.
#[derive(Debug, Clone)]
pub struct Hello(RawDocumentBuf);

impl Hello {
    /// Sends the command to a server that the database's read preference selects.
    ///
    /// # Errors
    /// When no server replies.
    pub async fn send(database: &Database, limit: Duration, comment: &str) -> Result<Self, Error> {
        let admin = command::beside(database, "admin");
        let send = async |name: &str| {
            let command = doc! {
                name: 1,
                "maxTimeMS": bson::milliseconds(limit),
                "comment": comment,
            };
            command::run(&admin, command).await
        };
        let reply = match send("hello").await {
            // The command's name before 4.4.2.
            Err(error) if error::is_command_not_found(&error) => send("isMaster").await?,
            reply => reply?,
        };
        let mut encoded = RawDocumentBuf::try_from(&reply)?.into_bytes();
        encoded.shrink_to_fit();
        Ok(Self(RawDocumentBuf::from_bytes(encoded)?))
    }

    /// The whole reply.
    pub fn document(&self) -> &RawDocument {
        &self.0
    }

    /// Whether the server is a router of a sharded cluster.
    pub fn is_router(&self) -> bool {
        is_router(&self.0)
    }

    /// Whether the server is a member of a replica set.
    pub fn is_member(&self) -> bool {
        !self.is_router() && has(&self.0, "setName")
    }

    /// Whether the server is the primary.
    pub fn is_primary(&self) -> bool {
        is_primary(&self.0)
    }

    /// Whether the server has this version of the wire protocol: 17 is that of MongoDB 6.0.
    pub fn has_wire_version(&self, version: i32) -> bool {
        let max = self.0.get_i32("maxWireVersion");
        max.is_ok_and(|max| max >= version)
    }

    /// Host and port, as the replica set's configuration has them.
    pub fn address(&self) -> Option<&str> {
        self.0.get_str("me").ok()
    }

    /// The id of the server's process, from 4.4 on; `None` with a router.
    pub fn process(&self) -> Option<ObjectId> {
        let version = self.0.get_document("topologyVersion").ok()?;
        let process = version.get_object_id("processId").ok();
        process.filter(|_| !self.is_router())
    }

    /// The time of the newest operation that the reply reflects.
    pub fn operation_time(&self) -> Option<Timestamp> {
        self.0.get_timestamp("operationTime").ok()
    }

    /// The server's clock.
    pub fn local_time(&self) -> Option<DateTime> {
        self.0.get_datetime("localTime").ok()
    }

    /// How long before the server's clock an operation was.
    pub fn since(&self, operation: Timestamp) -> Duration {
        let then = DateTime::from_millis(i64::from(operation.time) * 1_000);
        between(Some(then), self.local_time())
    }

    /// How far an operation is behind the newest cluster time that the server knows.
    pub fn behind(&self, operation: Timestamp) -> Duration {
        let newest = self.cluster_seconds().unwrap_or_default();
        seconds(newest.saturating_sub(operation.time))
    }

    /// How old the member's newest data may be, by the clocks of the set; zero for the primary, and for a secondary that
    /// does not lag.
    pub fn age(&self) -> Duration {
        let is_current = self
            .replication()
            .is_none_or(|replication| replication.has_primary && replication.lag.is_zero());
        if self.is_primary() || is_current {
            return Duration::ZERO;
        }
        let written = self
            .last_write()
            .and_then(|write| write.get_datetime("lastWriteDate").ok());
        between(written, self.local_time())
    }

    /// The member's replication state; `None` outside a replica set.
    pub fn replication(&self) -> Option<Replication> {
        if !self.is_member() {
            return None;
        }
        let applied = self.write_seconds("opTime");
        let lag = self
            .cluster_seconds()
            .and_then(|newest| newest.checked_sub(applied?));
        let majority_lag = applied.zip(self.write_seconds("majorityOpTime"));
        Some(Replication {
            has_primary: self.is_primary() || has(&self.0, "primary"),
            lag: seconds(lag.unwrap_or_default()),
            majority_lag: majority_lag
                .map(|(applied, majority)| seconds(applied.saturating_sub(majority))),
        })
    }

    /// The newest cluster time that the server knows, in seconds. Members gossip it with every message, so one that lags
    /// or is cut off knows how far the set was when it last heard of it.
    fn cluster_seconds(&self) -> Option<u32> {
        let cluster = self.0.get_document("$clusterTime").ok()?;
        Some(cluster.get_timestamp("clusterTime").ok()?.time)
    }

    /// The seconds of one of the times in `lastWrite`.
    fn write_seconds(&self, name: &str) -> Option<u32> {
        let write = self.last_write()?.get_document(name).ok()?;
        Some(write.get_timestamp("ts").ok()?.time)
    }

    fn last_write(&self) -> Option<&RawDocument> {
        self.0.get_document("lastWrite").ok()
    }
}

/// A server's role, for error messages.
pub fn role(reply: &RawDocument) -> &'static str {
    if is_router(reply) {
        "a router of a sharded cluster"
    } else if is_set(reply, "isreplicaset") {
        "a member of a replica set that is not initiated (rs.initiate())"
    } else if !has(reply, "setName") {
        "a standalone server"
    } else if is_primary(reply) {
        "the primary"
    } else if is_set(reply, "secondary") {
        "a secondary"
    } else if is_set(reply, "arbiterOnly") {
        "an arbiter, which has no data"
    } else {
        "neither primary nor secondary; it may be starting or recovering"
    }
}

fn is_router(reply: &RawDocument) -> bool {
    reply.get_str("msg").is_ok_and(|msg| msg == "isdbgrid")
}

fn is_primary(reply: &RawDocument) -> bool {
    is_set(reply, "isWritablePrimary") || is_set(reply, "ismaster")
}

fn is_set(reply: &RawDocument, name: &str) -> bool {
    reply.get_bool(name).unwrap_or_default()
}

fn has(reply: &RawDocument, name: &str) -> bool {
    matches!(reply.get(name), Ok(Some(_)))
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn between(earlier: Option<DateTime>, later: Option<DateTime>) -> Duration {
    let milliseconds = earlier
        .zip(later)
        .map(|(earlier, later)| later.timestamp_millis() - earlier.timestamp_millis())
        .and_then(|milliseconds| u64::try_from(milliseconds).ok());
    Duration::from_millis(milliseconds.unwrap_or_default())
}

//! The time at the database. Dates in it were written by the database and by Rocket.Chat, never by this machine, whose
//! clock may be hours away from theirs: what is late, over or of yesterday is told by the database's clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Zoned;
use mongodb::bson::{Document, doc};

use super::error::SourceError;
use super::query::QueryContext;
use super::{bson, command, out_of_range};
use crate::catalogue::Timestamp;
use crate::clock::Clock;

/// For how long the database is not asked again. Meanwhile its time is counted on by this machine's monotonic clock.
const RECENT: Duration = Duration::from_mins(1);

/// The database's clock, as it was last told.
#[derive(Debug)]
pub struct DatabaseClock {
    own: Clock,
    // A std mutex: it is only held while the time is copied.
    told: Mutex<Option<BackfillRule>>,
}

/// What the database's clock showed, and when that was.
#[derive(Debug, Clone, Copy)]
struct BackfillRule {
    time: Timestamp,
    at: Instant,
}

impl DatabaseClock {
    /// A clock that was not asked yet. A fixed instant takes the place of every clock.
    pub fn new(own: Clock) -> Self {
        Self {
            own,
            told: Mutex::new(None),
        }
    }

    /// This machine's clock.
    pub fn own(&self) -> Clock {
        self.own
    }

    /// The time at the database, by what it last told; by this machine's clock while it has told nothing.
    pub fn last_known(&self) -> Timestamp {
        let told = *self.lock();
        match (self.own, told) {
            (Clock::System, Some(told)) => told.time.after(told.at.elapsed()),
            (own, _) => own.now(),
        }
    }

    fn is_known(&self) -> bool {
        let is_recent = |told: BackfillRule| told.at.elapsed() < RECENT;
        matches!(self.own, Clock::Fixed(_)) || self.lock().is_some_and(is_recent)
    }

    fn lock(&self) -> MutexGuard<'_, Option<BackfillRule>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryContext<'_> {
    /// The time at the database, asked for at most once a minute. A server that does not tell it is taken to agree with
    /// this machine.
    pub async fn now(&self) -> Result<Timestamp, SourceError> {
        let clock = &self.mongo.clock;
        if !clock.is_known() {
            let asked = Instant::now();
            let hello = self.run_on_admin(doc! { "hello": 1 }).await?;
            if let Some(time) = bson::timestamp(hello.get("localTime")) {
                // The server read its clock between the question and the answer.
                let at = asked + asked.elapsed() / 2;
                *clock.lock() = Some(BackfillRule { time, at });
            }
        }
        Ok(clock.last_known())
    }

    /// The same in the workspace's time zone.
    pub async fn local_time(&self) -> Result<Zoned, SourceError> {
        let now = jiff::Timestamp::from_millisecond(self.now().await?.0).map_err(out_of_range)?;
        Ok(now.to_zoned(self.mongo.timezone.clone()))
    }

    /// The answer to a command that is asked of the server, whatever its databases hold.
    pub async fn run_on_admin(&self, mut command: Document) -> Result<Document, SourceError> {
        command.insert("maxTimeMS", bson::milliseconds(self.mongo.query_timeout));
        let admin = command::beside(&self.database, "admin");
        let answer = command::run(&admin, command);
        self.mongo.within(answer).await
    }
}

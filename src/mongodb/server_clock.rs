//! The database's clock. Dates in the database come from it and from Rocket.Chat, never from this machine, whose clock may
//! be hours off; so what is late, expired or of yesterday is decided by the database's clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Zoned;

use super::error::SourceError;
use super::out_of_range;
use super::query::QueryContext;
use crate::catalogue::Timestamp;
use crate::clock::Clock;

/// How long a reading is extrapolated by this machine's monotonic clock.
const READING_TTL: Duration = Duration::from_mins(1);

/// The database's clock, as of its last reading.
#[derive(Debug)]
pub struct DatabaseClock {
    own: Clock,
    // A std mutex: it is only held while the time is copied.
    reading: Mutex<Option<ClockReading>>,
}

/// The time at the database, and when it was read.
#[derive(Debug, Clone, Copy)]
struct ClockReading {
    time: Timestamp,
    at: Instant,
}

impl DatabaseClock {
    /// A clock that was not read yet. A fixed instant replaces every clock.
    pub fn new(own: Clock) -> Self {
        Self {
            own,
            reading: Mutex::new(None),
        }
    }

    /// This machine's clock.
    pub fn own(&self) -> Clock {
        self.own
    }

    /// The time at the database by its last reading; by this machine's clock before the first one.
    pub fn last_known(&self) -> Timestamp {
        let reading = *self.lock();
        match (self.own, reading) {
            (Clock::System, Some(reading)) => reading.time.after(reading.at.elapsed()),
            (own, _) => own.now(),
        }
    }

    fn is_known(&self) -> bool {
        let is_recent = |reading: ClockReading| reading.at.elapsed() < READING_TTL;
        matches!(self.own, Clock::Fixed(_)) || self.lock().is_some_and(is_recent)
    }

    fn lock(&self) -> MutexGuard<'_, Option<ClockReading>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryContext<'_> {
    /// The time at the database, read at most once a minute. A server that does not send it is taken to agree with this
    /// machine.
    pub async fn now(&self) -> Result<Timestamp, SourceError> {
        let clock = &self.mongo.clock;
        if !clock.is_known() {
            let sent = Instant::now();
            let hello = self.hello().await?;
            if let Some(time) = hello.local_time() {
                let time = Timestamp(time.timestamp_millis());
                // The server read its clock between the command and the reply.
                let at = sent + sent.elapsed() / 2;
                *clock.lock() = Some(ClockReading { time, at });
            }
        }
        Ok(clock.last_known())
    }

    /// The same in the workspace's time zone.
    pub async fn local_time(&self) -> Result<Zoned, SourceError> {
        let now = jiff::Timestamp::from_millisecond(self.now().await?.0).map_err(out_of_range)?;
        Ok(now.to_zoned(self.mongo.timezone.clone()))
    }
}

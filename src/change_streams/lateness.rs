//! How far a stream of changes is behind the database. A stream tells what a majority of the set has written, so it stands
//! still while that is lost, and without an error.

use std::time::Duration;

use mongodb::bson::Timestamp;
use tokio::time::Instant;

use super::stream::Standing;
use crate::catalogue::STALE_AFTER;

/// How often the member that tells the changes is asked how things stand.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// How far the stream has come, and how things stood.
pub struct Lateness {
    standing: Standing,
    position: Timestamp,
    /// When the stream last came further. A healthy set writes something every 10 seconds.
    moved: Instant,
}

impl Lateness {
    /// A stream that begins here.
    pub fn begin(standing: Standing, position: Timestamp) -> Self {
        Self {
            standing,
            position,
            moved: Instant::now(),
        }
    }

    /// Notes how far the stream has come. True when it is time to ask again how things stand.
    pub fn note(&mut self, position: Timestamp) -> bool {
        if position > self.position {
            self.position = position;
            self.moved = Instant::now();
        }
        self.standing.elapsed() >= ASKED_EVERY
    }

    /// Takes how things stand now.
    pub fn take(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// How far the stream is behind: by the time of the set, and by the time for which it stands still.
    pub fn behind(&self) -> Duration {
        let still = self.moved.elapsed();
        self.standing.behind(self.position).max(still)
    }

    /// Whether that is more than it may be.
    pub fn is_late(&self) -> bool {
        self.behind() > STALE_AFTER
    }

    /// How long ago it was what the stream told up to `position`.
    pub fn age(&self, position: Timestamp) -> Duration {
        self.standing.age(position)
    }

    /// Whether the member is to blame that tells the changes.
    pub fn member_lags(&self) -> bool {
        self.standing.replication.is_stale()
    }

    /// What to look at.
    pub fn cause(&self) -> &'static str {
        let replication = self.standing.replication;
        if !replication.has_primary {
            "the replica set has no primary"
        } else if replication.is_stale() {
            "the member that tells them lags"
        } else if replication.majority_lag > Some(STALE_AFTER) {
            "a majority of the replica set lags or is lost"
        } else {
            "see the state of the replica set with rs.status()"
        }
    }
}

//! How far the change streams are behind the database. They contain what a majority of the replica set has written, so they
//! stand still, without an error, while the majority is lost.

use std::time::Duration;

use mongodb::bson::Timestamp;
use tokio::time::Instant;

use super::member_status::MemberStatus;
use crate::catalogue::STALE_AFTER;

/// From one query for the member's status to the next.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The position of the streams, and the status of the member that they are on.
pub struct Lateness {
    status: MemberStatus,
    position: Timestamp,
    /// When the position last advanced. A healthy replica set writes something every 10 seconds.
    advanced_at: Instant,
}

impl Lateness {
    /// Streams that start at this position.
    pub fn new(status: MemberStatus, position: Timestamp) -> Self {
        Self {
            status,
            position,
            advanced_at: Instant::now(),
        }
    }

    /// Notes the position of the streams. True when the status has to be read again.
    pub fn advance(&mut self, position: Timestamp) -> bool {
        if position > self.position {
            self.position = position;
            self.advanced_at = Instant::now();
        }
        self.status.elapsed() >= STATUS_INTERVAL
    }

    /// Sets the status of the member.
    pub fn set_status(&mut self, status: MemberStatus) {
        self.status = status;
    }

    /// How far the streams are behind: by the time of the replica set, or by the time since they last advanced.
    pub fn behind(&self) -> Duration {
        let still = self.advanced_at.elapsed();
        self.status.behind(self.position).max(still)
    }

    /// Whether that is too far.
    pub fn is_late(&self) -> bool {
        self.behind() > STALE_AFTER
    }

    /// How old data of this position are.
    pub fn age(&self, position: Timestamp) -> Duration {
        self.status.age(position)
    }

    /// Whether the member itself lags.
    pub fn member_lags(&self) -> bool {
        self.status.replication.is_stale()
    }

    /// The likely cause, for messages.
    pub fn cause(&self) -> &'static str {
        let replication = self.status.replication;
        if !replication.has_primary {
            "the replica set has no primary"
        } else if replication.is_stale() {
            "the member that they are read from lags"
        } else if replication.majority_lag > Some(STALE_AFTER) {
            "a majority of the replica set lags or is lost"
        } else {
            "rs.status() shows the state of the replica set"
        }
    }
}

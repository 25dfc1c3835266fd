//! The state of the replica set, as seen by the member that answered the newest reading.

use std::time::Duration;

/// Lag from which data count as stale. An idle replica set writes a no-op every 10 seconds, so a healthy member stays below.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// The replication state of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replication {
    /// Whether the member is or sees a primary.
    pub has_primary: bool,
    /// Lag of the member's newest applied operation behind the newest known operation of the set.
    pub lag: Duration,
    /// Lag of the majority behind the member; `None` if the member does not report it.
    pub majority_lag: Option<Duration>,
}

impl Replication {
    /// Whether the lag exceeds [`STALE_AFTER`].
    pub fn is_stale(&self) -> bool {
        self.lag > STALE_AFTER
    }
}

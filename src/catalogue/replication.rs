//! The replica set, as the member sees it that answered the newest reading.

use std::time::Duration;

/// From here on data are stale. A replica set on which nothing is written writes an entry of its own every 10 seconds, so
/// this much only passes where something is wrong.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// Where a member of a replica set stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replication {
    /// Whether the member knows of a primary, or is it.
    pub has_primary: bool,
    /// How far the newest operation that the member has applied lies behind the newest one of the set that it knows of.
    pub lag: Duration,
    /// How far what a majority of the set has lies behind what the member has; `None` where the member does not tell.
    pub majority_lag: Option<Duration>,
}

impl Replication {
    /// Whether the member is so far behind that another one would be better.
    pub fn is_stale(&self) -> bool {
        self.lag > STALE_AFTER
    }
}

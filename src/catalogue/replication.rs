//! The replica set, as the member sees it that answered the newest reading.

use std::time::Duration;

use super::metric::{Metric, Quantity, Read, state};
use super::snapshot::Snapshot;

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

/// Metrics about the replica set; there are none where the database is none.
pub const REPLICATION: &[Metric<Snapshot>] = &[
    Metric {
        name: "rocketchat_mongodb_replica_set_has_primary",
        help: "Whether the replica set has a primary, as the member knows that answered the newest reading; without one nothing can be written. Absent where MongoDB is no replica set.",
        source: "hello",
        quantity: Quantity::State,
        read: Read::One(|snapshot| Some(state(snapshot.replication?.has_primary))),
    },
    Metric {
        name: "rocketchat_mongodb_replication_lag_seconds",
        help: "How far the member that answered the newest reading is behind the newest operation of the replica set that it knows of, in whole seconds.",
        source: "hello: lastWrite and $clusterTime",
        quantity: Quantity::Seconds,
        read: Read::One(|snapshot| Some(snapshot.replication?.lag.as_secs_f64())),
    },
    Metric {
        name: "rocketchat_mongodb_majority_lag_seconds",
        help: "How far what a majority of the replica set has written is behind what the member has that answered the newest reading, in whole seconds; it grows while a majority is lost, and changes cannot be followed meanwhile.",
        source: "hello: lastWrite",
        quantity: Quantity::Seconds,
        read: Read::One(|snapshot| Some(snapshot.replication?.majority_lag?.as_secs_f64())),
    },
];

//! Metrics about the replica set.

use super::snapshot::Snapshot;
use crate::catalogue::{Metric, Quantity, Read, state};

/// Metrics about the replica set; absent where the database is none.
pub const REPLICATION: &[Metric<Snapshot>] = &[
    Metric {
        name: "rocketchat_mongodb_replica_set_has_primary",
        help: "Whether the replica set has a primary, as the member of the newest read knows it; without one nothing can be written. Absent where MongoDB is no replica set.",
        source: "hello",
        quantity: Quantity::State,
        read: Read::One(|snapshot| Some(state(snapshot.replication?.has_primary))),
    },
    Metric {
        name: "rocketchat_mongodb_replication_lag_seconds",
        help: "How far the member of the newest read is behind the newest operation of the replica set that it knows of, in whole seconds.",
        source: "hello: lastWrite and $clusterTime",
        quantity: Quantity::Seconds,
        read: Read::One(|snapshot| Some(snapshot.replication?.lag.as_secs_f64())),
    },
    Metric {
        name: "rocketchat_mongodb_majority_lag_seconds",
        help: "How far what a majority of the replica set has written is behind the member of the newest read, in whole seconds; it grows while a majority is lost, and changes cannot be followed meanwhile.",
        source: "hello: lastWrite",
        quantity: Quantity::Seconds,
        read: Read::One(|snapshot| Some(snapshot.replication?.majority_lag?.as_secs_f64())),
    },
];

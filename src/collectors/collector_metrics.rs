//! Metrics about the collectors' reads.

use std::collections::{BTreeMap, BTreeSet};

use super::collector::Collector;
use super::snapshot::Snapshot;
use crate::catalogue::{Metric, Quantity, Read, Sample, count, instant, state};

fn of_each(
    snapshot: &Snapshot,
    read: impl Fn(&crate::catalogue::Outcome) -> Option<f64>,
) -> Vec<Sample> {
    Collector::ALL
        .into_iter()
        .filter_map(|collector| {
            let outcome = snapshot.outcomes.get(&collector)?;
            Some(Sample::of(collector.name(), read(outcome)?))
        })
        .collect()
}

/// Metrics about reads; unlike those of a section they never go away.
pub const READINGS: &[Metric<Snapshot>] = &[
    Metric {
        name: "rocketchat_up",
        help: "Whether anything of the workspace's database can be read: 1 while the newest read of at least one collector that queries the database succeeded, 0 while that of none did.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::One(|snapshot| snapshot.up().map(state)),
    },
    Metric {
        name: "rocketchat_exporter_collector_success",
        help: "Whether the newest read of a collector succeeded; while it did not, its metrics are absent.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| Some(state(outcome.failure.is_none())))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_failing",
        help: "Why the newest read of a collector failed; absent while it succeeds.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["collector", "reason"], |snapshot| {
            let failures = Collector::ALL.into_iter().filter_map(|collector| {
                let failure = snapshot.outcomes.get(&collector)?.failure?;
                Some((collector, failure))
            });
            failures
                .map(|(collector, failure)| Sample {
                    labels: vec![collector.name().into(), failure.name().into()],
                    value: 1.0,
                })
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_duration_seconds",
        help: "How long the newest read of a collector took, successful or not.",
        source: "the exporter",
        quantity: Quantity::Seconds,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| Some(outcome.duration.as_secs_f64()))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_last_success_timestamp_seconds",
        help: "When a read of a collector last succeeded.",
        source: "the exporter",
        quantity: Quantity::Instant,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| instant(outcome.last_success))
        }),
    },
    Metric {
        name: "rocketchat_exporter_data_timestamp_seconds",
        help: "The time that the data of a collector describe: when they were read, or earlier where the queried member of the replica set lags or has no primary, or the changes of live mode are behind.",
        source: "the exporter; hello: lastWrite and localTime; the oplog or resume tokens of change streams",
        quantity: Quantity::Instant,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| instant(outcome.data_at))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_interval_seconds",
        help: "Time from one read of a collector to the next: its tier's interval, or more where all reads together would take too much of the time and this one is among the most expensive.",
        source: "the exporter",
        quantity: Quantity::Seconds,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| Some(outcome.interval.as_secs_f64()))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_readings_total",
        help: "Reads of a collector.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| count(outcome.readings))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_failures_total",
        help: "Reads of a collector that failed.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |outcome| count(outcome.failures))
        }),
    },
    Metric {
        name: "rocketchat_exporter_missing_index",
        help: "Whether an index is missing that a query relies on; queries that would scan a large collection without it are left out.",
        source: "the exporter, by listIndexes",
        quantity: Quantity::State,
        read: Read::By(&["collection", "key"], |snapshot| {
            let checks: BTreeMap<_, _> = snapshot
                .outcomes
                .values()
                .flat_map(|outcome| &outcome.indexes)
                .map(|index| ((index.collection, index.key), !index.present))
                .collect();
            checks
                .into_iter()
                .map(|((collection, key), missing)| Sample {
                    labels: vec![collection.into(), key.into()],
                    value: state(missing),
                })
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_missing_privilege",
        help: "Whether the database's user lacks a privilege that a collector can do without; what needs it is left out. Absent while none is missing.",
        source: "the exporter, by refused queries",
        quantity: Quantity::State,
        read: Read::By(&["collection", "action"], |snapshot| {
            let missing: BTreeSet<_> = snapshot
                .outcomes
                .values()
                .flat_map(|outcome| &outcome.refusals)
                .map(|refusal| (refusal.collection, refusal.action))
                .collect();
            missing
                .into_iter()
                .map(|(collection, action)| Sample {
                    labels: vec![collection.into(), action.into()],
                    value: 1.0,
                })
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_left_out",
        help: "Things that have no series of their own, because there are more than the collector's limit or they cannot be read. Those that can be added up are counted under the label value other. Absent while nothing is left out.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::By(&["collector", "what"], |snapshot| {
            let outcomes = Collector::ALL.into_iter().filter_map(|collector| {
                let outcome = snapshot.outcomes.get(&collector)?;
                Some((collector, outcome))
            });
            outcomes
                .flat_map(|(collector, outcome)| {
                    outcome.left_out.iter().map(move |(what, count)| Sample {
                        labels: vec![collector.name().into(), (*what).into()],
                        value: *count as f64,
                    })
                })
                .collect()
        }),
    },
    LABELS_CUT,
    Metric {
        name: "rocketchat_exporter_skipped_collection",
        help: "A collection that a collector leaves out: it is a view, or queries of it alone fail. Absent while there is none.",
        source: "the exporter, by refused queries",
        quantity: Quantity::State,
        read: Read::By(&["collector", "collection", "reason"], |snapshot| {
            let outcomes = Collector::ALL
                .into_iter()
                .filter_map(|collector| Some((collector, snapshot.outcomes.get(&collector)?)));
            outcomes
                .flat_map(|(collector, outcome)| {
                    outcome.skipped.iter().map(move |skipped| Sample {
                        labels: vec![
                            collector.name().into(),
                            skipped.collection.into(),
                            skipped.reason.name().into(),
                        ],
                        value: 1.0,
                    })
                })
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_mongodb_connections",
        help: "Open connections for queries to the workspace's database, by whether a query uses them; the driver has one more to each server, which watches it. Workspaces that share connections show the same number.",
        source: "the exporter, by the driver's events",
        quantity: Quantity::Count,
        read: Read::By(&["state"], |snapshot| {
            let pools = snapshot.pool.iter();
            pools
                .flat_map(|pool| {
                    [
                        ("in_use", pool.in_use),
                        ("idle", pool.open.saturating_sub(pool.in_use)),
                    ]
                })
                .map(|(state, number)| Sample::of(state, number as f64))
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_mongodb_connections_opened_total",
        help: "Connections for queries that were opened to the workspace's database. Workspaces that share connections show the same number.",
        source: "the exporter, by the driver's events",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| count(snapshot.pool?.opened)),
    },
];

/// Label values that were changed.
const LABELS_CUT: Metric<Snapshot> = Metric {
    name: "rocketchat_exporter_label_values_cut",
    help: "Series of a metric with a label value that was cut because it is longer than 200 bytes, or had a NUL taken out. Absent while there are none.",
    source: "the exporter",
    quantity: Quantity::Count,
    read: Read::By(&["metric"], |snapshot| {
        let changed = Collector::ALL
            .into_iter()
            .filter_map(|collector| snapshot.changed_labels.get(&collector));
        changed
            .flatten()
            .map(|(metric, series)| Sample::of(*metric, *series as f64))
            .collect()
    }),
};

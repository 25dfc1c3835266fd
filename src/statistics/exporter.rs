//! The exporter about itself: how its readings went, what it is and what it uses.

use std::collections::BTreeMap;

use super::{
    Collector, Metric, Quantity, Read, Sample, Snapshot, Timestamp, count, instant, state,
};

/// The exporter's own process.
#[derive(Debug, Clone, Default)]
pub struct OwnProcess {
    /// Processor time that it used.
    pub cpu_seconds: Option<f64>,
    /// Memory that it holds.
    pub resident_bytes: Option<u64>,
    /// Address space that it reserved.
    pub virtual_bytes: Option<u64>,
    /// Files and sockets that it has open.
    pub open_files: Option<u64>,
    /// How many it may have open.
    pub max_files: Option<u64>,
    /// Its threads.
    pub threads: Option<u64>,
    /// When it started.
    pub started_at: Option<Timestamp>,
}

fn of_each(snapshot: &Snapshot, read: impl Fn(&super::Outcome) -> Option<f64>) -> Vec<Sample> {
    Collector::ALL
        .into_iter()
        .filter_map(|collector| {
            let outcome = snapshot.outcomes.get(&collector)?;
            Some(Sample::of(collector.name(), read(outcome)?))
        })
        .collect()
}

fn own(snapshot: &Snapshot) -> Option<&OwnProcess> {
    snapshot.own_process.as_deref()
}

/// Metrics about the exporter; unlike those of a section they never go away.
pub const EXPORTER: &[Metric<Snapshot>] = &[
    Metric {
        name: "rocketchat_up",
        help: "Whether the newest question to the workspace's database was answered.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::One(|snapshot| Some(state(snapshot.up))),
    },
    Metric {
        name: "rocketchat_exporter_collector_success",
        help: "Whether the newest reading of a collector succeeded; while it did not, its metrics are absent.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |it| Some(state(it.failure.is_none())))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_duration_seconds",
        help: "How long the newest reading of a collector took, successful or not.",
        source: "the exporter",
        quantity: Quantity::Seconds,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |it| Some(it.duration.as_secs_f64()))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_last_success_timestamp_seconds",
        help: "When a reading of a collector last succeeded.",
        source: "the exporter",
        quantity: Quantity::Instant,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |it| instant(it.last_success))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_interval_seconds",
        help: "Time from one reading of a collector to the next: its tier's interval, or more when the reading is expensive.",
        source: "the exporter",
        quantity: Quantity::Seconds,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |it| Some(it.interval.as_secs_f64()))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_readings_total",
        help: "Readings of a collector.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |it| count(it.readings))
        }),
    },
    Metric {
        name: "rocketchat_exporter_collector_failures_total",
        help: "Readings of a collector that failed.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::By(&["collector"], |snapshot| {
            of_each(snapshot, |it| count(it.failures))
        }),
    },
    Metric {
        name: "rocketchat_exporter_missing_index",
        help: "Whether an index is missing that a query relies on; what would scan a large collection without it is left out.",
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
        name: "rocketchat_exporter_build_info",
        help: "The exporter's version.",
        source: "the exporter",
        quantity: Quantity::Info,
        read: Read::By(&["version"], |_| {
            vec![Sample::of(env!("CARGO_PKG_VERSION"), 1.0)]
        }),
    },
    Metric {
        name: "process_cpu_seconds_total",
        help: "Processor time used by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::SecondsTotal,
        read: Read::One(|snapshot| own(snapshot)?.cpu_seconds),
    },
    Metric {
        name: "process_resident_memory_bytes",
        help: "Memory held by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Bytes,
        read: Read::One(|snapshot| own(snapshot)?.resident_bytes.and_then(count)),
    },
    Metric {
        name: "process_virtual_memory_bytes",
        help: "Address space reserved by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Bytes,
        read: Read::One(|snapshot| own(snapshot)?.virtual_bytes.and_then(count)),
    },
    Metric {
        name: "process_open_fds",
        help: "Files and sockets that the exporter has open.",
        source: "/proc/self/fd",
        quantity: Quantity::Count,
        read: Read::One(|snapshot| own(snapshot)?.open_files.and_then(count)),
    },
    Metric {
        name: "process_max_fds",
        help: "How many files and sockets the exporter may have open.",
        source: "/proc/self/limits",
        quantity: Quantity::Count,
        read: Read::One(|snapshot| own(snapshot)?.max_files.and_then(count)),
    },
    Metric {
        name: "process_threads",
        help: "Threads of the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Count,
        read: Read::One(|snapshot| own(snapshot)?.threads.and_then(count)),
    },
    Metric {
        name: "process_start_time_seconds",
        help: "When the exporter started, as seconds since 1970.",
        source: "/proc/self/stat",
        quantity: Quantity::Instant,
        read: Read::One(|snapshot| instant(own(snapshot)?.started_at)),
    },
];

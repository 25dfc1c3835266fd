//! Metrics about live mode.

use std::collections::BTreeMap;

use super::live_state::{LiveState, LiveStatus};
use super::snapshot::Snapshot;
use crate::catalogue::{Metric, Quantity, Read, Sample, count, instant, state};

fn of_live(snapshot: &Snapshot, read: impl Fn(&LiveStatus) -> Vec<Sample>) -> Vec<Sample> {
    snapshot.live.as_deref().map_or_else(Vec::new, read)
}

fn by_collection(numbers: &BTreeMap<&'static str, u64>) -> Vec<Sample> {
    let numbers = numbers.iter();
    numbers
        .map(|(collection, number)| Sample::of(*collection, *number as f64))
        .collect()
}

fn total(snapshot: &Snapshot, read: fn(&LiveStatus) -> u64) -> Option<f64> {
    count(read(snapshot.live.as_deref()?))
}

/// Metrics about live mode; absent where no collector that is read can be followed.
pub const LIVE: &[Metric<Snapshot>] = &[
    Metric {
        name: "rocketchat_exporter_live_mode",
        help: "The value of --mongodb.live.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["mode"], |snapshot| {
            of_live(snapshot, |live| vec![Sample::of(live.mode.name(), 1.0)])
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_state",
        help: "What live mode does: off, reading everything once, following changes, resuming after an error, or behind because the changes are more than 30 seconds behind the database.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["state"], |snapshot| {
            of_live(snapshot, |live| {
                let all = LiveState::ALL.into_iter();
                all.map(|each| Sample::of(each.name(), state(each == live.state)))
                    .collect()
            })
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_obstacle",
        help: "Why changes are not followed although --mongodb.live allows it; absent while nothing stands in the way.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["reason"], |snapshot| {
            of_live(snapshot, |live| {
                let obstacle = live.obstacle.into_iter();
                obstacle
                    .map(|obstacle| Sample::of(obstacle.name(), 1.0))
                    .collect()
            })
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_followed_timestamp_seconds",
        help: "The time up to which every change is counted, from the oplog or the resume tokens of change streams; up to 20 seconds ago where nothing is written.",
        source: "the exporter",
        quantity: Quantity::Instant,
        read: Read::One(|snapshot| instant(snapshot.live.as_deref()?.followed_to)),
    },
    Metric {
        name: "rocketchat_exporter_live_drift",
        help: "Documents whose followed values differed from the newest full read; anything but 0 is a defect, which that read has corrected.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::By(&["collection"], |snapshot| {
            of_live(snapshot, |live| by_collection(&live.counts.drift))
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_documents",
        help: "Tracked documents by collection.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::By(&["collection"], |snapshot| {
            of_live(snapshot, |live| by_collection(&live.counts.documents))
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_memory_bytes",
        help: "Memory of the tracked documents.",
        source: "the exporter",
        quantity: Quantity::Bytes,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.bytes)),
    },
    Metric {
        name: "rocketchat_exporter_live_events_total",
        help: "Changes that the oplog or the change streams have returned.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.events)),
    },
    Metric {
        name: "rocketchat_exporter_live_lookups_total",
        help: "Documents that were looked up because a change did not contain enough of them.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.lookups)),
    },
    Metric {
        name: "rocketchat_exporter_live_full_readings_total",
        help: "Reads of everything that is followed: the first one, those after a fallback, and those that check.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.readings)),
    },
    Metric {
        name: "rocketchat_exporter_live_resumes_total",
        help: "How many times following changes was resumed after an error; the driver's own attempts are not included.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.resumes)),
    },
    Metric {
        name: "rocketchat_exporter_live_fallbacks_total",
        help: "How many times following changes could not be resumed, so that everything had to be read.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.fallbacks)),
    },
    Metric {
        name: "rocketchat_exporter_live_asked_seconds_total",
        help: "Time that polls for changes and lookups took; full reads are not included.",
        source: "the exporter",
        quantity: Quantity::SecondsTotal,
        read: Read::One(|snapshot| Some(snapshot.live.as_deref()?.spent.as_secs_f64())),
    },
];

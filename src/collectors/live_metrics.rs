//! Metrics about following changes.

use std::collections::BTreeMap;

use super::live_state::{Live, LiveState};
use super::snapshot::Snapshot;
use crate::catalogue::{Metric, Quantity, Read, Sample, count, instant, state};

fn of_live(snapshot: &Snapshot, read: impl Fn(&Live) -> Vec<Sample>) -> Vec<Sample> {
    snapshot.live.as_deref().map_or_else(Vec::new, read)
}

fn by_collection(numbers: &BTreeMap<&'static str, u64>) -> Vec<Sample> {
    let numbers = numbers.iter();
    numbers
        .map(|(collection, number)| Sample::of(*collection, *number as f64))
        .collect()
}

fn total(snapshot: &Snapshot, read: fn(&Live) -> u64) -> Option<f64> {
    count(read(snapshot.live.as_deref()?))
}

/// Metrics about following changes; there are none where nothing that is read could be followed.
pub const LIVE: &[Metric<Snapshot>] = &[
    Metric {
        name: "rocketchat_exporter_live_mode",
        help: "What --mongodb.live says.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["mode"], |snapshot| {
            of_live(snapshot, |live| vec![Sample::of(live.mode.name(), 1.0)])
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_state",
        help: "What live mode does: off, reading everything once, following changes, resuming after the stream of changes broke, or behind because the stream is more than 30 seconds behind the database.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["state"], |snapshot| {
            of_live(snapshot, |live| {
                let all = LiveState::ALL.into_iter();
                all.map(|it| Sample::of(it.name(), state(it == live.state)))
                    .collect()
            })
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_obstacle",
        help: "Why changes are not followed although they may be; absent while nothing stands in the way.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["reason"], |snapshot| {
            of_live(snapshot, |live| {
                let obstacle = live.obstacle.into_iter();
                obstacle.map(|it| Sample::of(it.name(), 1.0)).collect()
            })
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_followed_timestamp_seconds",
        help: "The moment up to which every change is counted, as the stream of changes tells; up to 20 seconds ago where nothing is written.",
        source: "the exporter",
        quantity: Quantity::Instant,
        read: Read::One(|snapshot| instant(snapshot.live.as_deref()?.followed_to)),
    },
    Metric {
        name: "rocketchat_exporter_live_drift",
        help: "Documents that the newest full reading found otherwise than they had been followed to be; anything but 0 is a defect, and was mended by that reading.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::By(&["collection"], |snapshot| {
            of_live(snapshot, |live| by_collection(&live.counts.drift))
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_documents",
        help: "Documents that are tracked, by collection.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::By(&["collection"], |snapshot| {
            of_live(snapshot, |live| by_collection(&live.counts.documents))
        }),
    },
    Metric {
        name: "rocketchat_exporter_live_memory_bytes",
        help: "Memory for the documents that are tracked.",
        source: "the exporter",
        quantity: Quantity::Bytes,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.bytes)),
    },
    Metric {
        name: "rocketchat_exporter_live_events_total",
        help: "Changes that the database told.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.events)),
    },
    Metric {
        name: "rocketchat_exporter_live_lookups_total",
        help: "Documents that were looked up because a change told too little of them.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.lookups)),
    },
    Metric {
        name: "rocketchat_exporter_live_full_readings_total",
        help: "Readings of everything that is followed: the first one, those after a fallback, and those that check.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.readings)),
    },
    Metric {
        name: "rocketchat_exporter_live_resumes_total",
        help: "How many times a stream of changes that broke went on where it had ended; the driver's own attempts are not in it.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.counts.resumes)),
    },
    Metric {
        name: "rocketchat_exporter_live_fallbacks_total",
        help: "How many times the stream of changes could not go on where it had ended, so that everything had to be read.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|snapshot| total(snapshot, |live| live.fallbacks)),
    },
    Metric {
        name: "rocketchat_exporter_live_asked_seconds_total",
        help: "Time that the database was asked for changes and for what they told too little of; full readings are not in it.",
        source: "the exporter",
        quantity: Quantity::SecondsTotal,
        read: Read::One(|snapshot| Some(snapshot.live.as_deref()?.spent.as_secs_f64())),
    },
];

//! Following changes instead of reading everything again: whether that is done, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::collector::Collector;
use super::metric::{Metric, Quantity, Read, Sample, count, instant, state};
use super::snapshot::Snapshot;
use super::value::Timestamp;

/// What the operator wants of live mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveMode {
    /// Where it is possible, and costs no more than it may.
    Auto,
    /// Where it is possible.
    On,
    /// Never.
    Off,
}

impl LiveMode {
    /// The value of the label `mode`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// What live mode does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// Nothing; everything is read at its interval.
    Off,
    /// It reads everything once; until then everything is read at its interval too.
    Reading,
    /// It follows changes.
    Following,
    /// Its stream broke, and it tries to go on; until then everything is read at its interval.
    Resuming,
    /// Its stream is behind, as where a majority of the set is lost; until it has caught up everything is read at its
    /// interval.
    Behind,
}

impl LiveState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Off,
        Self::Reading,
        Self::Following,
        Self::Resuming,
        Self::Behind,
    ];

    /// The value of the label `state`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reading => "reading",
            Self::Following => "following",
            Self::Resuming => "resuming",
            Self::Behind => "behind",
        }
    }
}

/// Why changes are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveObstacle {
    /// MongoDB is no replica set.
    Topology,
    /// The user may not watch the database.
    Privileges,
    /// There are too many documents.
    Size,
    /// Following costs more of the database's time than reading.
    Cost,
    /// What was followed was lost again and again, so that everything had to be read anew.
    Loss,
    /// Every collection that would be followed is a view.
    View,
}

impl LiveObstacle {
    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::Privileges => "privileges",
            Self::Size => "size",
            Self::Cost => "cost",
            Self::Loss => "loss",
            Self::View => "view",
        }
    }
}

/// What following came to since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveCounts {
    /// Changes that were told.
    pub events: u64,
    /// Documents that had to be looked up, because a change told too little of them.
    pub lookups: u64,
    /// How many times a stream that broke went on where it had ended.
    pub resumes: u64,
    /// Full readings of everything that is followed.
    pub readings: u64,
    /// How many documents of each collection the newest full reading that was compared found otherwise.
    pub drift: BTreeMap<&'static str, u64>,
    /// Documents that are tracked, by collection.
    pub documents: BTreeMap<&'static str, u64>,
    /// Memory for them.
    pub bytes: u64,
}

/// Live mode at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// What the operator wants.
    pub mode: LiveMode,
    /// What it does.
    pub state: LiveState,
    /// Why it does nothing.
    pub obstacle: Option<LiveObstacle>,
    /// Collectors whose sections come of it.
    pub follows: BTreeSet<Collector>,
    /// What it came to.
    pub counts: LiveCounts,
    /// How many times only a full reading helped, since what was followed to was lost.
    pub fallbacks: u64,
    /// The moment up to which every change was counted.
    pub followed_to: Option<Timestamp>,
    /// Time that the database was asked for changes and documents.
    pub spent: Duration,
}

impl Live {
    /// Before anything was done.
    pub fn new(mode: LiveMode) -> Self {
        Self {
            mode,
            state: LiveState::Off,
            obstacle: None,
            follows: BTreeSet::new(),
            counts: LiveCounts::default(),
            fallbacks: 0,
            followed_to: None,
            spent: Duration::ZERO,
        }
    }
}

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

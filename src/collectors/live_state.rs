//! Following changes instead of reading everything again: whether that is done, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::collector::Collector;
use crate::catalogue::Timestamp;

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

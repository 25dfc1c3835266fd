//! The state of live mode, which follows changes instead of reading everything again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::collector::Collector;
use crate::catalogue::Timestamp;

/// The operator's choice of live mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveMode {
    /// Where it is possible and cheap enough.
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
    /// Nothing: everything is read at its interval.
    Off,
    /// It reads everything once; until then everything is read at its interval too.
    Reading,
    /// It follows changes.
    Following,
    /// It tries to resume after an error; until then everything is read at its interval.
    Resuming,
    /// The changes are behind, as while a majority of the replica set is lost; until they have caught up everything is
    /// read at its interval.
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

    /// What it means, for people.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reading => "reads everything once",
            Self::Following => "follows changes",
            Self::Resuming => "resumes after an error",
            Self::Behind => "is behind the database",
        }
    }
}

/// Why changes are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveObstacle {
    /// MongoDB is no replica set.
    Topology,
    /// The database's user may neither read the oplog nor open change streams.
    Privileges,
    /// There are too many documents.
    Size,
    /// The documents would take more memory than they may.
    Memory,
    /// Following takes more of the database's time than reading.
    Cost,
    /// Following could not be resumed several times in a row.
    Loss,
    /// All collections are views.
    View,
}

impl LiveObstacle {
    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::Privileges => "privileges",
            Self::Size => "size",
            Self::Memory => "memory",
            Self::Cost => "cost",
            Self::Loss => "loss",
            Self::View => "view",
        }
    }

    /// What it means, for people.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Topology => "MongoDB is no replica set",
            Self::Privileges => "the database's user lacks privileges",
            Self::Size => "there are too many documents",
            Self::Memory => "it would take more memory than it may",
            Self::Cost => "it takes more of the database's time than reading",
            Self::Loss => "everything had to be read again several times in a row",
            Self::View => "the collections are views",
        }
    }
}

/// Counters of live mode since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveCounts {
    /// Changes that the oplog or the change streams have returned.
    pub events: u64,
    /// Documents that were looked up, because a change did not contain enough of them.
    pub lookups: u64,
    /// How many times following was resumed after an error.
    pub resumes: u64,
    /// Full reads of everything that is followed.
    pub readings: u64,
    /// Documents of each collection that differed from the newest full read that was compared.
    pub drift: BTreeMap<&'static str, u64>,
    /// Tracked documents by collection.
    pub documents: BTreeMap<&'static str, u64>,
    /// The memory that they take.
    pub bytes: u64,
}

/// Live mode at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveStatus {
    /// The operator's choice.
    pub mode: LiveMode,
    /// What it does.
    pub state: LiveState,
    /// Why it does nothing.
    pub obstacle: Option<LiveObstacle>,
    /// Collectors whose sections it keeps current.
    pub follows: BTreeSet<Collector>,
    /// Counters.
    pub counts: LiveCounts,
    /// How many times following could not be resumed, so that everything had to be read.
    pub fallbacks: u64,
    /// The time up to which every change is counted.
    pub followed_to: Option<Timestamp>,
    /// The time that polls and lookups took.
    pub spent: Duration,
}

impl LiveStatus {
    /// Before it has started.
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

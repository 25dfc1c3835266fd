//! The outcome of a reading: its failure, the indexes it relied on, and what it left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::value::Timestamp;
use super::version::Version;

/// Why a reading failed, as the label `reason` and the log say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No server answered in time, or the connection broke.
    Unreachable,
    /// The server rejected the user name or password.
    Unauthenticated,
    /// The server is older than the driver supports.
    TooOld,
    /// The connection string, or a file that it names, is invalid.
    Misconfigured,
    /// Rocket.Chat's database is not found, or ambiguous.
    NoDatabase,
    /// The user lacks a privilege.
    Unauthorized,
    /// A query exceeded its time limit.
    TimedOut,
    /// A query would scan a large collection because an index is missing.
    MissingIndex,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unauthenticated => "unauthenticated",
            Self::TooOld => "server_too_old",
            Self::Misconfigured => "misconfigured",
            Self::NoDatabase => "no_database",
            Self::Unauthorized => "unauthorized",
            Self::TimedOut => "timed_out",
            Self::MissingIndex => "missing_index",
            Self::Other => "other",
        }
    }

    /// The reason in words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Unreachable => "the database does not answer",
            Self::Unauthenticated => "the database refuses the user name or password",
            Self::TooOld => "the database's server is too old",
            Self::Misconfigured => "the connection string, or a file that it names, cannot be used",
            Self::NoDatabase => "it is not clear which database is Rocket.Chat's",
            Self::Unauthorized => "the database user lacks a privilege",
            Self::TimedOut => "it took too long",
            Self::MissingIndex => "an index is missing that it needs",
            Self::Other => "the reason is in the log",
        }
    }

    /// Whether the database cannot be queried at all.
    pub fn is_database_down(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Unauthenticated
            | Self::TooOld
            | Self::Misconfigured
            | Self::NoDatabase => true,
            Self::Unauthorized | Self::TimedOut | Self::MissingIndex | Self::Other => false,
        }
    }
}

/// The outcome of a collector's newest reading, and counters of all its readings.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// `None` if the newest reading succeeded.
    pub failure: Option<FailureKind>,
    /// Why the newest reading failed, as the log says it.
    pub failure_message: Option<Arc<str>>,
    /// Duration of the newest reading.
    pub duration: Duration,
    /// Time of the last successful reading.
    pub last_success: Option<Timestamp>,
    /// The time that the data of that reading describe.
    pub data_at: Option<Timestamp>,
    /// Time between two readings, as lengthened by their cost.
    pub interval: Duration,
    /// Readings since the start.
    pub readings: u64,
    /// Failed readings since the start.
    pub failures: u64,
    /// Whether live mode kept the section up to date, stopped, and nothing was read since.
    pub was_followed: bool,
    /// Indexes that its queries rely on, as of the newest successful reading.
    pub indexes: Vec<IndexCheck>,
    /// Missing privileges that made the newest successful reading incomplete.
    pub refusals: Vec<Refusal>,
    /// Numbers of entries that the newest successful reading does not show individually, by kind.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Collections that made the newest successful reading incomplete.
    pub skipped: Vec<Skipped>,
}

impl Outcome {
    /// The fraction of time that the database spends on the readings. The duration of a failed one is how long the exporter
    /// waited, not what it cost.
    pub fn share(&self) -> f64 {
        let interval = self.interval.as_secs_f64();
        if self.failure.is_none() && interval > 0.0 {
            self.duration.as_secs_f64() / interval
        } else {
            0.0
        }
    }
}

/// The connection pools for queries, over all servers of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections.
    pub open: u64,
    /// Connections in use by a query.
    pub in_use: u64,
    /// Connections opened since the start.
    pub opened: u64,
}

/// An index that a query relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexCheck {
    /// The collection.
    pub collection: &'static str,
    /// The first key of the index.
    pub key: &'static str,
    /// Whether the index exists.
    pub present: bool,
}

/// Indexes that Rocket.Chat does not create in every version: collection, first key, and the first version that has it.
const LATER_INDEXES: [(&str, &str, Version); 5] = [
    ("rocketchat_message", "t", Version::new(6, 4, 0)),
    ("rocketchat_message", "tcount", Version::new(1, 0, 0)),
    ("rocketchat_room", "federated", Version::new(6, 3, 0)),
    ("rocketchat_video_conference", "type", Version::new(5, 0, 0)),
    ("users", "language", Version::new(3, 12, 0)),
];

impl IndexCheck {
    /// Whether a version of Rocket.Chat creates the index.
    pub fn exists_in(&self, version: Version) -> bool {
        let mut later = LATER_INDEXES.iter();
        let later =
            later.find(|(collection, key, _)| (*collection, *key) == (self.collection, self.key));
        later.is_none_or(|(.., first)| version >= *first)
    }
}

/// A missing privilege without which the collector still succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The collection; with its database where that is not the workspace's.
    pub collection: &'static str,
    /// The action.
    pub action: &'static str,
}

/// A collection that could not be read fully.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The collection.
    pub collection: &'static str,
    /// The reason.
    pub reason: SkipReason,
    /// The reason as a message.
    pub message: Arc<str>,
}

/// Why a collection could not be read fully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// It is a view or a time series: it has no sizes, no indexes and no change stream.
    View,
    /// The query failed for this collection alone.
    Failed(FailureKind),
}

impl Skipped {
    /// Whether collection and reason are equal.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.collection, self.reason) == (other.collection, other.reason)
    }
}

impl SkipReason {
    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Failed(kind) => kind.name(),
        }
    }
}

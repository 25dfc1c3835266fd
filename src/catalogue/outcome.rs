//! How a reading went: what failed, what it relied on, what it had to leave out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::value::Timestamp;

/// Why a reading failed, in the words of the label and of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No server answered in time, or the connection broke.
    Unreachable,
    /// The server refused the user name or password.
    Unauthenticated,
    /// The server is older than the driver supports.
    TooOld,
    /// The connection string can never work, or a file that it names cannot be used.
    Misconfigured,
    /// It is not clear which database is Rocket.Chat's.
    NoDatabase,
    /// The user lacks a privilege.
    Unauthorized,
    /// A query took longer than its limit.
    TimedOut,
    /// A query would scan a large collection because its index is missing.
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

    /// Whether nothing can be asked of the database at all.
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

/// How the newest reading of a section went, and how all of them did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// `None` when the newest reading succeeded.
    pub failure: Option<FailureKind>,
    /// How long the newest reading took.
    pub duration: Duration,
    /// When a reading last succeeded.
    pub last_success: Option<Timestamp>,
    /// The moment that the data describe which it read.
    pub data_at: Option<Timestamp>,
    /// The time from one reading to the next, as stretched by its cost.
    pub interval: Duration,
    /// Readings made since the start.
    pub readings: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Whether live mode kept the section, no longer does, and nothing was read since.
    pub was_followed: bool,
    /// Indexes that its queries rely on, as the newest successful reading found them.
    pub indexes: Vec<IndexCheck>,
    /// Privileges without which the newest successful reading had less to tell.
    pub refusals: Vec<Refusal>,
    /// How many of what the newest successful reading does not tell one by one.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Collections because of which the newest successful reading had less to tell.
    pub skipped: Vec<Skipped>,
}

impl Outcome {
    /// The share of the time that the source spends on the readings. One that failed waited for an answer, which costs the
    /// source nothing, unless the server worked until the time limit.
    pub fn share(&self) -> f64 {
        let interval = self.interval.as_secs_f64();
        let worked = matches!(self.failure, None | Some(FailureKind::TimedOut));
        if worked && interval > 0.0 {
            self.duration.as_secs_f64() / interval
        } else {
            0.0
        }
    }
}

/// Connections for queries to the database, over all of its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open ones.
    pub open: u64,
    /// Those of them that a query uses.
    pub in_use: u64,
    /// How many were opened since the start.
    pub opened: u64,
}

/// An index that a query relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexCheck {
    /// The collection.
    pub collection: &'static str,
    /// The key that it must begin with.
    pub key: &'static str,
    /// Whether there is one.
    pub present: bool,
}

/// A privilege that a collector can do without, and that the user lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The collection; with its database where that is not the workspace's.
    pub collection: &'static str,
    /// The action.
    pub action: &'static str,
}

/// A collection because of which a reading had less to tell.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The collection.
    pub collection: &'static str,
    /// Why it cannot be asked as others can.
    pub reason: SkipReason,
    /// The same in words.
    pub message: Arc<str>,
}

/// Why a collection cannot be asked as others can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// It is a view, or one for time series: it has no sizes and no indexes of its own, and tells no changes.
    View,
    /// The server refused or did not answer in time, for this collection alone.
    Failed(FailureKind),
}

impl Skipped {
    /// Whether another one says the same.
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

//! How much of a workspace's database is read: what `rocketchat_up`, `/-/ready`, the log and the pages go by.

use super::outcome::FailureKind;
use super::value::Timestamp;

/// How much of a workspace's database is read at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadState {
    /// Nothing was read so far, and not every collector was tried.
    Untried,
    /// The newest reading of every collector failed, whatever the reasons.
    Down,
    /// The newest reading of some collectors failed, and that of at least one succeeded.
    Partly,
    /// No collector's newest reading failed, and at least one succeeded.
    Up,
}

/// The state of a workspace's database, since when, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    /// The state.
    pub state: ReadState,
    /// When this state began.
    pub since: Timestamp,
    /// While it is [`ReadState::Down`], what most collectors fail for.
    pub reason: Option<FailureKind>,
}

impl Availability {
    /// Before anything was tried.
    pub fn untried(now: Timestamp) -> Self {
        Self {
            state: ReadState::Untried,
            since: now,
            reason: None,
        }
    }

    /// Whether something is read.
    pub fn is_up(self) -> bool {
        matches!(self.state, ReadState::Partly | ReadState::Up)
    }
}

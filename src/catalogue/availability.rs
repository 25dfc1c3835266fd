//! Whether a workspace's database can be read: the state behind `rocketchat_up`, `/-/ready`, the log and the pages.

use super::outcome::FailureKind;
use super::value::Timestamp;

/// How much of a workspace's database can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadState {
    /// Nothing was read yet, and not every collector was tried.
    Untried,
    /// The newest reading of every collector failed.
    Down,
    /// The newest readings of some collectors failed, and at least one succeeded.
    Partly,
    /// No newest reading failed, and at least one succeeded.
    Up,
}

/// The state of a workspace's database, since when, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    /// The state.
    pub state: ReadState,
    /// When this state began.
    pub since: Timestamp,
    /// The most frequent failure, while the state is [`ReadState::Down`].
    pub reason: Option<FailureKind>,
}

impl Availability {
    /// The state before the first reading.
    pub fn untried(now: Timestamp) -> Self {
        Self {
            state: ReadState::Untried,
            since: now,
            reason: None,
        }
    }

    /// Whether at least one collector succeeded.
    pub fn is_up(self) -> bool {
        matches!(self.state, ReadState::Partly | ReadState::Up)
    }
}

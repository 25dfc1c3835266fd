//! The time, passed in so that "yesterday" can be tested and a past day replayed.

use std::time::SystemTime;

use crate::catalogue::Timestamp;

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// One instant that never passes.
    Fixed(Timestamp),
}

impl Clock {
    /// The instant that counts as now.
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => SystemTime::now().into(),
            Self::Fixed(timestamp) => timestamp,
        }
    }
}

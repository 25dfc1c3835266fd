//! The source of the current time, which tests and `--debug.now` can fix.

use std::time::SystemTime;

use crate::catalogue::Timestamp;

/// A source of the current time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The clock of the machine.
    System,
    /// A fixed instant.
    Fixed(Timestamp),
}

impl Clock {
    /// The current time.
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => SystemTime::now().into(),
            Self::Fixed(timestamp) => timestamp,
        }
    }
}

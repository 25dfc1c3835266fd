//! Whether a task still does its work: it says by when it will be heard of again.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A sign of life.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    /// The task will be heard of again by this instant.
    pub fn expect_by(&self, instant: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(instant);
    }

    /// Whether that instant has not passed.
    pub fn is_alive(&self) -> bool {
        let expected = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        expected.is_none_or(|instant| Instant::now() <= instant)
    }
}

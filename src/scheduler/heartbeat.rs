//! Whether a task still does its work: it says by when it will be heard of again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// A sign of life.
#[derive(Debug, Default)]
pub struct Heartbeat(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// Nothing was said yet.
    #[default]
    New,
    ExpectedBy(Instant),
    /// The task is no more.
    Ended,
}

impl Heartbeat {
    /// The task will be heard of again by this instant.
    pub fn expect_by(&self, instant: Instant) {
        *self.state() = State::ExpectedBy(instant);
    }

    /// The task has ended, and nobody does its work.
    pub fn end(&self) {
        *self.state() = State::Ended;
    }

    /// Whether the task is there and not late.
    pub fn is_alive(&self) -> bool {
        match *self.state() {
            State::New => true,
            State::ExpectedBy(instant) => Instant::now() <= instant,
            State::Ended => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_is_alive_until_it_is_late_or_has_ended() {
        let pulse = Heartbeat::default();
        assert!(pulse.is_alive());
        pulse.expect_by(Instant::now() + Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(pulse.is_alive());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!pulse.is_alive());
        pulse.expect_by(Instant::now());
        assert!(pulse.is_alive());
        pulse.end();
        assert!(!pulse.is_alive());
    }
}

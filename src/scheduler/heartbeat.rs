//! The heartbeat of a task, which says when the next beat is due at the latest.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The heartbeat of a task.
#[derive(Debug, Default)]
pub struct Heartbeat(Mutex<NextBeat>);

#[derive(Debug, Default)]
enum NextBeat {
    /// The task has not started.
    #[default]
    Unknown,
    DueBy(Instant),
    /// The task has ended.
    Ended,
}

impl Heartbeat {
    /// Beats; the next beat is due by this instant.
    pub fn expect_by(&self, instant: Instant) {
        *self.lock() = NextBeat::DueBy(instant);
    }

    /// Notes that the task has ended.
    pub fn end(&self) {
        *self.lock() = NextBeat::Ended;
    }

    /// Whether the task has not ended, and its next beat is not overdue.
    pub fn is_alive(&self) -> bool {
        match *self.lock() {
            NextBeat::Unknown => true,
            NextBeat::DueBy(instant) => Instant::now() <= instant,
            NextBeat::Ended => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, NextBeat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn task_is_alive_until_it_is_overdue_or_has_ended() {
        let heartbeat = Heartbeat::default();
        assert!(heartbeat.is_alive());
        heartbeat.expect_by(Instant::now() + Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(heartbeat.is_alive());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!heartbeat.is_alive());
        heartbeat.expect_by(Instant::now());
        assert!(heartbeat.is_alive());
        heartbeat.end();
        assert!(!heartbeat.is_alive());
    }
}

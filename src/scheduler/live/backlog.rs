//! Notices changes that arrive faster than they are followed: then live mode never catches up, and reading at intervals is
//! cheaper.

use std::time::Duration;

use tokio::time::Instant;

/// Streams that take longer to catch up do not catch up at all.
const MAX_CATCH_UP: Duration = Duration::from_mins(1);

/// Since when the streams have had more changes than one poll takes.
#[derive(Debug, Default)]
pub struct Backlog(Option<Instant>);

impl Backlog {
    /// Notes a poll; `more` is whether there may be more changes. Returns how long the streams have been catching up, if that
    /// is too long.
    pub fn note(&mut self, more: bool) -> Option<Duration> {
        if !more {
            self.0 = None;
            return None;
        }
        let lasts = self.0.get_or_insert_with(Instant::now).elapsed();
        (lasts >= MAX_CATCH_UP).then_some(lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn backlog_is_too_long_only_without_a_break() {
        let mut backlog = Backlog::default();
        for more in [true, true, false] {
            assert_eq!(backlog.note(more), None);
            tokio::time::advance(MAX_CATCH_UP / 2).await;
        }
        assert_eq!(backlog.note(true), None);
        tokio::time::advance(MAX_CATCH_UP).await;
        assert_eq!(backlog.note(true), Some(MAX_CATCH_UP));
    }
}

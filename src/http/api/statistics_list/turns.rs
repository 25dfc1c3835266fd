//! Lists are made one after the other: each takes memory, and reads much.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How many may wait for their turn.
const MOST_WAITING: usize = 4;

/// How long one waits.
const WAIT: Duration = Duration::from_secs(10);

/// Whose turn it is.
#[derive(Debug)]
pub struct Turns {
    turn: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }
}

impl Turns {
    /// Waits for a turn; `None` when it does not come soon, or too many wait already.
    pub async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() {
            return Some(turn);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let turn = timeout(WAIT, Arc::clone(&self.turn).acquire_owned()).await;
        turn.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_has_its_turn_and_few_wait_for_theirs_and_not_for_long() {
        let turns = Arc::new(Turns::default());
        let first = turns.take().await.expect("nobody else wants it");
        let take = || {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.take().await.is_some() })
        };
        let waiting: Vec<_> = std::iter::repeat_with(take).take(MOST_WAITING).collect();
        tokio::task::yield_now().await;
        assert!(turns.take().await.is_none(), "too many wait");
        drop(first);
        for taken in waiting {
            assert!(taken.await.expect("nothing panicked"));
        }
        let _held = turns.take().await.expect("all others are done");
        let begun = tokio::time::Instant::now();
        assert!(turns.take().await.is_none());
        assert_eq!(begun.elapsed(), WAIT);
    }
}

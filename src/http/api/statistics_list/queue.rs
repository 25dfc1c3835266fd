//! Serializes lists of stored statistics: each reads much, and takes memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Requests that may wait.
const MAX_WAITING: usize = 4;

/// How long a request waits.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// A queue of one permit.
#[derive(Debug)]
pub struct ListQueue {
    permit: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Default for ListQueue {
    fn default() -> Self {
        Self {
            permit: Arc::new(Semaphore::new(1)),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }
}

impl ListQueue {
    /// Acquires the permit; `None` when that takes too long, or too many requests wait already.
    pub async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permit).try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let permit = timeout(MAX_WAIT, Arc::clone(&self.permit).acquire_owned()).await;
        permit.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_are_limited_in_number_and_time() {
        let queue = Arc::new(ListQueue::default());
        let first = queue.acquire().await.expect("the permit is free");
        let acquire = || {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.acquire().await.is_some() })
        };
        let waiting: Vec<_> = std::iter::repeat_with(acquire).take(MAX_WAITING).collect();
        tokio::task::yield_now().await;
        assert!(queue.acquire().await.is_none(), "too many wait");
        drop(first);
        for acquired in waiting {
            assert!(acquired.await.expect("the task did not panic"));
        }
        let _permit = queue.acquire().await.expect("the permit is free");
        let begun = tokio::time::Instant::now();
        assert!(queue.acquire().await.is_none());
        assert_eq!(begun.elapsed(), MAX_WAIT);
    }
}

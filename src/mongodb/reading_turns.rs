//! The turns of readings of one cluster: however many workspaces it has, only so many of their readings run at once. Those
//! whose last reading was not answered take turns among themselves, so that they take none of the others'.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::{FailureScope, SourceError};
use crate::catalogue::FailureKind;

/// Readings of one cluster that run at once.
const TURNS: usize = 16;

/// The same for workspaces whose last reading was not answered.
const TURNS_OF_SUSPECTS: usize = 4;

/// The turns of one cluster.
#[derive(Debug)]
pub struct ReadingTurns {
    regular: Arc<Semaphore>,
    suspects: Arc<Semaphore>,
    /// Readings that were answered.
    answered: AtomicU64,
}

/// A workspace's part in the turns of its cluster.
#[derive(Debug)]
pub struct TurnTaker {
    turns: Arc<ReadingTurns>,
    /// Whether the last reading was not answered.
    is_suspect: AtomicBool,
}

/// A turn, for as long as it is held.
#[derive(Debug, Default)]
pub struct Turn {
    /// `None` where there is nothing to take turns with.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for ReadingTurns {
    fn default() -> Self {
        Self {
            regular: Arc::new(Semaphore::new(TURNS)),
            suspects: Arc::new(Semaphore::new(TURNS_OF_SUSPECTS)),
            answered: AtomicU64::new(0),
        }
    }
}

impl Turn {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Some(permit),
        }
    }
}

impl TurnTaker {
    /// A workspace that was not read yet.
    pub fn new(turns: Arc<ReadingTurns>) -> Self {
        Self {
            turns,
            is_suspect: AtomicBool::new(false),
        }
    }

    /// Waits for a turn, as long as readings of the cluster are answered; `on_wait` is called after each `limit`.
    ///
    /// # Errors
    /// When none was answered for as long as `limit`.
    pub async fn wait(&self, limit: Duration, on_wait: impl Fn()) -> Result<Turn, SourceError> {
        loop {
            let semaphore = self.semaphore();
            let permit = self.acquire(semaphore, limit, &on_wait).await?;
            // Another reading of the workspace may have been left unanswered meanwhile.
            if Arc::ptr_eq(semaphore, self.semaphore()) {
                return Ok(Turn::of(permit));
            }
        }
    }

    async fn acquire(
        &self,
        semaphore: &Arc<Semaphore>,
        limit: Duration,
        on_wait: impl Fn(),
    ) -> Result<OwnedSemaphorePermit, SourceError> {
        let mut permit = Box::pin(Arc::clone(semaphore).acquire_owned());
        loop {
            let answered = self.turns.answered.load(Ordering::Relaxed);
            match timeout(limit, &mut permit).await {
                Ok(Ok(permit)) => return Ok(permit),
                Ok(Err(_)) => unreachable!("the semaphore is never closed"),
                Err(_)
                    if Arc::ptr_eq(semaphore, &self.turns.regular)
                        && answered != self.turns.answered.load(Ordering::Relaxed) =>
                {
                    on_wait();
                }
                Err(_) => {
                    let message = format!(
                        "MongoDB answered no query of any workspace on these servers for {} s",
                        limit.as_secs()
                    );
                    let error = SourceError::new(FailureKind::Unreachable, message);
                    return Err(error.of(FailureScope::NoAnswer));
                }
            }
        }
    }

    /// A turn, if one is free.
    pub fn try_take(&self) -> Option<Turn> {
        let permit = Arc::clone(self.semaphore()).try_acquire_owned().ok()?;
        Some(Turn::of(permit))
    }

    /// Notes how a reading ended.
    pub fn note(&self, error: Option<&SourceError>) {
        let is_unanswered = error.is_some_and(|error| {
            let kinds = [FailureKind::TimedOut, FailureKind::Unreachable];
            error.scope == FailureScope::NoAnswer || kinds.contains(&error.kind)
        });
        self.is_suspect.store(is_unanswered, Ordering::Relaxed);
        if !is_unanswered {
            self.turns.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn semaphore(&self) -> &Arc<Semaphore> {
        if self.is_suspect.load(Ordering::Relaxed) {
            &self.turns.suspects
        } else {
            &self.turns.regular
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(15);

    fn unanswered() -> SourceError {
        SourceError::new(FailureKind::Unreachable, "no answer").of(FailureScope::NoAnswer)
    }

    async fn take(taker: &TurnTaker) -> Result<Turn, SourceError> {
        taker.wait(LIMIT, || {}).await
    }

    #[tokio::test(start_paused = true)]
    async fn unanswered_workspaces_take_no_turn_of_the_others() {
        let turns = Arc::<ReadingTurns>::default();
        let suspect = TurnTaker::new(Arc::clone(&turns));
        let healthy = TurnTaker::new(turns);
        suspect.note(Some(&unanswered()));
        let mut held = Vec::new();
        for _ in 0..TURNS_OF_SUSPECTS {
            held.push(take(&suspect).await.expect("a turn is free"));
        }
        assert!(suspect.try_take().is_none());
        for _ in 0..TURNS {
            held.push(take(&healthy).await.expect("a turn is free"));
        }
        assert!(healthy.try_take().is_none());
        held.clear();
        suspect.note(None);
        assert!(suspect.try_take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_cannot_be_selected_has_not_answered() {
        let turns = Arc::<ReadingTurns>::default();
        let [first, second] = [(); 2].map(|()| TurnTaker::new(Arc::clone(&turns)));
        let held: Vec<_> = (0..TURNS).filter_map(|_| first.try_take()).collect();
        let error = SourceError::new(FailureKind::Unreachable, "no server answers");
        let others = async {
            tokio::time::sleep(LIMIT / 2).await;
            first.note(Some(&error.of(FailureScope::Database)));
        };
        let (turn, ()) = tokio::join!(take(&second), others);
        assert!(turn.is_err(), "it waits no longer than the limit");
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn turn_is_waited_for_while_others_are_answered() {
        let turns = Arc::<ReadingTurns>::default();
        let [first, second] = [(); 2].map(|()| TurnTaker::new(Arc::clone(&turns)));
        let mut held: Vec<_> = (0..TURNS).filter_map(|_| first.try_take()).collect();
        let waits = AtomicU64::new(0);
        let on_wait = || {
            waits.fetch_add(1, Ordering::Relaxed);
        };
        let waiting = second.wait(LIMIT, on_wait);
        let others = async {
            for _ in 0..3 {
                tokio::time::sleep(LIMIT * 2 / 3).await;
                first.note(None);
            }
            held.pop();
        };
        let (turn, ()) = tokio::join!(waiting, others);
        assert!(turn.is_ok());
        assert!(waits.load(Ordering::Relaxed) > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_workspace_that_becomes_suspect_gives_its_turn_back() {
        let turns = Arc::<ReadingTurns>::default();
        let [first, second] = [(); 2].map(|()| TurnTaker::new(Arc::clone(&turns)));
        let mut held: Vec<_> = (0..TURNS).filter_map(|_| first.try_take()).collect();
        let others = async {
            second.note(Some(&unanswered()));
            held.pop();
        };
        let (turn, ()) = tokio::join!(take(&second), others);
        assert!(turn.is_ok());
        assert!(first.try_take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn silent_cluster_is_reported_after_the_limit() {
        let turns = Arc::<ReadingTurns>::default();
        let [first, second] = [(); 2].map(|()| TurnTaker::new(Arc::clone(&turns)));
        let held: Vec<_> = (0..TURNS).filter_map(|_| first.try_take()).collect();
        let error = take(&second).await.expect_err("no turn becomes free");
        assert_eq!(error.scope, FailureScope::NoAnswer);
        drop(held);
    }
}

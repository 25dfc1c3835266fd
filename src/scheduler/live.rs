//! Live mode: sections that changes keep current, and that are read as a whole only now and then, to check them. While
//! changes cannot be followed the tiers read these sections like all others.

mod backlog;
mod follow;
pub mod poll_cost;
mod publish;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tokio::time::{Instant, sleep_until};

use publish::Inputs;

use super::RefreshRequests;
use super::backoff::{Backoff, jittered};
use super::context::SchedulerContext;
use super::heartbeat::Heartbeat;
use super::intervals::at_share;
use crate::change_streams::{Follower, LiveError};
use crate::collectors::live_sections::{followable, followed_collections};
use crate::collectors::{Collector, LiveObstacle, LiveState};

/// After this time it is tried again whether an obstacle still stands in the way.
const OBSTACLE_INTERVAL: Duration = Duration::from_hours(1);

/// The longest wait before the next attempt after a failure.
const MAX_RETRY: Duration = Duration::from_mins(1);

/// After so many losses in a row live mode gives up for [`OBSTACLE_INTERVAL`].
const MAX_LOSSES: u32 = 5;

/// The task of live mode.
pub struct LiveTask<'a> {
    context: &'a SchedulerContext,
    collectors: BTreeSet<Collector>,
    follower: Follower,
    requests: MutexGuard<'a, RefreshRequests>,
    heartbeat: &'a Heartbeat,
    /// No full read begins before, so that all of them take no more than their share of the time.
    earliest_full_read: Instant,
    /// When the tracked documents are to be checked by a full read.
    next_check: Instant,
    /// When the full read began that is running.
    full_read_since: Option<Instant>,
    /// When the streams were opened.
    following_since: Option<Instant>,
    /// After failures in a row.
    backoff: Backoff,
    /// Losses in a row: how many times only a full read helped.
    losses: u32,
    /// After the second and further losses in a row.
    loss_backoff: Backoff,
    fallbacks: u64,
    /// Views of which the log says that they cannot be followed.
    logged_views: BTreeSet<&'static str>,
    /// The time that polls took.
    polling: Duration,
    published_at: Instant,
    /// What else the published sections depend on.
    published_of: Inputs,
}

/// Follows changes until the scheduler stops; returns at once where there is nothing to follow.
pub async fn run(
    context: &SchedulerContext,
    requests: &AsyncMutex<RefreshRequests>,
    heartbeat: &Heartbeat,
) {
    let requests = requests.lock().await;
    if let Some(mut task) = LiveTask::new(context, requests, heartbeat) {
        task.run().await;
    }
}

impl<'a> LiveTask<'a> {
    /// A task that has not started; `None` where there is nothing to follow.
    fn new(
        context: &'a SchedulerContext,
        requests: MutexGuard<'a, RefreshRequests>,
        heartbeat: &'a Heartbeat,
    ) -> Option<Self> {
        let collectors = followable(&context.config.collectors);
        if collectors.is_empty() {
            return None;
        }
        let collections = followed_collections(&context.config.collectors);
        let now = Instant::now();
        Some(Self {
            follower: context.sources.follower(collections)?,
            context,
            collectors,
            requests,
            heartbeat,
            earliest_full_read: now,
            next_check: now,
            full_read_since: None,
            following_since: None,
            backoff: Backoff::default(),
            losses: 0,
            loss_backoff: Backoff::default(),
            fallbacks: 0,
            logged_views: BTreeSet::new(),
            polling: Duration::ZERO,
            published_at: now,
            published_of: Inputs::default(),
        })
    }

    /// Follows, and tries again after each error.
    async fn run(&mut self) {
        if self.is_following() {
            self.stop_following(LiveState::Reading, None, "the task of live mode has ended");
        }
        // After the first reads, which it would only delay, and whose results it needs.
        let mut snapshots = self.context.publish.subscribe();
        let collectors = self.collectors.clone();
        let first = snapshots.wait_for(|snapshot| snapshot.has_tried(&collectors));
        if first.await.is_err() {
            return;
        }
        loop {
            let Err(error) = Box::pin(self.follow()).await;
            self.follower.close();
            self.following_since = None;
            if let Some(begun) = self.full_read_since.take() {
                // It was in vain, but has its cost.
                self.rest_after_full_read(begun);
            }
            let wait = self.handle(error);
            self.rest_until(Instant::now() + wait).await;
        }
    }

    /// Leaves the sections to the tiers because of an error; returns the wait before the next attempt.
    fn handle(&mut self, error: LiveError) -> Duration {
        match self.give_up_after_losses(error) {
            LiveError::Impossible(obstacle, reason) => {
                self.stop_following(LiveState::Off, Some(obstacle), &reason);
                self.follower.forget();
                OBSTACLE_INTERVAL
            }
            LiveError::Lost(reason) => {
                self.fallbacks += 1;
                self.stop_following(LiveState::Reading, None, &reason);
                self.follower.forget();
                if self.losses == 1 {
                    return Duration::ZERO;
                }
                jittered(self.loss_backoff.next_delay(MAX_RETRY))
            }
            LiveError::Failed(reason) => {
                let state = if self.follower.documents().is_some() {
                    LiveState::Resuming
                } else {
                    LiveState::Reading
                };
                self.stop_following(state, None, &reason.to_string());
                jittered(self.backoff.next_delay(MAX_RETRY))
            }
        }
    }

    /// Makes too many losses in a row an obstacle.
    fn give_up_after_losses(&mut self, error: LiveError) -> LiveError {
        let LiveError::Lost(reason) = error else {
            return error;
        };
        self.losses = self.losses.saturating_add(1);
        if self.losses < MAX_LOSSES {
            return LiveError::Lost(reason);
        }
        self.forget_losses();
        LiveError::Impossible(
            LiveObstacle::Loss,
            format!(
                "everything had to be read again {MAX_LOSSES} times in a row; the last reason: {reason}"
            ),
        )
    }

    fn forget_losses(&mut self) {
        self.losses = 0;
        self.loss_backoff.reset();
    }

    /// Waits, and answers refresh requests: the tiers read everything now.
    async fn rest_until(&mut self, instant: Instant) {
        self.heartbeat.expect_by(instant + self.max_round_time());
        loop {
            tokio::select! {
                () = sleep_until(instant) => return,
                Some(request) = self.requests.recv() => request.answer(),
            }
        }
    }

    /// The longest time that one round may take: a few queries at their timeout, twice because a machine may be busy.
    fn max_round_time(&self) -> Duration {
        self.context.sources.database_limit() * 4
    }

    /// Puts off the next full read after one that began at this time, so that all of them keep to their share of the time;
    /// returns for how long.
    fn rest_after_full_read(&mut self, begun: Instant) -> Duration {
        let rest = self.share_of_time(begun.elapsed());
        self.earliest_full_read = Instant::now() + rest;
        rest
    }

    /// The time of which work that lasted so long takes the share of all reads.
    fn share_of_time(&self, lasted: Duration) -> Duration {
        at_share(lasted, self.context.config.intervals.max_share)
    }

    fn workspace(&self) -> Option<&str> {
        self.context.config.workspace.as_deref()
    }
}

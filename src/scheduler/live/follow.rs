//! The loop of live mode while changes can be polled: it polls them, checks what they keep current by full reads, and
//! watches how late they are and what they cost.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::RefreshRequest;
use super::LiveTask;
use super::backlog::Backlog;
use super::poll_cost::PollCost;
use crate::catalogue::FailureKind;
use crate::change_streams::{Lateness, LiveError, TrackedDocuments};
use crate::collectors::{LiveMode, LiveObstacle, LiveState};
use crate::mongodb::SourceError;

/// How long a full read and the tracked documents may differ, because the streams are behind.
const COMPARE_TIMEOUT: Duration = Duration::from_mins(1);

/// Streams that last so long did not break because of the failure before.
const STEADY: Duration = Duration::from_secs(10);

/// A full read that is running, and when it began.
struct RunningFullRead {
    begun: Instant,
    result: Pin<Box<dyn Future<Output = Result<TrackedDocuments, LiveError>> + Send>>,
}

impl LiveTask<'_> {
    /// Follows changes until that fails.
    pub async fn follow(&mut self) -> Result<Infallible, LiveError> {
        self.heartbeat
            .expect_by(Instant::now() + self.max_round_time());
        // What is awaited between polls is boxed, so that a workspace keeps no room for it while it waits for the next one.
        if !Box::pin(self.follower.resume()).await? {
            self.rest_until(self.earliest_full_read).await;
            self.set_state(LiveState::Reading);
            Box::pin(self.follower.start()).await?;
            self.log_views();
            self.next_check = Instant::now();
        }
        self.following_since = Some(Instant::now());
        let mut full_read: Option<RunningFullRead> = None;
        let mut waiting: Vec<Box<RefreshRequest>> = Vec::new();
        let mut compare_until = Instant::now();
        let mut cost = PollCost::new();
        let mut backlog = Backlog::default();
        let status = Box::pin(self.follower.member_status()).await?;
        let mut lateness = Lateness::new(status, self.follower.position());
        // Whether there are more changes, and whether some were not published.
        let (mut more, mut changed) = (false, false);
        loop {
            let now = Instant::now();
            self.heartbeat.expect_by(now + self.max_round_time());
            let pacing = self.context.config.pacing;
            let poll_interval = pacing.poll_interval(self.follower.sharing());
            let may_read = !lateness.is_late() && !self.follower.is_comparing();
            let is_due = full_read.is_none() && may_read && now >= self.next_check;
            if is_due && let Some(turn) = self.context.sources.try_turn() {
                let full_read_of_all = Box::pin(self.follower.full_read()).await?;
                full_read = Some(RunningFullRead {
                    begun: now,
                    result: Box::pin(async move {
                        let _turn = turn;
                        full_read_of_all.run().await
                    }),
                });
                self.full_read_since = Some(now);
            }
            let at_once = more || cost.is_comparing();
            tokio::select! {
                () = sleep_until(if at_once { now } else { now + poll_interval }) => {}
                (begun, result) = finished(&mut full_read) => {
                    full_read = None;
                    compare_until = Instant::now() + COMPARE_TIMEOUT;
                    self.finish_full_read(begun, result)?;
                }
                Some(request) = self.requests.recv() => waiting.push(request),
            }
            let begun = Instant::now();
            let up_to_now = cost.is_comparing() || !waiting.is_empty();
            let caught_up = Box::pin(self.follower.catch_up(up_to_now)).await?;
            self.context.circuit_breaker.note_success();
            let duration = begun.elapsed();
            if caught_up.has_queried {
                self.polling += duration;
                cost.note(duration, caught_up);
            }
            more = caught_up.more;
            if let Some(lasts) = backlog.note(more) {
                // It was in vain, but had its cost.
                let rest = self.share_of_time(lasts);
                self.earliest_full_read = self.earliest_full_read.max(Instant::now() + rest);
                return Err(LiveError::Lost(format!(
                    "changes arrive faster than they can be followed, for {} s",
                    lasts.as_secs()
                )));
            }
            changed |= caught_up.changes > 0;
            if !self.follower.take_changed().is_empty() {
                self.context.changed.send_modify(|times| *times += 1);
            }
            if !more && self.follower.is_comparing() {
                changed = true;
                if self.follower.compare(Instant::now() >= compare_until) {
                    self.log_drift();
                }
            }
            if self.is_late(&mut lateness).await? {
                changed = true;
                waiting.drain(..).for_each(|request| request.answer());
                continue;
            }
            // A backlog is not shown before it is applied once; later a flood of changes is shown while it is applied.
            let is_due =
                !more || self.is_following() && self.published_at.elapsed() >= poll_interval;
            if is_due && self.follower.documents().is_some() {
                if !more {
                    self.forget_failures_if_steady();
                }
                self.publish(changed, lateness.age(self.follower.position()));
                changed = false;
            }
            if !more {
                waiting.drain(..).for_each(|request| request.answer());
            }
            if let Some(share) = cost.share() {
                self.check_cost(share)?;
            }
        }
    }

    /// Whether the streams are too late to be shown, which is logged once; the tiers read meanwhile.
    async fn is_late(&mut self, lateness: &mut Lateness) -> Result<bool, LiveError> {
        let reads_status = lateness.advance(self.follower.position());
        if reads_status {
            lateness.set_status(Box::pin(self.follower.member_status()).await?);
        }
        if !lateness.is_late() {
            return Ok(false);
        }
        if self.is_following() {
            let reason = format!(
                "the changes are {} s behind; {}",
                lateness.behind().as_secs(),
                lateness.cause()
            );
            self.stop_following(LiveState::Behind, None, &reason);
        } else if !self.is_in(LiveState::Behind) && self.follower.documents().is_some() {
            self.set_state(LiveState::Behind);
        }
        if reads_status
            && lateness.member_lags()
            && Box::pin(self.follower.has_better_member()).await?
        {
            return Err(LiveError::Failed(SourceError::new(
                FailureKind::Other,
                "the member that changes are read from lags, and another one does not",
            )));
        }
        Ok(true)
    }

    /// Takes the result of a full read that began at this time; one that only checks may fail.
    fn finish_full_read(
        &mut self,
        begun: Instant,
        result: Result<TrackedDocuments, LiveError>,
    ) -> Result<(), LiveError> {
        self.full_read_since = None;
        let rest = self.rest_after_full_read(begun);
        self.next_check = Instant::now() + rest.max(self.context.config.intervals.slow);
        match result {
            Ok(found) => self.follower.finish_full_read(found),
            Err(LiveError::Failed(reason)) if self.follower.documents().is_some() => {
                tracing::debug!(workspace = self.workspace(), %reason, "the full read that checks live mode failed");
                self.follower.abandon_full_read();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Forgets earlier failures once the streams have lasted: streams that break as soon as they are opened are no success.
    fn forget_failures_if_steady(&mut self) {
        let since = self.following_since;
        if since.is_some_and(|instant| instant.elapsed() >= STEADY) {
            self.backoff.reset();
            self.forget_losses();
        }
    }

    /// Checks whether live mode may go on, of which the polls take this share of the time: in the mode `auto` it may take no
    /// more than the reads that it replaces, or than what all reads may.
    fn check_cost(&self, share: f64) -> Result<(), LiveError> {
        let intervals = &self.context.config.intervals;
        let snapshot = Arc::clone(&self.context.publish.borrow());
        let reads = self.collectors.iter().map(|collector| {
            let outcome = snapshot.outcomes.get(collector);
            let duration = outcome.map(|outcome| outcome.duration).unwrap_or_default();
            duration.div_duration_f64(intervals.of(collector.tier()))
        });
        let limit = reads.sum::<f64>().max(intervals.max_share);
        if share <= limit || self.context.config.live != LiveMode::Auto {
            return Ok(());
        }
        Err(LiveError::Impossible(
            LiveObstacle::Cost,
            format!(
                "following changes took {:.2} % of the time, and may take {:.2} %",
                share * 100.0,
                limit * 100.0
            ),
        ))
    }
}

/// The result of a running full read, and when it began; never ready where there is none.
async fn finished(
    full_read: &mut Option<RunningFullRead>,
) -> (Instant, Result<TrackedDocuments, LiveError>) {
    match full_read {
        Some(full_read) => (full_read.begun, full_read.result.as_mut().await),
        None => std::future::pending().await,
    }
}

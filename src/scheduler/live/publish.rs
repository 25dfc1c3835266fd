//! What live mode publishes and logs: its sections, its state, and why it stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::LiveTask;
use crate::catalogue::Timestamp;
use crate::change_streams::names_of;
use crate::collectors::live_sections::section;
use crate::collectors::{
    Collector, LiveMode, LiveObstacle, LiveState, LiveStatus, Snapshot, sections,
};

/// Without changes the sections are published again after this time, as current.
const REPUBLISH_INTERVAL: Duration = Duration::from_secs(10);

/// When the sections were read that followed sections depend on beside their documents.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Inputs([Option<Timestamp>; 2]);

impl Inputs {
    fn of(snapshot: &Snapshot) -> Self {
        Self(
            [Collector::Instances, Collector::Settings].map(|collector| {
                let outcome = snapshot.outcomes.get(&collector)?;
                outcome.last_success.filter(|_| outcome.failure.is_none())
            }),
        )
    }
}

impl LiveTask<'_> {
    /// Whether the published sections are kept current.
    pub fn is_following(&self) -> bool {
        self.is_in(LiveState::Following)
    }

    pub fn is_in(&self, state: LiveState) -> bool {
        let snapshot = self.context.publish.borrow();
        let live = snapshot.live.as_ref();
        live.is_some_and(|live| live.state == state)
    }

    /// Publishes the sections, where they are new or were not published for a while; `age` is how old they are.
    pub fn publish(&mut self, changed: bool, age: Duration) {
        let is_following = self.is_following();
        let known = Arc::clone(&self.context.publish.borrow());
        let inputs = Inputs::of(&known);
        let is_current = !changed && inputs == self.published_of;
        if is_following && is_current && self.published_at.elapsed() < REPUBLISH_INTERVAL {
            return;
        }
        let Some(documents) = self.follower.documents() else {
            return;
        };
        let collectors = self.collectors.iter();
        let sections: Vec<_> = collectors
            .filter_map(|collector| Some((*collector, section(*collector, documents, &known)?)))
            .collect();
        if !is_following {
            let tracked = documents.counts().map(|(_, number)| number).sum::<usize>();
            tracing::info!(
                workspace = self.workspace(),
                documents = tracked,
                source = self.follower.source(),
                "changes are followed"
            );
        }
        self.published_at = Instant::now();
        self.published_of = inputs;
        let now = self.context.clock.now();
        let interval = self.context.config.intervals.slow;
        let data_at = now.before(age);
        let mut live = self.live(LiveState::Following);
        live.follows = sections.iter().map(|(collector, _)| *collector).collect();
        live.followed_to = Some(data_at);
        self.context.change(|snapshot| {
            for (collector, section) in sections {
                if let Some(outcome) = snapshot.outcome_mut(collector) {
                    outcome.failure = section.as_ref().err().copied();
                    outcome.interval = interval;
                    outcome.was_followed = false;
                    if section.is_ok() {
                        outcome.last_success = Some(now);
                        outcome.data_at = Some(data_at);
                    }
                }
                match section {
                    Ok(section) => sections::store(snapshot, collector, section),
                    Err(_) => snapshot.clear(collector),
                }
            }
            snapshot.read_at = Some(now);
            snapshot.data_at = Some(data_at);
            snapshot.live = Some(Arc::new(live));
        });
    }

    fn live(&self, state: LiveState) -> LiveStatus {
        let mut live = LiveStatus::new(self.context.config.live);
        live.state = state;
        live.counts = self.follower.counts();
        live.fallbacks = self.fallbacks;
        live.spent = self.polling;
        live
    }

    /// Publishes a state in which the tiers read.
    pub fn set_state(&self, state: LiveState) {
        let live = self.live(state);
        self.context
            .change(|snapshot| snapshot.live = Some(Arc::new(live)));
    }

    /// Leaves the sections to the tiers, and logs once why.
    pub fn stop_following(&self, state: LiveState, obstacle: Option<LiveObstacle>, reason: &str) {
        let before = self.context.publish.borrow().live.clone();
        let was_following = self.is_following();
        self.log_stop(was_following, obstacle, before.as_deref(), reason);
        let mut live = self.live(state);
        live.obstacle = obstacle;
        live.followed_to = before.as_ref().and_then(|live| live.followed_to);
        self.context.change(|snapshot| {
            for collector in before.iter().flat_map(|live| &live.follows) {
                if let Some(outcome) = snapshot.outcome_mut(*collector) {
                    outcome.was_followed = true;
                }
            }
            snapshot.live = Some(Arc::new(live));
        });
        if was_following {
            self.context.handed_back.send_modify(|times| *times += 1);
        }
    }

    fn log_stop(
        &self,
        was_following: bool,
        obstacle: Option<LiveObstacle>,
        before: Option<&LiveStatus>,
        reason: &str,
    ) {
        let workspace = self.workspace();
        if obstacle.is_some() && obstacle == before.and_then(|live| live.obstacle) {
            tracing::debug!(workspace, reason, "changes are still not followed");
        } else if obstacle.is_some() && self.context.config.live == LiveMode::On {
            tracing::warn!(
                workspace,
                reason,
                "changes cannot be followed, so everything is read at its interval"
            );
        } else if obstacle.is_some() {
            tracing::info!(
                workspace,
                reason,
                "changes are not followed, so everything is read at its interval"
            );
        } else if was_following {
            tracing::info!(
                workspace,
                reason,
                "changes can no longer be followed; trying again"
            );
        } else {
            tracing::debug!(
                workspace,
                reason,
                "changes can still not be followed; trying again"
            );
        }
    }

    /// Logs once which collections cannot be followed, while the others are.
    pub fn log_views(&mut self) {
        let views = self.follower.views();
        if !views.is_empty() && *views != self.logged_views {
            tracing::warn!(
                workspace = self.workspace(),
                collections = names_of(views),
                "changes of a view cannot be followed, so what needs them is read at its interval"
            );
        }
        self.logged_views = views.clone();
    }

    /// Logs documents that a full read has found to differ.
    pub fn log_drift(&self) {
        let drift = self.follower.counts().drift;
        if drift.values().any(|number| *number > 0) {
            tracing::warn!(
                workspace = self.workspace(),
                documents = ?drift,
                "live mode had wrong values of documents, which are corrected; it is a defect of the exporter, please report it"
            );
        }
    }
}

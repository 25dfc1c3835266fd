//! When to ask: each tier reads its collectors one after the other, at its interval, and publishes a new snapshot
//! after each; while somebody waits the longer tiers read two at once. One failing collector leaves the others whole, and is
//! tried again sooner than its interval.

pub mod budget;
pub mod contact;
pub mod doubt;
pub mod heartbeat;
pub mod journal;
pub mod live;
pub mod shared;
pub mod tier;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub use budget::Intervals;
use heartbeat::Heartbeat;
use shared::Shared;

use crate::catalogue::{Availability, Tier, Version};
use crate::clock::Clock;
use crate::collectors::{Collector, Live, LiveMode, RefreshScope, Snapshot, Sources};
use crate::supervision::keep_running;

/// How many callers may wait for a fresh reading at once; further ones wait for a place.
const WAITING_REFRESHES: usize = 64;

/// A caller that waits until something was read once more.
pub struct Request {
    extent: RefreshScope,
    done: oneshot::Sender<()>,
}

impl Request {
    /// Says that it was read. A caller that no longer waits has gone away, and needs no answer.
    fn answer(self) {
        self.done.send(()).ok();
    }
}

/// The running sampler: where its snapshots appear, and how to ask for a fresh one.
#[derive(Debug, Clone)]
pub struct Sampler {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    tiers: Vec<mpsc::Sender<Request>>,
    pulses: Vec<Arc<Heartbeat>>,
}

/// What is read, and when.
#[derive(Debug)]
pub struct Plan {
    /// The workspace's name in the log, where there are several.
    pub workspace: Option<Arc<str>>,
    /// What is read.
    pub collectors: BTreeSet<Collector>,
    /// How often.
    pub intervals: Intervals,
    /// Whether changes are followed instead, where that is possible.
    pub live: LiveMode,
    /// The version that the operator set.
    pub configured_version: Option<Version>,
    /// How long the first reading is put off.
    pub delay: Duration,
}

/// The sampler has been stopped, so nothing is read any more.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the exporter is stopping")]
pub struct Stopped;

impl Sampler {
    /// Starts to read; the tasks run in `tasks` until that is dropped.
    pub fn start(sources: Sources, plan: Plan, clock: Clock, tasks: &mut JoinSet<()>) -> Self {
        let asks_database = plan.collectors.iter().any(|it| it.asks_database());
        let can_follow = !live::followable(&plan.collectors).is_empty();
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot {
            configured_version: plan.configured_version,
            availability: asks_database.then(|| Availability::untried(clock.now())),
            live: can_follow.then(|| Arc::new(Live::new(plan.live))),
            ..Snapshot::default()
        }));
        let shared = Arc::new(Shared::new(sources, plan, clock, publish));
        let mut tiers = Vec::new();
        let mut pulses = Vec::new();
        for tier in Tier::ALL {
            if !shared.plan.collectors.iter().any(|it| it.tier() == tier) {
                continue;
            }
            let (request, requests) = mpsc::channel(WAITING_REFRESHES);
            let requests = Arc::new(AsyncMutex::new(requests));
            let pulse = Arc::new(Heartbeat::default());
            let (shared, beating) = (Arc::clone(&shared), Arc::clone(&pulse));
            tasks.spawn(async move {
                let run = || tier::run(&shared, tier, &requests, &beating);
                keep_running(tier.name(), run).await;
                beating.end();
            });
            tiers.push(request);
            pulses.push(pulse);
        }
        if can_follow && shared.plan.live != LiveMode::Off {
            let (request, requests) = mpsc::channel(WAITING_REFRESHES);
            let requests = Arc::new(AsyncMutex::new(requests));
            let pulse = Arc::new(Heartbeat::default());
            let beating = Arc::clone(&pulse);
            tasks.spawn(async move {
                let run = || live::run(&shared, &requests, &beating);
                keep_running("live", run).await;
                beating.end();
            });
            tiers.push(request);
            pulses.push(pulse);
        }
        Self {
            snapshots,
            tiers,
            pulses,
        }
    }

    /// Whether every tier reads, or waits for its time; one that has ended, or that hangs longer than a reading may take,
    /// does not.
    pub fn is_alive(&self) -> bool {
        self.pulses.iter().all(|pulse| pulse.is_alive())
    }

    /// The first snapshot in which everything was tried.
    ///
    /// # Errors
    /// When the sampler was stopped.
    pub async fn first(&self, collectors: &BTreeSet<Collector>) -> Result<Arc<Snapshot>, Stopped> {
        let mut snapshots = self.snapshots();
        let complete = snapshots
            .wait_for(|it| collectors.iter().all(|one| it.outcomes.contains_key(one)))
            .await;
        complete.map(|it| Arc::clone(&it)).map_err(|_| Stopped)
    }

    /// Where each new snapshot appears.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The newest snapshot.
    pub fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Reads everything of an extent once more and returns when that is done.
    ///
    /// Callers that come while a reading runs share the next one, so however many ask, one reads.
    ///
    /// # Errors
    /// When the sampler was stopped.
    pub async fn refresh(&self, extent: RefreshScope) -> Result<Arc<Snapshot>, Stopped> {
        let mut answers = Vec::with_capacity(self.tiers.len());
        for tier in &self.tiers {
            let (done, answer) = oneshot::channel();
            let request = Request { extent, done };
            tier.send(request).await.map_err(|_| Stopped)?;
            answers.push(answer);
        }
        for answer in answers {
            answer.await.map_err(|_| Stopped)?;
        }
        Ok(self.newest())
    }
}

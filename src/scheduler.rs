//! When collectors are read: each tier reads its collectors one after the other, at its interval, and publishes a new snapshot
//! after each; while a caller waits the longer tiers read two at once. A failed collector leaves the others as they are, and
//! is retried before its interval ends.

pub mod backoff;
pub mod budget;
pub mod circuit_breaker;
pub mod context;
pub mod heartbeat;
pub mod intervals;
pub mod live;
pub mod reading_log;
pub mod recheck;
pub mod scheduled_collector;
pub mod tier;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use context::SchedulerContext;
use heartbeat::Heartbeat;
pub use intervals::Intervals;

use crate::catalogue::{Availability, NamedVersion, Tier};
use crate::clock::Clock;
use crate::collectors::live_sections::followable;
use crate::collectors::{Collector, LiveMode, LiveStatus, RefreshScope, Snapshot, Sources};
use crate::supervision::keep_running;

/// Refresh requests that a tier queues; further callers wait until there is room.
const REFRESH_QUEUE: usize = 64;

/// A caller that waits until collectors were read once more.
pub struct RefreshRequest {
    scope: RefreshScope,
    /// When the caller came.
    at: Instant,
    done: oneshot::Sender<()>,
}

/// The requests of a task, boxed because a channel has room for 32 of them from the start.
type RefreshRequests = mpsc::Receiver<Box<RefreshRequest>>;

impl RefreshRequest {
    /// Tells the caller that they were read, unless it has gone away.
    fn answer(self) {
        self.done.send(()).ok();
    }
}

/// The running scheduler of one workspace or of the host.
#[derive(Debug, Clone)]
pub struct Scheduler {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    requests: Vec<TaskRequests>,
    heartbeats: Vec<Arc<Heartbeat>>,
}

/// Where a task takes requests.
#[derive(Debug, Clone)]
struct TaskRequests {
    scopes: &'static [RefreshScope],
    sender: mpsc::Sender<Box<RefreshRequest>>,
}

/// The scopes of a task that reads the workspace's document.
const EVERY_SCOPE: &[RefreshScope] = &[RefreshScope::Document, RefreshScope::Everything];

/// The scopes of the probe, which has no part in the document: a refresh of the document does not wait for Rocket.Chat.
const PROBE_SCOPES: &[RefreshScope] = &[RefreshScope::Everything];

/// What a scheduler reads, and when.
#[derive(Debug)]
pub struct SchedulerConfig {
    /// The workspace's name in the log, where there are several.
    pub workspace: Option<Arc<str>>,
    /// The collectors that are read.
    pub collectors: BTreeSet<Collector>,
    /// How often they are read.
    pub intervals: Intervals,
    /// Whether changes are followed instead, where that is possible.
    pub live: LiveMode,
    /// The version that the operator set.
    pub configured_version: Option<NamedVersion>,
    /// How its reads are spread over time.
    pub pacing: Pacing,
}

/// How the reads of a workspace are spread over time: those of many workspaces do not run at once.
#[derive(Debug, Clone, Copy)]
pub struct Pacing {
    /// The wait before the first read.
    pub delay: Duration,
    /// The part of its interval by which a collector's second read comes earlier, so that the long intervals of many
    /// workspaces do not end together either.
    pub early: f64,
    /// How many workspaces there are.
    pub workspaces: usize,
}

/// The interval of polls, unless there are many workspaces.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest interval of polls for each workspace that polls by itself: all of them together poll a hundred times a second.
const POLL_INTERVAL_OF_EACH: Duration = Duration::from_millis(10);

/// The longest interval of polls.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(10);

impl Default for Pacing {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            early: 0.0,
            workspaces: 1,
        }
    }
}

impl Pacing {
    /// The pacing of one of `count` workspaces that start together, among `all`. Their first reads are spread over `interval`.
    pub fn of_one_of(interval: Duration, index: usize, count: usize, all: usize) -> Self {
        let part = index as f64 / count.max(1) as f64;
        Self {
            delay: interval.mul_f64(part),
            early: part,
            workspaces: all,
        }
    }

    /// From one poll for changes to the next, by a workspace that shares its polls with others, `sharing` including itself.
    pub fn poll_interval(self, sharing: usize) -> Duration {
        let pollers = self.workspaces as f64 / sharing.max(1) as f64;
        let interval = POLL_INTERVAL_OF_EACH.mul_f64(pollers);
        interval.clamp(POLL_INTERVAL, MAX_POLL_INTERVAL)
    }
}

/// The scheduler was stopped, so nothing is read any more.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the exporter is stopping")]
pub struct SchedulerStopped;

impl Scheduler {
    /// Starts to read; the tasks run in `tasks` until that is dropped.
    pub fn start(
        sources: Sources,
        config: SchedulerConfig,
        clock: Clock,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let mut collectors = config.collectors.iter();
        let reads_database = collectors.any(|collector| collector.reads_database());
        let can_follow = !followable(&config.collectors).is_empty();
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot {
            configured_version: config.configured_version.clone(),
            availability: reads_database.then(|| Availability::untried(clock.now())),
            live: can_follow.then(|| Arc::new(LiveStatus::new(config.live))),
            ..Snapshot::default()
        }));
        let context = Arc::new(SchedulerContext::new(sources, config, clock, publish));
        let mut scheduler = Self {
            snapshots,
            requests: Vec::new(),
            heartbeats: Vec::new(),
        };
        let collectors_of = |tier: Tier, is_probe: bool| {
            let enabled = Collector::ALL.into_iter().filter(|collector| {
                context.config.collectors.contains(collector)
                    && collector.tier() == tier
                    && (*collector == Collector::Probe) == is_probe
            });
            enabled.collect::<Vec<_>>()
        };
        let tiers = Tier::ALL.map(|tier| (tier.name(), tier, EVERY_SCOPE, false));
        // Beside its tier: it does not wait for the database, nor the other way round.
        let probe = ("probe", Collector::Probe.tier(), PROBE_SCOPES, true);
        for (name, tier, scopes, is_probe) in tiers.into_iter().chain([probe]) {
            let collectors = collectors_of(tier, is_probe);
            if collectors.is_empty() {
                continue;
            }
            let (requests, heartbeat) = scheduler.add_task(scopes);
            let context = Arc::clone(&context);
            tasks.spawn(async move {
                let run = || tier::run(&context, tier, &collectors, &requests, &heartbeat);
                keep_running(name, run).await;
                heartbeat.end();
            });
        }
        if can_follow && context.config.live != LiveMode::Off {
            let (requests, heartbeat) = scheduler.add_task(EVERY_SCOPE);
            tasks.spawn(async move {
                let run = || live::run(&context, &requests, &heartbeat);
                keep_running("live", run).await;
                heartbeat.end();
            });
        }
        scheduler
    }

    /// The requests of these scopes, and the heartbeat, of another task.
    fn add_task(
        &mut self,
        scopes: &'static [RefreshScope],
    ) -> (AsyncMutex<RefreshRequests>, Arc<Heartbeat>) {
        let (sender, requests) = mpsc::channel(REFRESH_QUEUE);
        let heartbeat = Arc::new(Heartbeat::default());
        self.requests.push(TaskRequests { scopes, sender });
        self.heartbeats.push(Arc::clone(&heartbeat));
        (AsyncMutex::new(requests), heartbeat)
    }

    /// Whether every tier reads, or waits until it is due; one that has ended, or that hangs longer than a read may take,
    /// does not.
    pub fn is_alive(&self) -> bool {
        let mut heartbeats = self.heartbeats.iter();
        heartbeats.all(|heartbeat| heartbeat.is_alive())
    }

    /// The first snapshot in which all of these collectors were tried.
    ///
    /// # Errors
    /// When the scheduler was stopped.
    pub async fn first(
        &self,
        collectors: &BTreeSet<Collector>,
    ) -> Result<Arc<Snapshot>, SchedulerStopped> {
        let mut snapshots = self.snapshots();
        let complete = snapshots
            .wait_for(|snapshot| snapshot.has_tried(collectors))
            .await;
        complete
            .map(|snapshot| Arc::clone(&snapshot))
            .map_err(|_| SchedulerStopped)
    }

    /// Receives each new snapshot.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The newest snapshot.
    pub fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Reads the collectors of a scope once more and returns when that is done.
    ///
    /// Callers that come during a read share the next one, so that many callers cause one read.
    ///
    /// # Errors
    /// When the scheduler was stopped.
    pub async fn refresh(&self, scope: RefreshScope) -> Result<Arc<Snapshot>, SchedulerStopped> {
        let at = Instant::now();
        let mut answers = Vec::with_capacity(self.requests.len());
        let asked = self.requests.iter();
        for task in asked.filter(|task| task.scopes.contains(&scope)) {
            let (done, answer) = oneshot::channel();
            let request = Box::new(RefreshRequest { scope, at, done });
            let sent = task.sender.send(request).await;
            sent.map_err(|_| SchedulerStopped)?;
            answers.push(answer);
        }
        for answer in answers {
            answer.await.map_err(|_| SchedulerStopped)?;
        }
        Ok(self.newest())
    }
}

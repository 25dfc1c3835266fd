//! When to ask: each tier reads its collectors one after the other, at its interval, and publishes a new snapshot
//! after each; while somebody waits the longer tiers read two at once. One failing collector leaves the others whole, and is
//! tried again sooner than its interval.

mod live;
mod pulse;
mod schedule;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use pulse::Pulse;
pub use schedule::Intervals;
use schedule::{Budget, Pace, Scheduled};

use crate::clock::Clock;
use crate::sources::{Read, SourceError, Sources};
use crate::statistics::{
    Collector, Extent, FailureKind, Live, LiveMode, Outcome, Refusal, Snapshot, Tier, Version,
};

/// How many callers may wait for a fresh reading at once; further ones wait for a place.
const WAITING_REFRESHES: usize = 64;

/// How many collectors of a tier are read at once while somebody waits for them: as many as there are connections. Those of
/// the fast tier are short.
const AT_ONCE: usize = 2;

/// A caller that waits until something was read once more.
struct Request {
    extent: Extent,
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
    pulses: Vec<Arc<Pulse>>,
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
            up: asks_database.then_some(false),
            live: can_follow.then(|| Arc::new(Live::new(plan.live))),
            ..Snapshot::default()
        }));
        let shared = Arc::new(Shared {
            sources,
            plan,
            clock,
            publish,
            budget: Budget::default(),
            handed_back: watch::Sender::new(0),
            instances_changed: watch::Sender::new(0),
        });
        let mut tiers = Vec::new();
        let mut pulses = Vec::new();
        for tier in Tier::ALL {
            if !shared.plan.collectors.iter().any(|it| it.tier() == tier) {
                continue;
            }
            let (request, requests) = mpsc::channel(WAITING_REFRESHES);
            let pulse = Arc::new(Pulse::default());
            tasks.spawn(run(Arc::clone(&shared), tier, requests, Arc::clone(&pulse)));
            tiers.push(request);
            pulses.push(pulse);
        }
        if shared.plan.live != LiveMode::Off {
            let (request, requests) = mpsc::channel(WAITING_REFRESHES);
            let pulse = Arc::new(Pulse::default());
            if let Some(task) = live::Task::new(&shared, requests, Arc::clone(&pulse)) {
                tasks.spawn(task.run());
                tiers.push(request);
                pulses.push(pulse);
            }
        }
        Self {
            snapshots,
            tiers,
            pulses,
        }
    }

    /// Whether every tier reads, or waits for its time; one that hangs longer than its readings may take does not.
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
    pub async fn refresh(&self, extent: Extent) -> Result<Arc<Snapshot>, Stopped> {
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

/// What the tiers share.
struct Shared {
    sources: Sources,
    plan: Plan,
    clock: Clock,
    publish: watch::Sender<Arc<Snapshot>>,
    budget: Budget,
    /// How many times what was followed was left to the tiers again.
    handed_back: watch::Sender<u64>,
    /// How many times changes told that the instances have to be read again.
    instances_changed: watch::Sender<u64>,
}

/// A tier all of whose collectors are followed looks at this interval whether they still are.
const NOTHING_DUE: Duration = Duration::from_mins(1);

/// Reads the collectors of one tier for ever.
async fn run(
    shared: Arc<Shared>,
    tier: Tier,
    mut requests: mpsc::Receiver<Request>,
    pulse: Arc<Pulse>,
) {
    let begin = Instant::now() + shared.plan.delay;
    let mut schedule: Vec<Scheduled> = Collector::ALL
        .into_iter()
        .filter(|collector| collector.tier() == tier && shared.plan.collectors.contains(collector))
        .map(|collector| Scheduled::new(collector, begin))
        .collect();
    // Reading everything at its limit, and as much again for what a busy machine adds.
    let longest = shared.sources.limit() * u32::try_from(schedule.len() * 2).unwrap_or(u32::MAX);
    let mut handed_back = shared.handed_back.subscribe();
    let mut instances_changed = shared.instances_changed.subscribe();
    let followable = live::followable(&shared.plan.collectors);
    loop {
        let read = schedule.iter().filter(|it| !shared.follows(it.collector));
        let earliest = read.map(|it| it.due).min();
        let next = earliest.unwrap_or_else(|| Instant::now() + NOTHING_DUE);
        pulse.expect_by(next.max(Instant::now()) + longest);
        let mut waiting = Vec::new();
        tokio::select! {
            () = sleep_until(next) => {}
            Ok(()) = handed_back.changed() => {
                // What was followed until now was current until now, however long ago it was read.
                let followed = schedule.iter_mut().filter(|it| followable.contains(&it.collector));
                followed.for_each(|it| it.due = Instant::now());
                continue;
            }
            Ok(()) = instances_changed.changed() => {
                let instances = schedule.iter_mut().filter(|it| it.collector == Collector::Instances);
                instances.for_each(Scheduled::hasten);
                continue;
            }
            request = requests.recv() => {
                let Some(request) = request else { return };
                waiting.push(request);
                while let Ok(request) = requests.try_recv() {
                    waiting.push(request);
                }
            }
        }
        let version = shared.publish.borrow().version();
        let is_asked_for = |collector| {
            waiting
                .iter()
                .any(|it: &Request| it.extent.contains(collector, version))
        };
        let pace = match tier {
            _ if waiting.is_empty() => Pace::Gentle,
            Tier::Normal | Tier::Slow => Pace::Fast(AT_ONCE),
            Tier::Fast => Pace::Fast(1),
        };
        shared.read_due(&mut schedule, is_asked_for, pace).await;
        waiting.into_iter().for_each(Request::answer);
    }
}

impl Shared {
    /// Whether a collector's section comes of following changes now, so that it is not read.
    fn follows(&self, collector: Collector) -> bool {
        follows(&self.publish.borrow(), collector)
    }

    /// Publishes a snapshot that differs from the one before.
    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.publish.send_modify(|published| {
            let mut snapshot = Snapshot::clone(published);
            change(&mut snapshot);
            snapshot.pool = self.sources.pool();
            *published = Arc::new(snapshot);
        });
    }

    /// Reads what is due or asked for, unless it is followed.
    async fn read_due(
        &self,
        schedule: &mut [Scheduled],
        is_asked_for: impl Fn(Collector) -> bool,
        pace: Pace,
    ) {
        let now = Instant::now();
        let mut due: Vec<_> = schedule
            .iter_mut()
            .filter(|it| it.due <= now || is_asked_for(it.collector))
            .filter(|it| !self.follows(it.collector))
            .collect();
        if pace.at_once() > 1 {
            // The dearest first, so that it is not what everybody waits for in the end.
            due.sort_by_key(|it| Reverse(self.budget.duration(it.collector)));
        }
        // When the database is down, waiting for it once in a round is enough.
        let down = OnceLock::new();
        let (first, others): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|it| it.collector.is_built_on());
        for scheduled in first {
            self.read_one(scheduled, &down, pace).await;
        }
        stream::iter(others)
            .for_each_concurrent(pace.at_once(), |it| self.read_one(it, &down, pace))
            .await;
        let stretched: Vec<_> = schedule
            .iter_mut()
            .filter(|it| !self.follows(it.collector))
            .filter_map(|it| {
                let is_longer = it.stretch(&self.plan.intervals, &self.budget);
                is_longer.then_some((it.collector, it.interval))
            })
            .collect();
        if !stretched.is_empty() {
            self.change(|snapshot| {
                for (collector, interval) in stretched {
                    if let Some(outcome) = snapshot.outcomes.get_mut(&collector) {
                        outcome.interval = interval;
                    }
                }
            });
        }
    }

    /// Reads a collector and publishes what comes of it; nothing is asked of a database of which this round knows that it
    /// is down.
    async fn read_one(&self, scheduled: &mut Scheduled, down: &OnceLock<SourceError>, pace: Pace) {
        let collector = scheduled.collector;
        // May have begun to be followed since the round began.
        if self.follows(collector) {
            return;
        }
        let begun = Instant::now();
        let result = match down.get() {
            Some(error) if collector.asks_database() => Err(error.clone()),
            _ => self.read(collector).await,
        };
        let duration = begun.elapsed();
        if let Err(error) = &result
            && error.kind.is_database_down()
        {
            // Of two that found out at once the first is as good.
            down.set(error.clone()).ok();
        }
        scheduled.finished(
            &self.plan.intervals,
            &self.budget,
            result.as_ref().err().map(|error| error.kind),
            duration,
            pace,
        );
        self.record(scheduled, result, duration);
    }

    async fn read(&self, collector: Collector) -> Result<Read, SourceError> {
        let known = Arc::clone(&self.publish.borrow());
        let limit = self.sources.limit();
        // Tiers mostly wait, so that what a reading needs is only there while it runs.
        let reading = Box::pin(self.sources.read(collector, &known));
        // A defect in one collector is a failed reading of that one, and not the end of its tier.
        let reading = AssertUnwindSafe(reading).catch_unwind();
        match timeout(limit, reading).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SourceError::new(
                FailureKind::Other,
                "the reading broke off by a defect of the exporter, which is told above; please report it",
            )),
            Err(_) => Err(SourceError::new(
                FailureKind::TimedOut,
                format!("the reading took longer than {} s", limit.as_secs()),
            )),
        }
    }

    /// Publishes a reading or its failure, and logs what changed by it.
    fn record(&self, scheduled: &Scheduled, result: Result<Read, SourceError>, duration: Duration) {
        let collector = scheduled.collector;
        let now = self.clock.now();
        self.publish.send_modify(|published| {
            if follows(published, collector) {
                // Taken over while it was read: what is followed is newer.
                return;
            }
            // Under the same lock, so that of two tiers that see the same change one tells it.
            log_changes(
                published,
                self.plan.workspace.as_deref(),
                collector,
                &result,
            );
            let mut snapshot = Snapshot::clone(published);
            let before = snapshot.outcomes.remove(&collector);
            let failure = result.as_ref().err().map(|error| error.kind);
            if collector.asks_database() {
                snapshot.up = Some(!failure.is_some_and(FailureKind::is_database_down));
            }
            let mut outcome = Outcome {
                failure,
                duration,
                last_success: before.as_ref().and_then(|it| it.last_success),
                interval: scheduled.interval,
                readings: before.as_ref().map_or(0, |it| it.readings) + 1,
                failures: before.as_ref().map_or(0, |it| it.failures)
                    + u64::from(failure.is_some()),
                indexes: before
                    .as_ref()
                    .map_or_else(Vec::new, |it| it.indexes.clone()),
                refusals: before.map_or_else(Vec::new, |it| it.refusals),
            };
            match result {
                Ok(read) => {
                    outcome.last_success = Some(now);
                    outcome.indexes = read.indexes;
                    outcome.refusals = read.refusals;
                    if collector.asks_database() {
                        snapshot.read_at = Some(now);
                    }
                    snapshot.put(read.reading);
                }
                Err(_) => snapshot.clear(collector),
            }
            snapshot.outcomes.insert(collector, outcome);
            snapshot.pool = self.sources.pool();
            *published = Arc::new(snapshot);
        });
    }
}

fn follows(snapshot: &Snapshot, collector: Collector) -> bool {
    let live = snapshot.live.as_ref();
    live.is_some_and(|live| live.follows.contains(&collector))
}

/// Logs each change once: not every failure, and a database that is down not once for each collector.
fn log_changes(
    before: &Snapshot,
    workspace: Option<&str>,
    collector: Collector,
    result: &Result<Read, SourceError>,
) {
    let was_up = before.up == Some(true);
    let name = collector.name();
    let outcome = before.outcomes.get(&collector);
    let failed_before = outcome.and_then(|it| it.failure);
    let first = outcome.is_none();
    match result {
        Err(error) if error.kind.is_database_down() => {
            let nothing_read = before.outcomes.keys().all(|it| !it.asks_database());
            if was_up || nothing_read {
                tracing::error!(
                    workspace,
                    reason = %error,
                    "no database of a workspace can be read; trying again"
                );
            } else {
                tracing::debug!(workspace, collector = name, reason = %error, "reading failed");
            }
        }
        Err(error) if failed_before == Some(error.kind) => {
            tracing::debug!(workspace, collector = name, reason = %error, "reading failed again");
        }
        Err(error) => {
            tracing::warn!(workspace, collector = name, reason = %error, "reading failed; trying again");
        }
        Ok(read) => {
            if collector.asks_database() && !was_up {
                tracing::info!(workspace, "the database is read");
            }
            if failed_before.is_some_and(|kind| !kind.is_database_down()) {
                tracing::info!(workspace, collector = name, "reading succeeds again");
            }
            log_refusals(workspace, collector, outcome, &read.refusals);
            let known = outcome.map_or(&[][..], |it| &it.indexes);
            for index in &read.indexes {
                if !index.present && (first || !known.contains(index)) {
                    tracing::warn!(
                        workspace,
                        collector = name,
                        "an index is missing, so what needs it is left out where the collection is large; create it with db.{}.createIndex({{\"{}\": 1}})",
                        index.collection,
                        index.key
                    );
                }
            }
        }
    }
}

/// Says once which privileges are missing that a collector can do without.
fn log_refusals(
    workspace: Option<&str>,
    collector: Collector,
    before: Option<&Outcome>,
    refusals: &[Refusal],
) {
    let known = before.map_or(&[][..], |it| &it.refusals);
    let new: Vec<String> = refusals
        .iter()
        .filter(|it| !known.contains(it))
        .map(|it| format!("{} on {}", it.action, it.collection))
        .collect();
    if !new.is_empty() {
        tracing::warn!(
            workspace,
            collector = collector.name(),
            "privileges are missing, so what needs them is left out; rocketchat-exporter check prints the statement that grants them: {}",
            new.join(", ")
        );
    }
}

//! What the tiers and live mode share: sources, configuration, budget, and the snapshot that each read changes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, timeout};

use super::SchedulerConfig;
use super::budget::Budget;
use super::circuit_breaker::CircuitBreaker;
use super::reading_log::ReadingLog;
use crate::catalogue::{FailureKind, Outcome, ReadState};
use crate::clock::Clock;
use crate::collectors::{CollectedReading, Collector, Snapshot, Sources, sections};
use crate::mongodb::SourceError;

/// What the tiers and live mode share.
pub struct SchedulerContext {
    pub sources: Sources,
    pub config: SchedulerConfig,
    pub clock: Clock,
    pub publish: watch::Sender<Arc<Snapshot>>,
    pub budget: Budget,
    pub circuit_breaker: CircuitBreaker,
    pub log: ReadingLog,
    /// How many times live mode has stopped, so that the tiers have to read again.
    pub handed_back: watch::Sender<u64>,
    /// How many times a collector has changed that is read on change.
    pub changed: watch::Sender<u64>,
    /// How many times the workspace's version has changed because Rocket.Chat reported another one.
    pub version_changed: watch::Sender<u64>,
    /// How many times a failed collector succeeded again, so that the others may too.
    pub recovered: watch::Sender<u64>,
    /// Held by the tier that rechecks the collectors of others.
    pub recheck_lock: AsyncMutex<()>,
}

impl SchedulerContext {
    pub fn new(
        sources: Sources,
        config: SchedulerConfig,
        clock: Clock,
        publish: watch::Sender<Arc<Snapshot>>,
    ) -> Self {
        Self {
            sources,
            log: ReadingLog::new(config.workspace.clone()),
            config,
            clock,
            publish,
            budget: Budget::default(),
            circuit_breaker: CircuitBreaker::default(),
            handed_back: watch::Sender::new(0),
            changed: watch::Sender::new(0),
            version_changed: watch::Sender::new(0),
            recovered: watch::Sender::new(0),
            recheck_lock: AsyncMutex::default(),
        }
    }

    /// Whether live mode keeps a collector's section current now, so that it is not read.
    pub fn follows(&self, collector: Collector) -> bool {
        follows(&self.publish.borrow(), collector)
    }

    /// How much of the database is read; `None` where there is none.
    pub fn state(&self) -> Option<ReadState> {
        self.publish
            .borrow()
            .availability
            .map(|availability| availability.state)
    }

    /// Publishes a snapshot that differs from the one before, and logs a new state of the database.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.change_if(|snapshot| {
            change(snapshot);
            true
        });
        self.log.log_state(&self.publish, None);
    }

    /// Publishes a snapshot when `change` returns that it differs from the one before.
    fn change_if(&self, change: impl FnOnce(&mut Snapshot) -> bool) {
        self.publish.send_if_modified(|published| {
            let mut snapshot = Snapshot::clone(published);
            if !change(&mut snapshot) {
                return false;
            }
            snapshot.judge(&self.config.collectors, self.clock.now());
            snapshot.compare_reported_version();
            snapshot.pool = self.sources.pool();
            *published = Arc::new(snapshot);
            true
        });
    }

    /// A read that takes longer hangs: twice its timeout, because a machine may be busy.
    pub fn max_read_time(&self, collector: Collector) -> Duration {
        self.sources.limit(collector) * 2
    }

    /// Reads a collector.
    pub async fn read(&self, collector: Collector) -> Result<CollectedReading, SourceError> {
        let known = Arc::clone(&self.publish.borrow());
        let limit = self.sources.limit(collector);
        // Boxed, because tiers mostly wait: the memory of a read is needed only while it runs.
        let reading = Box::pin(self.sources.read(collector, &known));
        // A panic in one collector is a failed read of that one, and not the end of its tier.
        let reading = AssertUnwindSafe(reading).catch_unwind();
        match timeout(limit, reading).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SourceError::new(
                FailureKind::Other,
                "the read ended with a defect of the exporter, which is logged above; please report it",
            )),
            Err(_) => Err(SourceError::new(
                FailureKind::TimedOut,
                format!("the read took longer than {} s", limit.as_secs()),
            )),
        }
    }

    /// Whether a refresh that was requested at `since` may leave a collector out. Where that is not known it is read, which fails
    /// for the same reason.
    pub async fn leaves_out(&self, collector: Collector, since: Instant) -> bool {
        let known = Arc::clone(&self.publish.borrow());
        let answer = Box::pin(self.sources.leaves_out(collector, &known, since));
        answer.await.unwrap_or(false)
    }

    /// Publishes a read or its failure, and what it means for the other collectors. Returns why it failed.
    pub fn record(
        &self,
        collector: Collector,
        interval: Duration,
        begun: Instant,
        result: Result<CollectedReading, SourceError>,
    ) -> Option<SourceError> {
        let duration = begun.elapsed();
        let error = result.as_ref().err().cloned();
        if result.is_ok() && collector.reads_database() {
            self.circuit_breaker.note_success();
        }
        let mut before = None;
        let mut after = None;
        let mut has_other_version = false;
        let probe_before = self.publish.borrow().probe.clone();
        self.change_if(|snapshot| {
            if follows(snapshot, collector) {
                // Live mode began to follow it during the read, and is newer.
                return false;
            }
            before = snapshot.outcomes.get(&collector).cloned();
            let mut outcome = before.as_deref().cloned().unwrap_or_default();
            outcome.failure = error.as_ref().map(|error| error.kind);
            outcome.failure_message = error.as_ref().map(|error| error.to_string().into());
            outcome.duration = duration;
            outcome.interval = interval;
            outcome.readings += 1;
            outcome.failures += u64::from(error.is_some());
            outcome.was_followed = false;
            match result {
                Ok(read) => {
                    let now = self.clock.now();
                    let data_at = read.data_at.unwrap_or(now);
                    outcome.last_success = Some(now);
                    outcome.data_at = Some(data_at);
                    outcome.indexes = read.indexes;
                    outcome.refusals = read.refusals;
                    outcome.left_out = read.left_out;
                    outcome.skipped = read.skipped;
                    if collector.reads_database() {
                        snapshot.read_at = Some(now);
                        snapshot.data_at = Some(data_at);
                        snapshot.replication = read.replication;
                    }
                    sections::store(snapshot, collector, read.reading);
                }
                Err(_) => snapshot.clear(collector),
            }
            if collector == Collector::Probe {
                let version = snapshot.version();
                snapshot.note_reported_version();
                has_other_version = version.is_some() && version != snapshot.version();
            }
            let outcome = Arc::new(outcome);
            after = Some(Arc::clone(&outcome));
            snapshot.outcomes.insert(collector, outcome);
            true
        });
        if let Some(error) = &error
            && collector.reads_database()
            && self.circuit_breaker.note_failure(error, begun)
        {
            self.fail_all(error, begun);
        }
        let database_error = error.as_ref().filter(|_| collector.reads_database());
        self.log.log_state(&self.publish, database_error);
        if collector.is_prerequisite() || collector == Collector::Probe {
            self.log.log_version(&self.publish);
        }
        if collector == Collector::Probe {
            let probe = self.publish.borrow().probe.clone();
            self.log
                .log_probe(probe_before.as_deref(), probe.as_deref());
        }
        if has_other_version {
            self.version_changed.send_modify(|times| *times += 1);
        }
        if let Some(after) = &after {
            self.log.log_gaps(collector, before.as_deref(), after);
        }
        if error.is_none() && before.is_some_and(|outcome| outcome.failure.is_some()) {
            self.recovered.send_modify(|times| *times += 1);
        }
        error
    }

    /// Marks every collector that queries the database as failed, because no query is answered: old sections are not kept
    /// until each read fails by itself. Followed sections are left to live mode, which fails as well.
    fn fail_all(&self, error: &SourceError, begun: Instant) {
        let intervals = &self.config.intervals;
        self.change_if(|snapshot| {
            // A read that succeeded meanwhile is newer.
            if self.circuit_breaker.has_succeeded_since(begun) {
                return false;
            }
            let is_lost = |collector: &Collector| {
                collector.reads_database()
                    && !follows(snapshot, *collector)
                    && !snapshot.fails(*collector)
            };
            let collectors = self.config.collectors.iter().copied();
            let lost: Vec<_> = collectors.filter(is_lost).collect();
            for collector in &lost {
                let untried = || Outcome {
                    interval: intervals.of(collector.tier()),
                    ..Outcome::default()
                };
                let outcomes = snapshot.outcomes.entry(*collector);
                let outcome = Arc::make_mut(outcomes.or_insert_with(|| untried().into()));
                outcome.failure = Some(error.kind);
                outcome.failure_message = Some(error.to_string().into());
                outcome.was_followed = false;
                snapshot.clear(*collector);
            }
            !lost.is_empty()
        });
    }
}

/// Whether live mode keeps a collector's section current in a snapshot.
pub fn follows(snapshot: &Snapshot, collector: Collector) -> bool {
    let live = snapshot.live.as_ref();
    live.is_some_and(|live| live.follows.contains(&collector))
}

//! What the tiers and live mode share: the sources, the plan, and the snapshot that each reading changes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, timeout};

use super::Plan;
use super::budget::Budget;
use super::contact::Contact;
use super::journal::Journal;
use crate::catalogue::{FailureKind, Outcome, ReadState};
use crate::clock::Clock;
use crate::collectors::{Collector, Read, Snapshot, Sources};
use crate::mongodb::SourceError;

/// What the tiers share.
pub struct Shared {
    pub sources: Sources,
    pub plan: Plan,
    pub clock: Clock,
    pub publish: watch::Sender<Arc<Snapshot>>,
    pub budget: Budget,
    pub contact: Contact,
    pub journal: Journal,
    /// How many times what was followed was left to the tiers again.
    pub handed_back: watch::Sender<u64>,
    /// How many times changes told that the instances have to be read again.
    pub instances_changed: watch::Sender<u64>,
    /// How many times collectors that fail were found worth another reading, because one of them succeeded.
    pub recovered: watch::Sender<u64>,
    /// Held by the tier that reads again what another one had read, so that one does.
    pub doubting: AsyncMutex<()>,
}

impl Shared {
    pub fn new(
        sources: Sources,
        plan: Plan,
        clock: Clock,
        publish: watch::Sender<Arc<Snapshot>>,
    ) -> Self {
        Self {
            sources,
            journal: Journal::new(plan.workspace.clone()),
            plan,
            clock,
            publish,
            budget: Budget::default(),
            contact: Contact::default(),
            handed_back: watch::Sender::new(0),
            instances_changed: watch::Sender::new(0),
            recovered: watch::Sender::new(0),
            doubting: AsyncMutex::default(),
        }
    }

    /// Whether a collector's section comes of following changes now, so that it is not read.
    pub fn follows(&self, collector: Collector) -> bool {
        follows(&self.publish.borrow(), collector)
    }

    /// How much of the database is read; `None` where none is asked.
    pub fn state(&self) -> Option<ReadState> {
        self.publish.borrow().availability.map(|it| it.state)
    }

    /// Publishes a snapshot that differs from the one before, and logs a new state of the database.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.change_if(|snapshot| {
            change(snapshot);
            true
        });
        self.journal.note_state(&self.publish, None);
    }

    /// Publishes a snapshot when `change` says that it differs from the one before.
    fn change_if(&self, change: impl FnOnce(&mut Snapshot) -> bool) {
        self.publish.send_if_modified(|published| {
            let mut snapshot = Snapshot::clone(published);
            if !change(&mut snapshot) {
                return false;
            }
            snapshot.judge(&self.plan.collectors, self.clock.now());
            snapshot.pool = self.sources.pool();
            *published = Arc::new(snapshot);
            true
        });
    }

    /// A reading that takes longer hangs: it has a limit, and this is as much again for what a busy machine adds.
    pub fn longest_reading(&self) -> Duration {
        self.sources.limit() * 2
    }

    /// Asks a collector's source.
    pub async fn read(&self, collector: Collector) -> Result<Read, SourceError> {
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

    /// Publishes a reading or its failure, and what it tells of the other collectors. Returns why it failed.
    pub fn record(
        &self,
        collector: Collector,
        interval: Duration,
        begun: Instant,
        result: Result<Read, SourceError>,
    ) -> Option<SourceError> {
        let duration = begun.elapsed();
        let error = result.as_ref().err().cloned();
        if result.is_ok() && collector.asks_database() {
            self.contact.answered();
        }
        let mut before = None;
        let mut after = None;
        self.change_if(|snapshot| {
            if follows(snapshot, collector) {
                // Taken over while it was read: what is followed is newer.
                return false;
            }
            before = snapshot.outcomes.get(&collector).cloned();
            let mut outcome = before.clone().unwrap_or_default();
            outcome.failure = error.as_ref().map(|error| error.kind);
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
                    if collector.asks_database() {
                        snapshot.read_at = Some(now);
                        snapshot.data_at = Some(data_at);
                        snapshot.replication = read.replication;
                    }
                    snapshot.put(read.reading);
                }
                Err(_) => snapshot.clear(collector),
            }
            after = Some(outcome.clone());
            snapshot.outcomes.insert(collector, outcome);
            true
        });
        if let Some(error) = &error
            && collector.asks_database()
            && self.contact.failed(error, begun)
        {
            self.fail_all(error, begun);
        }
        self.journal.note_state(&self.publish, error.as_ref());
        if let Some(after) = &after {
            self.journal.note_gaps(collector, before.as_ref(), after);
        }
        if error.is_none() && before.is_some_and(|it| it.failure.is_some()) {
            self.recovered.send_modify(|times| *times += 1);
        }
        error
    }

    /// Lets every collector fail that asks the database, because nothing can be asked: what was read before is not kept
    /// until each of them finds out by itself. What is followed is left to live mode, which finds out as well.
    fn fail_all(&self, error: &SourceError, begun: Instant) {
        let intervals = &self.plan.intervals;
        self.change_if(|snapshot| {
            // Of the collectors that a reading has succeeded of meanwhile nothing is taken away.
            if self.contact.has_answered_since(begun) {
                return false;
            }
            let asked = self.plan.collectors.iter().copied();
            let lost: Vec<_> = asked
                .filter(|it| it.asks_database() && !follows(snapshot, *it) && !snapshot.fails(*it))
                .collect();
            for collector in &lost {
                let outcome = snapshot
                    .outcomes
                    .entry(*collector)
                    .or_insert_with(|| Outcome {
                        interval: intervals.of(collector.tier()),
                        ..Outcome::default()
                    });
                outcome.failure = Some(error.kind);
                outcome.was_followed = false;
                snapshot.clear(*collector);
            }
            !lost.is_empty()
        });
    }
}

pub fn follows(snapshot: &Snapshot, collector: Collector) -> bool {
    let live = snapshot.live.as_ref();
    live.is_some_and(|live| live.follows.contains(&collector))
}

//! One tier: its collectors are read one after the other, at their intervals, and two at once while a caller waits. The probe
//! of Rocket.Chat is read beside its tier, so that neither waits for the other.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep_until};

use super::RefreshRequests;
use super::budget::Concurrency;
use super::circuit_breaker::Permit;
use super::context::SchedulerContext;
use super::heartbeat::Heartbeat;
use super::reading_log::ReadResult;
use super::scheduled_collector::ScheduledCollector;
use crate::catalogue::Tier;
use crate::collectors::Collector;
use crate::collectors::live_sections::{followable, is_read_on_change};

/// How many collectors of a tier are read at once while a caller waits: as many as there are connections. Those of the fast
/// tier are short.
const PARALLEL_READS: usize = 2;

/// A tier whose collectors are all followed wakes up at this interval.
const IDLE_INTERVAL: Duration = Duration::from_mins(1);

/// Reads collectors of one tier for ever.
pub async fn run(
    context: &SchedulerContext,
    tier: Tier,
    collectors: &[Collector],
    requests: &AsyncMutex<RefreshRequests>,
    heartbeat: &Heartbeat,
) {
    let mut requests = requests.lock().await;
    let pacing = context.config.pacing;
    let begin = Instant::now() + pacing.delay;
    // The delay spreads the reads of the fast tier already.
    let early = if tier == Tier::Fast {
        0.0
    } else {
        pacing.early
    };
    let mut schedule: Vec<ScheduledCollector> = collectors
        .iter()
        .map(|collector| ScheduledCollector::new(*collector, begin).early_by(early))
        .collect();
    let max_read_time = collectors
        .iter()
        .map(|collector| context.max_read_time(*collector));
    let max_read_time = max_read_time.max().unwrap_or_default();
    let mut handed_back = context.handed_back.subscribe();
    let mut changed = context.changed.subscribe();
    let mut version_changed = context.version_changed.subscribe();
    let mut recovered = context.recovered.subscribe();
    let followable = followable(&context.config.collectors);
    loop {
        let read = schedule.iter();
        let read = read.filter(|scheduled| !context.follows(scheduled.collector));
        let earliest = read.map(|scheduled| scheduled.due).min();
        let next = earliest.unwrap_or_else(|| Instant::now() + IDLE_INTERVAL);
        heartbeat.expect_by(next.max(Instant::now()) + max_read_time);
        let mut waiting = Vec::new();
        tokio::select! {
            () = sleep_until(next) => {}
            Ok(()) = handed_back.changed() => {
                for scheduled in &mut schedule {
                    if followable.contains(&scheduled.collector) {
                        scheduled.due = Instant::now();
                    }
                }
                continue;
            }
            Ok(()) = changed.changed() => {
                for scheduled in &mut schedule {
                    if is_read_on_change(scheduled.collector) {
                        scheduled.run_soon();
                    }
                }
                continue;
            }
            Ok(()) = version_changed.changed() => {
                let read = schedule.iter_mut();
                for scheduled in read.filter(|scheduled| scheduled.collector.reads_database()) {
                    scheduled.run_soon();
                }
                continue;
            }
            Ok(()) = recovered.changed() => {
                let snapshot = Arc::clone(&context.publish.borrow());
                for scheduled in &mut schedule {
                    if snapshot.fails(scheduled.collector) {
                        scheduled.retry();
                    }
                }
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
        let version = context.publish.borrow().version();
        let is_requested = |collector| {
            waiting
                .iter()
                .any(|request| request.scope.contains(collector, version))
        };
        let concurrency = match tier {
            _ if waiting.is_empty() => Concurrency::Sequential,
            Tier::Normal | Tier::Slow => Concurrency::Parallel(PARALLEL_READS),
            Tier::Fast => Concurrency::Parallel(1),
        };
        let round = Round {
            begun: Instant::now(),
            requested: waiting.iter().map(|request| request.at).max(),
            concurrency,
            heartbeat,
            results: Mutex::default(),
        };
        context.read_due(&mut schedule, is_requested, round).await;
        for request in waiting {
            request.answer();
        }
    }
}

/// The reads of a tier before it waits again.
struct Round<'a> {
    begun: Instant,
    /// When the last of the callers came that wait for it.
    requested: Option<Instant>,
    concurrency: Concurrency,
    heartbeat: &'a Heartbeat,
    /// A std mutex: nothing is awaited while it is held.
    results: Mutex<Vec<ReadResult>>,
}

impl SchedulerContext {
    /// Reads the collectors that are due or requested, unless they are followed.
    async fn read_due(
        &self,
        schedule: &mut [ScheduledCollector],
        is_requested: impl Fn(Collector) -> bool,
        round: Round<'_>,
    ) {
        let mut due: Vec<_> = schedule
            .iter_mut()
            .filter(|scheduled| scheduled.due <= round.begun || is_requested(scheduled.collector))
            .filter(|scheduled| !self.follows(scheduled.collector))
            .collect();
        if round.concurrency.limit() > 1 {
            // The most expensive first, so that the others are read beside it.
            due.sort_by_key(|scheduled| Reverse(self.budget.duration(scheduled.collector)));
        }
        let (first, others): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|scheduled| scheduled.collector.is_prerequisite());
        for scheduled in first {
            self.read_one(scheduled, &round).await;
        }
        stream::iter(others)
            .for_each_concurrent(round.concurrency.limit(), |scheduled| {
                self.read_one(scheduled, &round)
            })
            .await;
        let results = round
            .results
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        self.end_round(round.begun, results, round.heartbeat).await;
        let lengthened: Vec<_> = schedule
            .iter_mut()
            .filter(|scheduled| !self.follows(scheduled.collector))
            .filter_map(|scheduled| {
                let is_longer = scheduled.lengthen_interval(&self.config.intervals, &self.budget);
                is_longer.then_some((scheduled.collector, scheduled.interval))
            })
            .collect();
        if !lengthened.is_empty() {
            self.change(|snapshot| {
                for (collector, interval) in lengthened {
                    if let Some(outcome) = snapshot.outcome_mut(collector) {
                        outcome.interval = interval;
                    }
                }
            });
        }
    }

    /// Reads a collector and publishes the result. While the circuit is open it fails without a query.
    async fn read_one(&self, scheduled: &mut ScheduledCollector, round: &Round<'_>) {
        let collector = scheduled.collector;
        // Live mode may have begun to follow it since the round began.
        if self.follows(collector) {
            return;
        }
        // Waiting for a turn may take as long as a read.
        let keep_alive = || {
            let wait = self.max_read_time(collector) * 2;
            round.heartbeat.expect_by(Instant::now() + wait);
        };
        keep_alive();
        let permit = if collector.reads_database() {
            let is_awaited = round.requested.is_some();
            self.circuit_breaker.permit(round.begun, is_awaited)
        } else {
            Permit::Allow
        };
        let mut begun = Instant::now();
        let result = match &permit {
            Permit::Reject(error) => Err(error.clone()),
            Permit::Allow | Permit::Probe { .. } if collector.reads_database() => {
                match self.sources.turn(keep_alive).await {
                    Ok(_turn) => {
                        if let Some(since) = round.requested
                            && scheduled.due > round.begun
                            && self.leaves_out(collector, since).await
                        {
                            return;
                        }
                        begun = Instant::now();
                        let result = self.read(collector).await;
                        self.sources.note_turn(result.as_ref().err());
                        result
                    }
                    Err(error) => Err(error),
                }
            }
            Permit::Allow | Permit::Probe { .. } => self.read(collector).await,
        };
        scheduled.reschedule(
            &self.config.intervals,
            &self.budget,
            result.as_ref().err(),
            begun.elapsed(),
            round.concurrency,
        );
        let error = self.record(collector, scheduled.interval, begun, result);
        // A probe ends only when its result is recorded.
        drop(permit);
        round
            .results
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((collector, error));
    }
}

//! One tier: its collectors are read one after the other, at their intervals, and two at once while somebody waits.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::{Instant, sleep_until};

use super::budget::{Pace, Scheduled};
use super::contact::Permission;
use super::heartbeat::Heartbeat;
use super::journal::Asked;
use super::shared::Shared;
use super::{Request, live};
use crate::catalogue::Tier;
use crate::collectors::Collector;

/// How many collectors of a tier are read at once while somebody waits for them: as many as there are connections. Those of
/// the fast tier are short.
const AT_ONCE: usize = 2;

/// A tier all of whose collectors are followed looks at this interval whether they still are.
const NOTHING_DUE: std::time::Duration = std::time::Duration::from_mins(1);

/// Reads the collectors of one tier for ever.
pub async fn run(
    shared: &Shared,
    tier: Tier,
    requests: &AsyncMutex<mpsc::Receiver<Request>>,
    pulse: &Heartbeat,
) {
    let mut requests = requests.lock().await;
    let begin = Instant::now() + shared.plan.delay;
    let mut schedule: Vec<Scheduled> = Collector::ALL
        .into_iter()
        .filter(|collector| collector.tier() == tier && shared.plan.collectors.contains(collector))
        .map(|collector| Scheduled::new(collector, begin))
        .collect();
    let mut handed_back = shared.handed_back.subscribe();
    let mut instances_changed = shared.instances_changed.subscribe();
    let mut recovered = shared.recovered.subscribe();
    let followable = live::followable(&shared.plan.collectors);
    loop {
        let read = schedule.iter().filter(|it| !shared.follows(it.collector));
        let earliest = read.map(|it| it.due).min();
        let next = earliest.unwrap_or_else(|| Instant::now() + NOTHING_DUE);
        pulse.expect_by(next.max(Instant::now()) + shared.longest_reading());
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
            Ok(()) = recovered.changed() => {
                let snapshot = Arc::clone(&shared.publish.borrow());
                let failing = schedule.iter_mut().filter(|it| snapshot.fails(it.collector));
                failing.for_each(Scheduled::retry);
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
        let round = Round {
            begun: Instant::now(),
            pace,
            pulse,
            asked: Mutex::default(),
        };
        shared.read_due(&mut schedule, is_asked_for, round).await;
        waiting.into_iter().for_each(Request::answer);
    }
}

/// The readings that a tier makes before it waits again.
struct Round<'a> {
    begun: Instant,
    pace: Pace,
    pulse: &'a Heartbeat,
    /// A std mutex: nothing is awaited while it is held.
    asked: Mutex<Vec<Asked>>,
}

impl Shared {
    /// Reads what is due or asked for, unless it is followed.
    async fn read_due(
        &self,
        schedule: &mut [Scheduled],
        is_asked_for: impl Fn(Collector) -> bool,
        round: Round<'_>,
    ) {
        let mut due: Vec<_> = schedule
            .iter_mut()
            .filter(|it| it.due <= round.begun || is_asked_for(it.collector))
            .filter(|it| !self.follows(it.collector))
            .collect();
        if round.pace.at_once() > 1 {
            // The dearest first, so that it is not what everybody waits for in the end.
            due.sort_by_key(|it| Reverse(self.budget.duration(it.collector)));
        }
        let (first, others): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|it| it.collector.tells_version());
        for scheduled in first {
            self.read_one(scheduled, &round).await;
        }
        stream::iter(others)
            .for_each_concurrent(round.pace.at_once(), |it| self.read_one(it, &round))
            .await;
        let asked = round
            .asked
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        self.end_round(round.begun, asked, round.pulse).await;
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

    /// Reads a collector and publishes what comes of it. Where it is known that nothing can be asked, and nobody is to look
    /// whether that has changed, it fails without a question.
    async fn read_one(&self, scheduled: &mut Scheduled, round: &Round<'_>) {
        let collector = scheduled.collector;
        // May have begun to be followed since the round began.
        if self.follows(collector) {
            return;
        }
        let begun = Instant::now();
        round.pulse.expect_by(begun + self.longest_reading());
        let permission = if collector.asks_database() {
            let is_awaited = round.pace != Pace::Gentle;
            self.contact.permission(round.begun, is_awaited)
        } else {
            Permission::Ask
        };
        let result = match &permission {
            Permission::Fail(error) => Err(error.clone()),
            Permission::Ask | Permission::Look { .. } => self.read(collector).await,
        };
        scheduled.finished(
            &self.plan.intervals,
            &self.budget,
            result.as_ref().err(),
            begun.elapsed(),
            round.pace,
        );
        let error = self.record(collector, scheduled.interval, begun, result);
        // Whoever looked has told what there is to see.
        drop(permission);
        round
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((collector, error));
    }
}

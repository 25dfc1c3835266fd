//! A collector and when it is due: at its interval, sooner after a failure, later when all together are too expensive.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{Backoff, jittered};
use super::budget::{Budget, Concurrency};
use super::intervals::{Intervals, at_share};
use crate::catalogue::FailureKind;
use crate::collectors::Collector;
use crate::mongodb::{FailureScope, SourceError};

/// The longest wait after a failure, unless the interval is shorter.
const MAX_RETRY: Duration = Duration::from_mins(1);

/// The longest wait while no query is answered: the circuit breaker limits how often the database is tried for all
/// collectors together.
const MAX_RETRY_IN_OUTAGE: Duration = Duration::from_secs(4);

/// A read that timed out, or that is repeated after an outage, rests for this many times its own duration.
const REST_FACTOR: u32 = 10;

/// A collector and when it is due.
#[derive(Debug)]
pub struct ScheduledCollector {
    pub collector: Collector,
    pub due: Instant,
    /// From one successful read to the next.
    pub interval: Duration,
    /// Before this a change does not make it due: it would take more than its share of the time.
    earliest_on_change: Instant,
    /// Before this the end of an outage does not make it due.
    earliest_after_outage: Instant,
    /// The part of its interval by which the second read comes earlier.
    early: f64,
    backoff: Backoff,
}

impl ScheduledCollector {
    pub fn new(collector: Collector, due: Instant) -> Self {
        Self {
            collector,
            due,
            interval: Duration::ZERO,
            earliest_on_change: due,
            earliest_after_outage: due,
            early: 0.0,
            backoff: Backoff::default(),
        }
    }

    /// The same with a second read that comes earlier by a part of its interval.
    pub fn early_by(self, early: f64) -> Self {
        Self { early, ..self }
    }

    /// Makes it due as soon as its cost allows, because what it reads has changed.
    pub fn run_soon(&mut self) {
        self.due = self.due.min(self.earliest_on_change.max(Instant::now()));
    }

    /// Makes one that failed due, because another one succeeded again. An expensive one rests first.
    pub fn retry(&mut self) {
        // A failed read is not put off for its cost.
        self.backoff.restart();
        self.due = self.due.min(self.earliest_after_outage.max(Instant::now()));
    }

    /// Puts the next read off where others have turned out to be expensive since the last one; true when it was.
    pub fn lengthen_interval(&mut self, intervals: &Intervals, budget: &Budget) -> bool {
        if self.backoff.is_failing() || self.interval.is_zero() {
            return false;
        }
        let interval = budget.interval(intervals, self.collector);
        let longer = interval.saturating_sub(self.interval);
        self.interval += longer;
        self.due += longer;
        !longer.is_zero()
    }

    /// Schedules the next read after one that took `duration`.
    pub fn reschedule(
        &mut self,
        intervals: &Intervals,
        budget: &Budget,
        failure: Option<&SourceError>,
        duration: Duration,
        concurrency: Concurrency,
    ) {
        let regular = intervals.of(self.collector.tier());
        let wait = if let Some(error) = failure {
            self.interval = self.interval.max(regular);
            let max = match error.scope {
                FailureScope::Database | FailureScope::NotSent => MAX_RETRY_IN_OUTAGE,
                FailureScope::Query | FailureScope::NoAnswer => MAX_RETRY,
            };
            let retry = self.backoff.next_delay(max.min(regular));
            let rest = match error.kind {
                FailureKind::TimedOut => duration.saturating_mul(REST_FACTOR),
                _ => Duration::ZERO,
            };
            if !rest.is_zero() {
                self.earliest_after_outage = Instant::now() + rest;
            }
            jittered(retry.max(rest))
        } else {
            self.backoff.reset();
            self.earliest_after_outage = Instant::now() + duration.saturating_mul(REST_FACTOR);
            budget.note(self.collector, duration, concurrency);
            let is_first = self.interval.is_zero();
            // A refresh that a caller waits for changes no interval.
            if concurrency == Concurrency::Sequential || self.interval.is_zero() {
                self.interval = budget.interval(intervals, self.collector);
            }
            let early = if is_first { self.early } else { 0.0 };
            self.interval.mul_f64(1.0 - early)
        };
        self.due = Instant::now() + wait;
        self.earliest_on_change = match failure {
            Some(_) => self.due,
            None => Instant::now() + at_share(duration, intervals.planned_share()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::intervals::PLANNED;
    use super::*;

    /// With a planned share of one hundredth.
    const INTERVALS: Intervals = Intervals {
        fast: Duration::from_secs(15),
        normal: Duration::from_mins(1),
        slow: Duration::from_mins(15),
        max_share: 0.01 / PLANNED,
    };

    /// A read for which no caller waits.
    fn read(
        scheduled: &mut ScheduledCollector,
        budget: &Budget,
        failure: Option<FailureKind>,
        duration: Duration,
    ) {
        let failure = failure.map(|kind| SourceError::new(kind, "it failed"));
        scheduled.reschedule(
            &INTERVALS,
            budget,
            failure.as_ref(),
            duration,
            Concurrency::Sequential,
        );
    }

    #[tokio::test(start_paused = true)]
    async fn second_reads_of_many_workspaces_are_spread_over_the_interval() {
        let budget = Budget::default();
        let mut sessions = ScheduledCollector::new(Collector::Sessions, Instant::now());
        sessions = sessions.early_by(0.75);
        let waits = [(); 2].map(|()| {
            read(&mut sessions, &budget, None, Duration::from_millis(5));
            sessions.due.duration_since(Instant::now())
        });
        assert_eq!(waits, [INTERVALS.slow / 4, INTERVALS.slow]);
    }

    fn after(readings: &[(Option<FailureKind>, Duration)]) -> Duration {
        let budget = Budget::default();
        let mut scheduled = ScheduledCollector::new(Collector::Rooms, Instant::now());
        for (failure, duration) in readings {
            read(&mut scheduled, &budget, *failure, *duration);
        }
        scheduled.due.duration_since(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn cheap_collector_keeps_its_tiers_interval() {
        let cheap = after(&[(None, Duration::from_millis(5))]);
        assert_eq!(cheap, Duration::from_mins(1));
    }

    #[tokio::test(start_paused = true)]
    async fn expensive_collector_keeps_to_its_share_of_the_time() {
        let expensive = after(&[(None, Duration::from_secs(2))]);
        assert_eq!(expensive, Duration::from_secs(200));
    }

    /// The intervals after two reads of each, when all durations are known.
    fn intervals_of(durations: &[(Collector, Duration)]) -> Vec<Duration> {
        let budget = Budget::default();
        let read_all = || {
            let read = durations.iter().map(|(collector, duration)| {
                let mut scheduled = ScheduledCollector::new(*collector, Instant::now());
                read(&mut scheduled, &budget, None, *duration);
                assert_eq!(
                    scheduled.due.duration_since(Instant::now()),
                    scheduled.interval
                );
                scheduled.interval
            });
            read.collect::<Vec<_>>()
        };
        read_all();
        read_all()
    }

    #[tokio::test(start_paused = true)]
    async fn interval_grows_when_others_turn_out_to_be_expensive() {
        let budget = Budget::default();
        let mut rooms = ScheduledCollector::new(Collector::Rooms, Instant::now());
        read(&mut rooms, &budget, None, Duration::from_millis(600));
        assert_eq!(rooms.interval, INTERVALS.normal);
        assert!(!rooms.lengthen_interval(&INTERVALS, &budget));
        let mut sessions = ScheduledCollector::new(Collector::Sessions, Instant::now());
        read(&mut sessions, &budget, None, Duration::from_mins(1));
        assert!(rooms.lengthen_interval(&INTERVALS, &budget));
        assert_eq!(rooms.due.duration_since(Instant::now()), rooms.interval);
        let durations = [
            (Collector::Rooms, Duration::from_millis(600)),
            (Collector::Sessions, Duration::from_mins(1)),
        ];
        let share = share(&durations, &[rooms.interval, sessions.interval]);
        assert!((share - 0.01).abs() < 1e-6, "{share}");
        // A failed one is retried when it is due.
        let failure = Some(FailureKind::Unreachable);
        read(&mut rooms, &budget, failure, Duration::ZERO);
        read(&mut sessions, &budget, None, Duration::from_mins(10));
        assert!(!rooms.lengthen_interval(&INTERVALS, &budget));
    }

    fn share(durations: &[(Collector, Duration)], intervals: &[Duration]) -> f64 {
        let readings = durations.iter().zip(intervals);
        readings
            .map(|((_, duration), interval)| duration.div_duration_f64(*interval))
            .sum()
    }

    #[tokio::test(start_paused = true)]
    async fn all_collectors_together_keep_to_the_share_of_the_time() {
        let durations = [
            (Collector::Presence, Duration::from_millis(15)),
            (Collector::Settings, Duration::from_millis(6)),
            (Collector::Users, Duration::from_millis(600)),
            (Collector::Rooms, Duration::from_millis(300)),
            (Collector::Sessions, Duration::from_secs(90)),
        ];
        let intervals = intervals_of(&durations);
        let share = share(&durations, &intervals);
        assert!((share - 0.01).abs() < 1e-6, "{share}");
        // The cheap ones keep their tiers' intervals, the expensive ones have even shares.
        assert_eq!(intervals[0], INTERVALS.fast);
        assert_eq!(intervals[1], INTERVALS.normal);
        let of_users = durations[2].1.div_duration_f64(intervals[2]);
        let of_sessions = durations[4].1.div_duration_f64(intervals[4]);
        assert!((of_users - of_sessions).abs() < 1e-6);
        assert!(intervals[2] > INTERVALS.normal && intervals[4] > INTERVALS.slow);
    }

    #[tokio::test(start_paused = true)]
    async fn intervals_are_regular_below_the_share() {
        let durations = [
            (Collector::Presence, Duration::from_millis(15)),
            (Collector::Users, Duration::from_millis(200)),
            (Collector::Rooms, Duration::from_millis(100)),
            (Collector::Sessions, Duration::from_secs(3)),
        ];
        assert_eq!(
            intervals_of(&durations),
            [
                INTERVALS.fast,
                INTERVALS.normal,
                INTERVALS.normal,
                INTERVALS.slow
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn fast_tier_is_not_slowed_down_by_others() {
        let durations = [
            (Collector::Instances, Duration::from_millis(20)),
            (Collector::Presence, Duration::from_millis(50)),
            (Collector::Users, Duration::from_secs(20)),
            (Collector::Sessions, Duration::from_mins(5)),
        ];
        let intervals = intervals_of(&durations);
        assert_eq!(intervals[..2], [INTERVALS.fast; 2]);
        assert!(share(&durations, &intervals) < 0.01 + 1e-6);
    }

    #[tokio::test(start_paused = true)]
    async fn expensive_fast_tier_gets_half_of_the_time() {
        let durations = [
            (Collector::Presence, Duration::from_secs(5)),
            (Collector::Users, Duration::from_secs(5)),
            (Collector::Settings, Duration::from_millis(6)),
        ];
        let intervals = intervals_of(&durations);
        let of_presence = durations[0].1.div_duration_f64(intervals[0]);
        assert!((of_presence - 0.005).abs() < 1e-6);
        assert_eq!(intervals[2], INTERVALS.normal);
        assert!(share(&durations, &intervals) < 0.01 + 1e-6);
    }

    #[tokio::test(start_paused = true)]
    async fn parallel_reads_change_no_interval() {
        let budget = Budget::default();
        let mut presence = ScheduledCollector::new(Collector::Presence, Instant::now());
        let mut read = |duration, pace| {
            presence.reschedule(&INTERVALS, &budget, None, duration, pace);
            presence.interval
        };
        assert_eq!(
            read(Duration::from_millis(10), Concurrency::Sequential),
            INTERVALS.fast
        );
        assert_eq!(
            read(Duration::from_secs(2), Concurrency::Parallel(2)),
            INTERVALS.fast
        );
        let long = read(Duration::from_secs(2), Concurrency::Sequential);
        assert!(long > INTERVALS.fast);
        assert_eq!(
            read(Duration::from_millis(10), Concurrency::Parallel(2)),
            long
        );
    }

    #[tokio::test(start_paused = true)]
    async fn host_takes_nothing_from_the_database() {
        let durations = [
            (Collector::Host, Duration::from_secs(3)),
            (Collector::Users, Duration::from_millis(500)),
        ];
        let intervals = intervals_of(&durations);
        assert_eq!(intervals, [Duration::from_mins(5), INTERVALS.normal]);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_probe_keeps_its_interval_and_takes_nothing_from_the_database() {
        let durations = [
            (Collector::Probe, Duration::from_secs(5)),
            (Collector::Users, Duration::from_millis(500)),
        ];
        assert_eq!(intervals_of(&durations), [INTERVALS.normal; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn failure_is_retried_with_backoff_up_to_a_minute() {
        let failure = (Some(FailureKind::Unreachable), Duration::from_secs(5));
        assert!(after(&[failure; 1]) <= Duration::from_millis(1250));
        let fourth = after(&[failure; 4]);
        assert!(fourth >= Duration::from_secs(6) && fourth <= Duration::from_secs(10));
        assert!(after(&[failure; 40]) <= Duration::from_secs(75));
    }

    #[tokio::test(start_paused = true)]
    async fn change_makes_a_collector_due_within_its_share_of_the_time() {
        let mut scheduled = ScheduledCollector::new(Collector::Instances, Instant::now());
        let budget = Budget::default();
        read(&mut scheduled, &budget, None, Duration::from_millis(5));
        scheduled.run_soon();
        let wait = scheduled.due.duration_since(Instant::now());
        assert_eq!(wait, Duration::from_millis(500));
        // A failed one is retried when it would be anyway.
        let failure = Some(FailureKind::Unreachable);
        read(&mut scheduled, &budget, failure, Duration::from_secs(5));
        let due = scheduled.due;
        scheduled.run_soon();
        assert_eq!(scheduled.due, due);
    }

    #[tokio::test(start_paused = true)]
    async fn timed_out_query_rests_ten_times_its_duration() {
        let rest = after(&[(Some(FailureKind::TimedOut), Duration::from_secs(30))]);
        assert!(rest >= Duration::from_secs(225));
    }
}

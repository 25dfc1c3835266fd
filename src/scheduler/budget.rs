//! When a collector is next due: at its tier's interval, later when all together are too expensive, sooner after a
//! failure.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::catalogue::{FailureKind, Tier};
use crate::collectors::Collector;
use crate::mongodb::{Scope, SourceError};

/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait after a failure, unless the interval is shorter.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// The longest wait while no question is answered: how often that is looked at is limited for all collectors together.
const LONGEST_RETRY_OF_OUTAGE: Duration = Duration::from_secs(4);

/// How many times its own duration a reading is left alone that ran into its limit, or that an outage made necessary again.
const REST: u32 = 10;

/// The tiers' intervals, and how much of the time may be spent reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Of [`Tier::Fast`].
    pub fast: Duration,
    /// Of [`Tier::Normal`].
    pub normal: Duration,
    /// Of [`Tier::Slow`].
    pub slow: Duration,
    /// The greatest part of the time, between 0 and 1, that all collectors of a workspace together may spend reading
    /// its database; see [`Budget`].
    pub max_share: f64,
}

impl Intervals {
    /// The interval of a tier.
    pub fn of(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Fast => self.fast,
            Tier::Normal => self.normal,
            Tier::Slow => self.slow,
        }
    }

    /// The share of the time that is planned for readings.
    fn planned_share(&self) -> f64 {
        self.max_share * PLANNED
    }
}

/// The part of the greatest share that is planned: the next readings may take longer than the last ones.
const PLANNED: f64 = 0.9;

const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// How hard a round of readings may press the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One after the other: nobody waits.
    Gentle,
    /// So many at once, beside those of the other tiers: somebody waits.
    Fast(usize),
}

impl Pace {
    /// How many collectors of the round are read at once.
    pub fn at_once(self) -> usize {
        match self {
            Self::Gentle => 1,
            Self::Fast(at_once) => at_once,
        }
    }
}

/// How long each collector took when it last succeeded, and what follows for the intervals.
///
/// A collector that takes its duration every interval has a share of the time. Where the sum of all shares is above the
/// greatest one, the dearest are cut to an even share, and the cheap ones stay as they are. The fast tier and the others
/// each have half, and what the other half leaves; so neither starves the other, and the fast tier, which is cheap, is
/// not slowed down by full scans.
///
/// At the start, while durations are still unknown, those that are read first count on more than is theirs: so an interval
/// is made longer as soon as the others turn out to be dearer ([`Scheduled::stretch`]), and shorter with the next reading.
#[derive(Debug, Default)]
pub struct Budget(
    // A std mutex: it is never held while something is read.
    Mutex<BTreeMap<Collector, Cost>>,
);

/// What the newest successful reading of a collector took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    duration: Duration,
    /// When it was read before its time, only to see whether it can be.
    confirmed: Option<Instant>,
}

impl Budget {
    /// Notes how long a reading took that succeeded. In a round for which somebody waits all collectors wait for the
    /// connections and processors that the others have, so that one only counts when it took no longer than it did alone.
    fn note(&self, collector: Collector, duration: Duration, pace: Pace) {
        let mut costs = self.costs();
        let known = costs.get(&collector).map(|cost| cost.duration);
        let duration = match (pace, known) {
            (Pace::Fast(_), Some(known)) => duration.min(known),
            _ => duration,
        };
        let confirmed = None;
        costs.insert(
            collector,
            Cost {
                duration,
                confirmed,
            },
        );
    }

    /// Notes that a collector was read before its time, only to see whether it can be.
    pub fn confirm(&self, collector: Collector) {
        if let Some(cost) = self.costs().get_mut(&collector) {
            cost.confirmed = Some(Instant::now());
        }
    }

    /// Whether a collector was read before its time so lately that doing so again would take more than the share of the
    /// time.
    pub fn was_confirmed(&self, intervals: &Intervals, collector: Collector) -> bool {
        let costs = self.costs();
        let Some(cost) = costs.get(&collector) else {
            return false;
        };
        let rest = at_share(cost.duration, intervals.planned_share());
        cost.confirmed
            .is_some_and(|instant| instant.elapsed() < rest)
    }

    /// How long a collector took; zero when it was never read.
    pub fn duration(&self, collector: Collector) -> Duration {
        self.costs()
            .get(&collector)
            .map_or(Duration::ZERO, |cost| cost.duration)
    }

    /// The time from one reading to the next, by how long each took.
    fn interval(&self, intervals: &Intervals, collector: Collector) -> Duration {
        let tier = collector.tier();
        let regular = intervals.of(tier);
        let costs = self.costs();
        let duration = costs
            .get(&collector)
            .map_or(Duration::ZERO, |cost| cost.duration);
        if !collector.asks_database() {
            return regular.max(at_share(duration, intervals.planned_share()));
        }
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let asking = costs.iter().filter(|(it, _)| it.asks_database());
        for (other, cost) in asking {
            let half = if (other.tier() == Tier::Fast) == (tier == Tier::Fast) {
                &mut own
            } else {
                &mut others
            };
            let interval = intervals.of(other.tier()).max(Duration::from_millis(1));
            half.push(cost.duration.div_duration_f64(interval));
        }
        let planned = intervals.planned_share();
        let left = planned - others.iter().sum::<f64>();
        let part = left.max(planned / 2.0);
        match even_share(own, part) {
            Some(share) => regular.max(at_share(duration, share)),
            None => regular,
        }
    }

    fn costs(&self) -> MutexGuard<'_, BTreeMap<Collector, Cost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The greatest share that each may have so that all together have no more than `part`; `None` when they have not.
fn even_share(mut shares: Vec<f64>, part: f64) -> Option<f64> {
    shares.sort_by(f64::total_cmp);
    let mut left = part;
    let mut parts = shares.len();
    for share in shares {
        let even = left / parts as f64;
        if share > even {
            return Some(even);
        }
        left -= share;
        parts -= 1;
    }
    None
}

/// A collector and when it is due.
#[derive(Debug)]
pub struct Scheduled {
    pub collector: Collector,
    pub due: Instant,
    /// From one successful reading to the next.
    pub interval: Duration,
    /// Before this it is not read again, whatever changes: it would take more than its share of the time.
    soonest: Instant,
    /// Before this it is not read again because of an outage either.
    rested: Instant,
    failures_in_a_row: u32,
}

impl Scheduled {
    pub fn new(collector: Collector, due: Instant) -> Self {
        Self {
            collector,
            due,
            interval: Duration::ZERO,
            soonest: due,
            rested: due,
            failures_in_a_row: 0,
        }
    }

    /// Makes it due as soon as its cost allows, because what it reads has changed.
    pub fn hasten(&mut self) {
        self.due = self.due.min(self.soonest.max(Instant::now()));
    }

    /// Makes one that failed due at once, because another one succeeded again. One that is dear rests first.
    pub fn retry(&mut self) {
        // One that failed is not put off for its cost.
        self.failures_in_a_row = 1;
        self.due = self.due.min(self.rested.max(Instant::now()));
    }

    /// Puts the next reading off where others have turned out to be dear since the last one; true when it was.
    pub fn stretch(&mut self, intervals: &Intervals, budget: &Budget) -> bool {
        if self.failures_in_a_row > 0 || self.interval.is_zero() {
            return false;
        }
        let interval = budget.interval(intervals, self.collector);
        let longer = interval.saturating_sub(self.interval);
        self.interval += longer;
        self.due += longer;
        !longer.is_zero()
    }

    /// Plans the next reading after one that took `duration`.
    pub fn finished(
        &mut self,
        intervals: &Intervals,
        budget: &Budget,
        failure: Option<&SourceError>,
        duration: Duration,
        pace: Pace,
    ) {
        let regular = intervals.of(self.collector.tier());
        let wait = if let Some(error) = failure {
            self.interval = self.interval.max(regular);
            let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures_in_a_row));
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            let longest = match error.scope {
                Scope::Everything | Scope::Unasked => LONGEST_RETRY_OF_OUTAGE,
                Scope::QueryContext | Scope::Silence => LONGEST_RETRY,
            };
            let retry = doubled.min(longest).min(regular);
            let rest = match error.kind {
                FailureKind::TimedOut => duration.saturating_mul(REST),
                _ => Duration::ZERO,
            };
            if !rest.is_zero() {
                self.rested = Instant::now() + rest;
            }
            jittered(retry.max(rest))
        } else {
            self.failures_in_a_row = 0;
            self.rested = Instant::now() + duration.saturating_mul(REST);
            budget.note(self.collector, duration, pace);
            self.interval = budget.interval(intervals, self.collector);
            self.interval
        };
        self.due = Instant::now() + wait;
        self.soonest = match failure {
            Some(_) => self.due,
            None => Instant::now() + at_share(duration, intervals.planned_share()),
        };
    }
}

/// A time of which `duration` is a share; a century at the most, so that it can be added to an instant.
pub fn at_share(duration: Duration, share: f64) -> Duration {
    let time = Duration::try_from_secs_f64(duration.as_secs_f64() / share);
    time.unwrap_or(CENTURY).min(CENTURY)
}

/// A wait between three and five quarters of the given one, so that many exporters do not return all at once.
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.75 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of which a hundredth of the time is planned.
    const INTERVALS: Intervals = Intervals {
        fast: Duration::from_secs(15),
        normal: Duration::from_mins(1),
        slow: Duration::from_mins(15),
        max_share: 0.01 / PLANNED,
    };

    /// A reading for which nobody waits.
    fn gently(
        scheduled: &mut Scheduled,
        budget: &Budget,
        failure: Option<FailureKind>,
        duration: Duration,
    ) {
        let failure = failure.map(|kind| SourceError::new(kind, "it failed"));
        scheduled.finished(&INTERVALS, budget, failure.as_ref(), duration, Pace::Gentle);
    }

    fn after(readings: &[(Option<FailureKind>, Duration)]) -> Duration {
        let budget = Budget::default();
        let mut scheduled = Scheduled::new(Collector::Rooms, Instant::now());
        for (failure, duration) in readings {
            gently(&mut scheduled, &budget, *failure, *duration);
        }
        scheduled.due.duration_since(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_cheap_reading_returns_at_its_tiers_interval() {
        let cheap = after(&[(None, Duration::from_millis(5))]);
        assert_eq!(cheap, Duration::from_mins(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expensive_reading_takes_no_more_than_its_share_of_the_time() {
        let expensive = after(&[(None, Duration::from_secs(2))]);
        assert_eq!(expensive, Duration::from_secs(200));
    }

    /// The intervals after a reading of each, and then another of each, when all durations are known.
    fn intervals_of(durations: &[(Collector, Duration)]) -> Vec<Duration> {
        let budget = Budget::default();
        let read_all = || {
            let read = durations.iter().map(|(collector, duration)| {
                let mut scheduled = Scheduled::new(*collector, Instant::now());
                gently(&mut scheduled, &budget, None, *duration);
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
    async fn a_cheap_start_is_made_up_for_as_soon_as_the_others_turn_out_to_be_dear() {
        let budget = Budget::default();
        let mut rooms = Scheduled::new(Collector::Rooms, Instant::now());
        gently(&mut rooms, &budget, None, Duration::from_millis(600));
        assert_eq!(rooms.interval, INTERVALS.normal);
        assert!(!rooms.stretch(&INTERVALS, &budget));
        let mut sessions = Scheduled::new(Collector::Sessions, Instant::now());
        gently(&mut sessions, &budget, None, Duration::from_mins(1));
        assert!(rooms.stretch(&INTERVALS, &budget));
        assert_eq!(rooms.due.duration_since(Instant::now()), rooms.interval);
        let durations = [
            (Collector::Rooms, Duration::from_millis(600)),
            (Collector::Sessions, Duration::from_mins(1)),
        ];
        let share = share(&durations, &[rooms.interval, sessions.interval]);
        assert!((share - 0.01).abs() < 1e-6, "{share}");
        // One that fails is tried again when it is.
        let failure = Some(FailureKind::Unreachable);
        gently(&mut rooms, &budget, failure, Duration::ZERO);
        gently(&mut sessions, &budget, None, Duration::from_mins(10));
        assert!(!rooms.stretch(&INTERVALS, &budget));
    }

    #[test]
    fn no_share_is_too_small_to_wait_for_it() {
        for share in [0.0, f64::MIN_POSITIVE, f64::NAN, -1.0, 1e-12] {
            assert_eq!(at_share(Duration::from_hours(16), share), CENTURY);
        }
        assert_eq!(at_share(Duration::ZERO, 0.0), CENTURY);
        assert_eq!(
            at_share(Duration::from_secs(2), 0.5),
            Duration::from_secs(4)
        );
    }

    fn share(durations: &[(Collector, Duration)], intervals: &[Duration]) -> f64 {
        let readings = durations.iter().zip(intervals);
        readings
            .map(|((_, duration), interval)| duration.div_duration_f64(*interval))
            .sum()
    }

    #[tokio::test(start_paused = true)]
    async fn all_readings_together_take_no_more_than_the_share_of_the_time() {
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
        // The cheap ones keep their tiers' intervals, the dear ones have even shares.
        assert_eq!(intervals[0], INTERVALS.fast);
        assert_eq!(intervals[1], INTERVALS.normal);
        let of_users = durations[2].1.div_duration_f64(intervals[2]);
        let of_sessions = durations[4].1.div_duration_f64(intervals[4]);
        assert!((of_users - of_sessions).abs() < 1e-6);
        assert!(intervals[2] > INTERVALS.normal && intervals[4] > INTERVALS.slow);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_stretched_while_all_together_stay_below_the_share() {
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
    async fn the_fast_tier_is_not_stretched_for_others_however_dear() {
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
    async fn a_fast_tier_that_is_dear_itself_has_half_and_starves_nobody() {
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
    async fn what_a_reading_takes_beside_all_others_makes_no_interval_longer() {
        let budget = Budget::default();
        let mut presence = Scheduled::new(Collector::Presence, Instant::now());
        let mut read = |duration, pace| {
            presence.finished(&INTERVALS, &budget, None, duration, pace);
            presence.interval
        };
        assert_eq!(
            read(Duration::from_millis(10), Pace::Gentle),
            INTERVALS.fast
        );
        assert_eq!(read(Duration::from_secs(2), Pace::Fast(2)), INTERVALS.fast);
        assert!(read(Duration::from_secs(2), Pace::Gentle) > INTERVALS.fast);
        assert_eq!(
            read(Duration::from_millis(10), Pace::Fast(2)),
            INTERVALS.fast
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_host_takes_nothing_from_the_database() {
        let durations = [
            (Collector::Host, Duration::from_secs(3)),
            (Collector::Users, Duration::from_millis(500)),
        ];
        let intervals = intervals_of(&durations);
        assert_eq!(intervals, [Duration::from_mins(5), INTERVALS.normal]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_retried_soon_and_less_often_each_time_up_to_a_minute() {
        let failure = (Some(FailureKind::Unreachable), Duration::from_secs(5));
        assert!(after(&[failure; 1]) <= Duration::from_millis(1250));
        let fourth = after(&[failure; 4]);
        assert!(fourth >= Duration::from_secs(6) && fourth <= Duration::from_secs(10));
        assert!(after(&[failure; 40]) <= Duration::from_secs(75));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_changed_is_read_soon_but_takes_no_more_than_its_share_of_the_time() {
        let mut scheduled = Scheduled::new(Collector::Instances, Instant::now());
        let budget = Budget::default();
        gently(&mut scheduled, &budget, None, Duration::from_millis(5));
        scheduled.hasten();
        let wait = scheduled.due.duration_since(Instant::now());
        assert_eq!(wait, Duration::from_millis(500));
        // One that failed is tried again when it would be anyway.
        let failure = Some(FailureKind::Unreachable);
        gently(&mut scheduled, &budget, failure, Duration::from_secs(5));
        let due = scheduled.due;
        scheduled.hasten();
        assert_eq!(scheduled.due, due);
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_that_ran_into_its_limit_is_left_alone_for_ten_times_as_long() {
        let rest = after(&[(Some(FailureKind::TimedOut), Duration::from_secs(30))]);
        assert!(rest >= Duration::from_secs(225));
    }
}

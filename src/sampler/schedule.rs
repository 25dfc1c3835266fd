//! When a collector is next due: at its tier's interval, later when it is expensive, sooner after a failure.

use std::time::Duration;

use tokio::time::Instant;

use crate::statistics::{Collector, FailureKind, Tier};

/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait after a failure, unless the interval is shorter.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// How many times its own duration a reading that ran into its limit is left alone.
const REST_AFTER_TIME_OUT: u32 = 10;

/// The tiers' intervals, and how much of the time a collector may spend reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Of [`Tier::Fast`].
    pub fast: Duration,
    /// Of [`Tier::Normal`].
    pub normal: Duration,
    /// Of [`Tier::Slow`].
    pub slow: Duration,
    /// The greatest part of the time, between 0 and 1, that one collector may spend reading: the interval of one
    /// that would take more is stretched.
    pub max_share: f64,
}

impl Intervals {
    fn of(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Fast => self.fast,
            Tier::Normal => self.normal,
            Tier::Slow => self.slow,
        }
    }
}

/// A collector and when it is due.
#[derive(Debug)]
pub struct Scheduled {
    pub collector: Collector,
    pub due: Instant,
    /// From one successful reading to the next.
    pub interval: Duration,
    failures_in_a_row: u32,
}

impl Scheduled {
    pub fn new(collector: Collector, due: Instant) -> Self {
        Self {
            collector,
            due,
            interval: Duration::ZERO,
            failures_in_a_row: 0,
        }
    }

    /// Plans the next reading after one that took `duration`.
    pub fn finished(
        &mut self,
        intervals: &Intervals,
        failure: Option<FailureKind>,
        duration: Duration,
    ) {
        let regular = intervals.of(self.collector.tier());
        let wait = if let Some(kind) = failure {
            self.interval = self.interval.max(regular);
            let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures_in_a_row));
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            let retry = doubled.min(LONGEST_RETRY).min(regular);
            let rest = match kind {
                FailureKind::TimedOut => duration.saturating_mul(REST_AFTER_TIME_OUT),
                _ => Duration::ZERO,
            };
            jittered(retry.max(rest))
        } else {
            self.failures_in_a_row = 0;
            self.interval = regular.max(duration.div_f64(intervals.max_share));
            self.interval
        };
        self.due = Instant::now() + wait;
    }
}

/// A wait between three and five quarters of the given one, so that many exporters do not return all at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.75 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVALS: Intervals = Intervals {
        fast: Duration::from_secs(15),
        normal: Duration::from_mins(1),
        slow: Duration::from_mins(15),
        max_share: 0.01,
    };

    fn after(readings: &[(Option<FailureKind>, Duration)]) -> Duration {
        let mut scheduled = Scheduled::new(Collector::Rooms, Instant::now());
        for (failure, duration) in readings {
            scheduled.finished(&INTERVALS, *failure, *duration);
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

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_retried_soon_and_less_often_each_time_up_to_a_minute() {
        let failure = (Some(FailureKind::Unreachable), Duration::from_secs(5));
        assert!(after(&[failure; 1]) <= Duration::from_millis(1250));
        let fourth = after(&[failure; 4]);
        assert!(fourth >= Duration::from_secs(6) && fourth <= Duration::from_secs(10));
        assert!(after(&[failure; 40]) <= Duration::from_secs(75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_that_ran_into_its_limit_is_left_alone_for_ten_times_as_long() {
        let rest = after(&[(Some(FailureKind::TimedOut), Duration::from_secs(30))]);
        assert!(rest >= Duration::from_secs(225));
    }
}

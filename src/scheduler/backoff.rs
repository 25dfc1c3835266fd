//! Retry back-off: each wait is twice as long as the one before, up to a maximum.

use std::time::Duration;

/// The wait after the first failure.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The waits between attempts that fail one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Notes a failure, and returns the wait before the next attempt, without jitter.
    pub fn next_delay(&mut self, max: Duration) -> Duration {
        let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        doubled.min(max)
    }

    /// Forgets the failures after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Forgets all failures but one.
    pub fn restart(&mut self) {
        self.failures = 1;
    }

    /// Whether the last attempt failed.
    pub fn is_failing(self) -> bool {
        self.failures > 0
    }
}

/// A wait between three and five quarters of the given one, so that many exporters do not return all at once.
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.75 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_its_maximum_and_starts_over_after_a_success() {
        let max = Duration::from_secs(10);
        let mut backoff = Backoff::default();
        assert!(!backoff.is_failing());
        let delays: Vec<_> = (0..6).map(|_| backoff.next_delay(max).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
        assert!(backoff.is_failing());
        backoff.restart();
        assert_eq!(backoff.next_delay(max).as_secs(), 2);
        backoff.reset();
        assert!(!backoff.is_failing());
        assert_eq!(backoff.next_delay(max).as_secs(), 1);
        for _ in 0..100 {
            backoff.next_delay(max);
        }
        assert_eq!(backoff.next_delay(max), max);
    }

    #[test]
    fn jitter_is_a_quarter_at_most() {
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(4)).as_secs_f64();
            assert!((3.0..=5.0).contains(&wait), "{wait}");
        }
    }
}

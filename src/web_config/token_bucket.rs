//! The limit of requests: a bucket of tokens that fills by one in each interval. A request takes one; without one it is
//! refused.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket that begins full. It is one for all clients.
#[derive(Debug)]
pub struct Bucket {
    interval: Duration,
    burst: u32,
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A bucket of `burst` tokens.
    pub fn new(interval: Duration, burst: u32, now: Instant) -> Self {
        Self {
            interval,
            burst,
            state: Mutex::new(State {
                tokens: f64::from(burst),
                filled_at: now,
            }),
        }
    }

    /// Whether it has the same limits.
    pub fn is_like(&self, other: &Self) -> bool {
        self.interval == other.interval && self.burst == other.burst
    }

    /// Takes a token, when there is one.
    pub fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(state.filled_at);
        let added = elapsed.as_secs_f64() / self.interval.as_secs_f64();
        state.tokens = (state.tokens + added).min(f64::from(self.burst));
        state.filled_at = now;
        let is_taken = state.tokens >= 1.0;
        if is_taken {
            state.tokens -= 1.0;
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_token_in_each_interval() {
        let begun = Instant::now();
        let bucket = Bucket::new(Duration::from_secs(10), 2, begun);
        let taken: Vec<bool> = [0, 0, 0, 9, 10, 10, 19, 20, 100, 100, 100]
            .into_iter()
            .map(|seconds| bucket.take(begun + Duration::from_secs(seconds)))
            .collect();
        let expected = [
            true, true, false, false, true, false, false, true, true, true, false,
        ];
        assert_eq!(taken, expected);
    }

    #[test]
    fn an_empty_bucket_gives_nothing() {
        let begun = Instant::now();
        let bucket = Bucket::new(Duration::from_secs(1), 0, begun);
        assert!(!bucket.take(begun + Duration::from_mins(1)));
    }
}

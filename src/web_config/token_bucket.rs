//! The rate limit: a token bucket for all clients together, as in exporter-toolkit. It gains a token in each interval, and a
//! request without one is refused.
//!
//! The crate `governor` does not replace it: its burst cannot be 0, which here refuses every request, and it brings more
//! crates than it saves.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket that begins full.
#[derive(Debug)]
pub struct TokenBucket {
    interval: Duration,
    burst: u32,
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<BucketState>,
}

#[derive(Debug)]
struct BucketState {
    tokens: f64,
    updated_at: Instant,
}

impl TokenBucket {
    /// A bucket of `burst` tokens.
    pub fn new(interval: Duration, burst: u32, now: Instant) -> Self {
        Self {
            interval,
            burst,
            state: Mutex::new(BucketState {
                tokens: f64::from(burst),
                updated_at: now,
            }),
        }
    }

    /// Whether interval and burst are the same.
    pub fn has_same_limits(&self, other: &Self) -> bool {
        self.interval == other.interval && self.burst == other.burst
    }

    /// Takes a token if there is one.
    pub fn try_take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(state.updated_at);
        let added = elapsed.as_secs_f64() / self.interval.as_secs_f64();
        state.tokens = (state.tokens + added).min(f64::from(self.burst));
        state.updated_at = now;
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
    fn burst_is_followed_by_one_token_in_each_interval() {
        let begun = Instant::now();
        let bucket = TokenBucket::new(Duration::from_secs(10), 2, begun);
        let taken: Vec<bool> = [0, 0, 0, 9, 10, 10, 19, 20, 100, 100, 100]
            .into_iter()
            .map(|seconds| bucket.try_take(begun + Duration::from_secs(seconds)))
            .collect();
        let expected = [
            true, true, false, false, true, false, false, true, true, true, false,
        ];
        assert_eq!(taken, expected);
    }

    #[test]
    fn burst_of_zero_refuses_everything() {
        let begun = Instant::now();
        let bucket = TokenBucket::new(Duration::from_secs(1), 0, begun);
        assert!(!bucket.try_take(begun + Duration::from_mins(1)));
    }
}

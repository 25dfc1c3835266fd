//! Rocket.Chat's rate limit: so many calls of an endpoint from an address, counted from the first one on until a time has
//! passed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::header::{HeaderName, HeaderValue};

use super::endpoint::Endpoint;
use crate::http::response::Response;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Addresses and endpoints that are remembered; beyond it the one that was begun first is forgotten.
const MOST_WINDOWS: usize = 4096;

/// How many calls are answered in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls that are answered.
    pub calls: u64,
    /// The time, from the first call on.
    pub time: Duration,
}

/// The calls of every address.
#[derive(Debug, Default)]
pub struct RateLimiter(
    // A std mutex: nothing is awaited while it is held.
    Mutex<HashMap<(IpAddr, Endpoint), Window>>,
);

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Instant,
    calls: u64,
}

/// Where a caller stands after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Calls that are answered.
    limit: u64,
    /// Calls that would still be.
    remaining: u64,
    /// Whether this one is.
    pub is_answered: bool,
    /// How long until the counting begins anew.
    pub reset_in: Duration,
}

impl RateLimiter {
    /// Counts a call.
    pub fn count(
        &self,
        caller: IpAddr,
        endpoint: Endpoint,
        limit: RateLimit,
        now: Instant,
    ) -> Standing {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| now.duration_since(window.begun) >= limit.time;
        let key = (caller.to_canonical(), endpoint);
        if windows.len() >= MOST_WINDOWS && !windows.contains_key(&key) {
            windows.retain(|_, window| !is_over(window));
            if windows.len() >= MOST_WINDOWS {
                let oldest = windows.iter().min_by_key(|(_, window)| window.begun);
                if let Some(oldest) = oldest.map(|(key, _)| *key) {
                    windows.remove(&oldest);
                }
            }
        }
        let fresh = Window {
            begun: now,
            calls: 0,
        };
        let window = windows.entry(key).or_insert(fresh);
        if is_over(window) {
            *window = fresh;
        }
        window.calls = window.calls.saturating_add(1);
        Standing {
            limit: limit.calls,
            remaining: limit.calls.saturating_sub(window.calls),
            is_answered: window.calls <= limit.calls,
            reset_in: limit.time.saturating_sub(now.duration_since(window.begun)),
        }
    }
}

impl Standing {
    /// Tells the caller.
    pub fn note(self, response: &mut Response) {
        let reset_at = SystemTime::now() + self.reset_in;
        let reset_at = reset_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining.into());
        let reset_at = u64::try_from(reset_at.as_millis()).unwrap_or(u64::MAX);
        headers.insert(RESET, HeaderValue::from(reset_at));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMIT: RateLimit = RateLimit {
        calls: 2,
        time: Duration::from_mins(1),
    };

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn calls_are_counted_from_the_first_one_on_until_the_time_has_passed() {
        let rates = RateLimiter::default();
        let begun = Instant::now();
        let count = |caller, endpoint, seconds| {
            let now = begun + Duration::from_secs(seconds);
            let standing = rates.count(address(caller), endpoint, LIMIT, now);
            let reset_in = standing.reset_in.as_secs();
            (standing.is_answered, standing.remaining, reset_in)
        };
        assert_eq!(count(1, Endpoint::Info, 0), (true, 1, 60));
        assert_eq!(count(1, Endpoint::Info, 10), (true, 0, 50));
        assert_eq!(count(1, Endpoint::Info, 59), (false, 0, 1));
        assert_eq!(count(1, Endpoint::Statistics, 59), (true, 1, 60));
        assert_eq!(count(2, Endpoint::Info, 59), (true, 1, 60));
        assert_eq!(count(1, Endpoint::Info, 60), (true, 1, 60));
    }

    #[test]
    fn however_many_addresses_call_only_some_are_remembered() {
        let rates = RateLimiter::default();
        let now = Instant::now();
        for number in 0..10_000 {
            rates.count(address(number), Endpoint::Info, LIMIT, now);
        }
        let windows = rates.0.lock().expect("nothing panicked with it");
        assert_eq!(windows.len(), MOST_WINDOWS);
        assert!(windows.contains_key(&(address(9_999), Endpoint::Info)));
    }
}

//! Rocket.Chat's rate limit: a number of calls of an endpoint from an address, in a window that begins with the first one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::header::{HeaderName, HeaderValue};

use super::bounded_map::make_room;
use super::endpoint::Endpoint;
use crate::http::response::Response;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Windows that are kept; beyond it the oldest one is dropped.
const MAX_WINDOWS: usize = 4096;

/// A number of calls in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls that are allowed.
    pub calls: u64,
    /// The length of the window.
    pub window: Duration,
}

/// Limits the calls of each address and endpoint.
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

/// A caller's state after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// Calls that are allowed in a window.
    limit: u64,
    /// Calls that are left.
    remaining: u64,
    /// Whether this call is allowed.
    pub is_allowed: bool,
    /// The time until the window ends.
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
    ) -> RateLimitStatus {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| now.duration_since(window.begun) >= limit.window;
        let key = (caller.to_canonical(), endpoint);
        make_room(&mut windows, &key, MAX_WINDOWS, is_over, |window| {
            window.begun
        });
        let fresh = Window {
            begun: now,
            calls: 0,
        };
        let window = windows.entry(key).or_insert(fresh);
        if is_over(window) {
            *window = fresh;
        }
        window.calls = window.calls.saturating_add(1);
        RateLimitStatus {
            limit: limit.calls,
            remaining: limit.calls.saturating_sub(window.calls),
            is_allowed: window.calls <= limit.calls,
            reset_in: limit
                .window
                .saturating_sub(now.duration_since(window.begun)),
        }
    }
}

impl RateLimitStatus {
    /// Sets the headers `X-RateLimit-*`.
    pub fn set_headers(self, response: &mut Response) {
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
        window: Duration::from_mins(1),
    };

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn window_begins_with_the_first_call() {
        let limiter = RateLimiter::default();
        let begun = Instant::now();
        let count = |caller, endpoint, seconds| {
            let now = begun + Duration::from_secs(seconds);
            let status = limiter.count(address(caller), endpoint, LIMIT, now);
            let reset_in = status.reset_in.as_secs();
            (status.is_allowed, status.remaining, reset_in)
        };
        assert_eq!(count(1, Endpoint::Info, 0), (true, 1, 60));
        assert_eq!(count(1, Endpoint::Info, 10), (true, 0, 50));
        assert_eq!(count(1, Endpoint::Info, 59), (false, 0, 1));
        assert_eq!(count(1, Endpoint::Statistics, 59), (true, 1, 60));
        assert_eq!(count(2, Endpoint::Info, 59), (true, 1, 60));
        assert_eq!(count(1, Endpoint::Info, 60), (true, 1, 60));
    }

    #[test]
    fn number_of_windows_is_limited() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        for number in 0..10_000 {
            limiter.count(address(number), Endpoint::Info, LIMIT, now);
        }
        let windows = limiter.0.lock().expect("nothing panicked with it");
        assert_eq!(windows.len(), MAX_WINDOWS);
        assert!(windows.contains_key(&(address(9_999), Endpoint::Info)));
    }
}

//! Limits failed logins by network and in total, and the number of concurrent logins.
//!
//! An attempt is charged before the credentials are checked and refunded when they are right, so that a cancelled request
//! costs as much as a failed login. Credentials that succeeded recently from a network are exempt, so that guesses from
//! there do not lock a legitimate client out. They are still checked at each login; only a keyed digest of them is kept.

mod failure_budget;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use failure_budget::Allowance;
use failure_budget::FailureBudget;

use super::bounded_map::make_room;
use crate::network;

/// Credentials that are remembered; beyond it those that succeeded longest ago are dropped.
const MAX_KNOWN_CREDENTIALS: usize = 512;

/// How long credentials that succeeded are exempt.
const KNOWN_CREDENTIALS_TTL: Duration = Duration::from_mins(15);

/// How often refused attempts are logged.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Limits of logins.
#[derive(Debug, Clone, Copy)]
pub struct LoginLimits {
    /// Failures from one network.
    pub per_network: Allowance,
    /// Failures from all networks.
    pub total: Allowance,
    /// Concurrent attempts; as many again with credentials that succeeded recently.
    pub max_concurrent: usize,
}

/// Limits one kind of login.
#[derive(Debug)]
pub struct LoginLimiter {
    /// What the login is for, in log messages.
    purpose: &'static str,
    unknown_attempts: Arc<Semaphore>,
    known_attempts: Arc<Semaphore>,
    /// `None` without random numbers: then no credentials are remembered.
    key: Option<hmac::Key>,
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<LimiterState>,
}

#[derive(Debug)]
struct LimiterState {
    budget: FailureBudget,
    /// When credentials last succeeded.
    known: HashMap<(IpAddr, Digest), Instant>,
    warned_at: Option<Instant>,
}

type Digest = [u8; 32];

/// An attempt that may be checked. Dropped without an outcome it counts as failed.
#[derive(Debug)]
pub struct LoginAttempt {
    limiter: Arc<LoginLimiter>,
    network: IpAddr,
    digest: Option<Digest>,
    is_charged: bool,
    _permit: OwnedSemaphorePermit,
}

/// Why an attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRefusal {
    /// Too many attempts failed; the next one is allowed after this time.
    TooManyFailures(Duration),
    /// Too many attempts are in progress.
    TooManyConcurrent,
}

impl LoginLimiter {
    /// A limiter without failures so far.
    pub fn new(purpose: &'static str, limits: LoginLimits) -> Arc<Self> {
        Arc::new(Self {
            purpose,
            unknown_attempts: Arc::new(Semaphore::new(limits.max_concurrent)),
            known_attempts: Arc::new(Semaphore::new(limits.max_concurrent)),
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
            state: Mutex::new(LimiterState {
                budget: FailureBudget::new(limits.per_network, limits.total),
                known: HashMap::new(),
                warned_at: None,
            }),
        })
    }

    /// Begins an attempt. It is charged unless the same credentials succeeded recently from the same network.
    ///
    /// # Errors
    /// When too many attempts failed, or too many are in progress.
    pub fn begin(
        self: &Arc<Self>,
        caller: IpAddr,
        credentials: &[&str],
        now: Instant,
    ) -> Result<LoginAttempt, LoginRefusal> {
        let network = network::of(caller);
        let digest = self.digest(credentials);
        let mut state = self.state();
        let is_known = digest.is_some_and(|digest| state.is_known((network, digest), now));
        let permits = if is_known {
            &self.known_attempts
        } else {
            &self.unknown_attempts
        };
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
            return Err(LoginRefusal::TooManyConcurrent);
        };
        if !is_known && let Err(wait) = state.budget.charge(network, now) {
            if state.should_warn(now) {
                tracing::warn!(
                    %caller,
                    seconds = wait.as_secs() + 1,
                    "too many logins of {} failed; refusing further ones for a while",
                    self.purpose
                );
            }
            return Err(LoginRefusal::TooManyFailures(wait));
        }
        Ok(LoginAttempt {
            limiter: Arc::clone(self),
            network,
            digest,
            is_charged: !is_known,
            _permit: permit,
        })
    }

    /// Identifies credentials without keeping them.
    fn digest(&self, credentials: &[&str]) -> Option<Digest> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        for part in credentials {
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().ok()
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimiterState {
    fn is_known(&self, credentials: (IpAddr, Digest), now: Instant) -> bool {
        let succeeded_at = self.known.get(&credentials);
        succeeded_at.is_some_and(|at| now.duration_since(*at) < KNOWN_CREDENTIALS_TTL)
    }

    fn remember(&mut self, credentials: (IpAddr, Digest), now: Instant) {
        let max = MAX_KNOWN_CREDENTIALS;
        let is_expired = |at: &Instant| now.duration_since(*at) >= KNOWN_CREDENTIALS_TTL;
        make_room(&mut self.known, &credentials, max, is_expired, |at| *at);
        self.known.insert(credentials, now);
    }

    fn should_warn(&mut self, now: Instant) -> bool {
        let is_due = |at| now.duration_since(at) >= WARNING_INTERVAL;
        let warns = self.warned_at.is_none_or(is_due);
        if warns {
            self.warned_at = Some(now);
        }
        warns
    }
}

impl LoginAttempt {
    /// The credentials are right: the charge is refunded, and they are exempt for a while.
    pub fn succeeded(self, now: Instant) {
        let mut state = self.limiter.state();
        if self.is_charged {
            state.budget.refund(self.network);
        }
        if let Some(digest) = self.digest {
            state.remember((self.network, digest), now);
        }
    }

    /// The credentials are wrong: they are exempt no longer.
    pub fn failed(self) {
        if let Some(digest) = self.digest {
            let mut state = self.limiter.state();
            state.known.remove(&(self.network, digest));
        }
    }

    /// The credentials were not checked: the charge is refunded.
    pub fn unchecked(self) {
        if self.is_charged {
            self.limiter.state().budget.refund(self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: LoginLimits = LoginLimits {
        per_network: Allowance {
            burst: 3,
            interval: Duration::from_secs(10),
        },
        total: Allowance {
            burst: 5,
            interval: Duration::from_secs(1),
        },
        max_concurrent: 2,
    };

    fn limiter() -> Arc<LoginLimiter> {
        LoginLimiter::new("the test", LIMITS)
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn too_many_failures(seconds: u64) -> LoginRefusal {
        LoginRefusal::TooManyFailures(Duration::from_secs(seconds))
    }

    #[test]
    fn network_may_fail_in_a_burst_and_then_once_each_interval() {
        let limiter = limiter();
        let begun = Instant::now();
        let fail = |seconds| {
            let now = begun + Duration::from_secs(seconds);
            limiter
                .begin(address(1), &["wrong"], now)
                .map(LoginAttempt::failed)
        };
        assert_eq!([fail(0), fail(0), fail(0)], [Ok(()); 3]);
        assert_eq!(fail(0), Err(too_many_failures(10)));
        assert_eq!(fail(9), Err(too_many_failures(1)));
        assert_eq!(fail(10), Ok(()));
        assert_eq!(fail(10), Err(too_many_failures(10)));
    }

    #[test]
    fn failures_are_limited_in_total() {
        let limiter = limiter();
        let now = Instant::now();
        let fail = |number| {
            let attempt = limiter.begin(address(number), &["wrong"], now);
            attempt.map(LoginAttempt::failed)
        };
        for number in 0..5 {
            assert_eq!(fail(number), Ok(()));
        }
        assert_eq!(fail(5), Err(too_many_failures(1)));
    }

    #[test]
    fn dropped_attempt_is_charged_and_unchecked_one_is_not() {
        let limiter = limiter();
        let now = Instant::now();
        let begin = || limiter.begin(address(1), &["token"], now);
        for _ in 0..10 {
            begin().expect("nothing failed yet").unchecked();
        }
        for _ in 0..3 {
            drop(begin().expect("a burst is allowed"));
        }
        assert!(begin().is_err());
    }

    #[test]
    fn known_credentials_are_exempt_from_their_network() {
        let limiter = limiter();
        let start = Instant::now();
        let begin =
            |number, credentials: &[&str], now| limiter.begin(address(number), credentials, now);
        let right = ["id", "token"];
        let attempt = begin(1, &right, start).expect("nothing failed yet");
        attempt.succeeded(start);
        for _ in 0..3 {
            let attempt = begin(1, &["id", "wrong"], start);
            attempt.expect("a burst is allowed").failed();
        }
        assert!(begin(1, &["idt", "oken"], start).is_err());
        assert!(begin(1, &right, start).is_ok());
        for number in 2..4 {
            let attempt = begin(number, &["wrong"], start);
            attempt
                .expect("another network has its own budget")
                .failed();
        }
        assert!(begin(9, &right, start).is_err(), "only from their network");
        assert!(begin(1, &right, start).is_ok());
        // Once they fail they are exempt no longer.
        let attempt = begin(1, &right, start).expect("they succeeded");
        attempt.failed();
        assert!(begin(1, &right, start).is_err());
    }

    #[test]
    fn concurrent_attempts_are_limited_apart_for_known_credentials() {
        let limiter = limiter();
        let now = Instant::now();
        let begin = |token| limiter.begin(address(1), &[token], now);
        begin("right").expect("nothing failed yet").succeeded(now);
        let unknown = [begin("one"), begin("two")];
        assert!(unknown.iter().all(Result::is_ok));
        assert_eq!(begin("three").err(), Some(LoginRefusal::TooManyConcurrent));
        assert!(begin("right").is_ok());
        drop(unknown);
        assert!(begin("three").is_ok());
    }

    #[test]
    fn kept_networks_and_credentials_are_limited() {
        let generous = Allowance {
            burst: 1_000_000,
            interval: Duration::from_secs(1),
        };
        let limits = LoginLimits {
            per_network: generous,
            total: generous,
            max_concurrent: 1,
        };
        let limiter = LoginLimiter::new("the test", limits);
        let now = Instant::now();
        for number in 0..6000 {
            let begin = |token| limiter.begin(address(number), &[token], now);
            begin("wrong").expect("it is allowed").failed();
            begin("right").expect("it is allowed").succeeded(now);
        }
        let state = limiter.state();
        assert_eq!(state.budget.networks.len(), failure_budget::MAX_NETWORKS);
        assert_eq!(state.known.len(), MAX_KNOWN_CREDENTIALS);
    }
}

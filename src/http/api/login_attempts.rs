//! Attempts to log in: how many may fail, by the caller's address and in all, and how many may be under way at once.
//!
//! An attempt is paid for before the login is checked and paid back when it succeeds, so that an attempt whose request is
//! given up costs as much as one that fails. Credentials that succeeded lately from an address are let through whatever
//! fails there: a flood of guesses does not lock out the script that it stands beside. Their login is checked as any
//! other; only a keyed digest of them is kept.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Addresses that are remembered; beyond it the one that failed least of late is forgotten.
const MOST_ADDRESSES: usize = 4096;

/// Credentials that are remembered; beyond it those that succeeded longest ago are forgotten.
const MOST_KNOWN: usize = 512;

/// How long credentials that succeeded are let through.
const KNOWN_FOR: Duration = Duration::from_mins(15);

/// How often a log line tells that attempts are refused.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// Failures that are borne at once, and the time in which one of them is forgotten.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Failures at once.
    pub burst: u32,
    /// The time from one further failure to the next.
    pub interval: Duration,
}

/// What attempts are limited by.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    /// Failures from one address.
    pub by_address: Allowance,
    /// Failures from all addresses.
    pub in_all: Allowance,
    /// Attempts under way at once; as many again of credentials that succeeded lately.
    pub under_way: usize,
}

/// The attempts at one kind of login.
#[derive(Debug)]
pub struct Attempts {
    /// What the login is for, in log lines.
    purpose: &'static str,
    limits: AttemptLimits,
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    /// `None` without random numbers: then nothing is remembered.
    key: Option<hmac::Key>,
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_all: Debt,
    by_address: HashMap<IpAddr, Debt>,
    known: HashMap<(IpAddr, Digest), Instant>,
    told_at: Option<Instant>,
}

/// When all failures so far are forgotten.
#[derive(Debug, Clone, Copy, Default)]
struct Debt(Option<Instant>);

type Digest = [u8; 32];

/// An attempt that was let through. Dropped without a word it has failed.
#[derive(Debug)]
pub struct Attempt {
    attempts: Arc<Attempts>,
    address: IpAddr,
    digest: Option<Digest>,
    /// Whether it was paid for.
    is_paid: bool,
    _under_way: OwnedSemaphorePermit,
}

/// An attempt that was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many failed of late; one more may be tried after this time.
    TooManyFailures(Duration),
    /// Too many are under way.
    TooManyUnderWay,
}

impl Attempts {
    /// None so far.
    pub fn new(purpose: &'static str, limits: AttemptLimits) -> Arc<Self> {
        Arc::new(Self {
            purpose,
            limits,
            strangers: Arc::new(Semaphore::new(limits.under_way)),
            known: Arc::new(Semaphore::new(limits.under_way)),
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
            state: Mutex::default(),
        })
    }

    /// Lets an attempt through, which is paid for unless the same credentials succeeded lately from the same address.
    ///
    /// # Errors
    /// When too many failed of late, or too many are under way.
    pub fn begin(
        self: &Arc<Self>,
        caller: IpAddr,
        credentials: &[&str],
        now: Instant,
    ) -> Result<Attempt, Refusal> {
        let address = network_of(caller);
        let digest = self.digest(credentials);
        let mut state = self.state();
        let succeeded_at = digest.and_then(|digest| state.known.get(&(address, digest)));
        let is_known = succeeded_at.is_some_and(|at| now.duration_since(*at) < KNOWN_FOR);
        let places = if is_known {
            &self.known
        } else {
            &self.strangers
        };
        let Ok(under_way) = Arc::clone(places).try_acquire_owned() else {
            return Err(Refusal::TooManyUnderWay);
        };
        if !is_known {
            state.pay(address, self.limits, now).inspect_err(|wait| {
                if state.told_at.is_none_or(|at| now.duration_since(at) >= TOLD_EVERY) {
                    state.told_at = Some(now);
                    tracing::warn!(
                        caller = %caller,
                        seconds = wait.as_secs() + 1,
                        "too many logins of {} failed, so further ones are refused unchecked for a while",
                        self.purpose
                    );
                }
            }).map_err(Refusal::TooManyFailures)?;
        }
        Ok(Attempt {
            attempts: Arc::clone(self),
            address,
            digest,
            is_paid: !is_known,
            _under_way: under_way,
        })
    }

    /// Tells credentials apart without keeping them.
    fn digest(&self, credentials: &[&str]) -> Option<Digest> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        for part in credentials {
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Pays for a failure, or says how long that is too dear.
    fn pay(
        &mut self,
        address: IpAddr,
        limits: AttemptLimits,
        now: Instant,
    ) -> Result<(), Duration> {
        let of_address = self.by_address.get(&address).copied().unwrap_or_default();
        let waits = [
            of_address.wait(limits.by_address, now),
            self.in_all.wait(limits.in_all, now),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        self.make_room(address, now);
        let of_address = self.by_address.entry(address).or_default();
        of_address.grow(limits.by_address, now);
        self.in_all.grow(limits.in_all, now);
        Ok(())
    }

    fn pay_back(&mut self, address: IpAddr, limits: AttemptLimits) {
        self.in_all.shrink(limits.in_all);
        if let Some(of_address) = self.by_address.get_mut(&address) {
            of_address.shrink(limits.by_address);
        }
    }

    fn make_room(&mut self, address: IpAddr, now: Instant) {
        if self.by_address.len() < MOST_ADDRESSES || self.by_address.contains_key(&address) {
            return;
        }
        self.by_address.retain(|_, debt| debt.0 > Some(now));
        if self.by_address.len() >= MOST_ADDRESSES {
            let least = self.by_address.iter().min_by_key(|(_, debt)| debt.0);
            if let Some(least) = least.map(|(address, _)| *address) {
                self.by_address.remove(&least);
            }
        }
    }

    fn remember(&mut self, credentials: (IpAddr, Digest), now: Instant) {
        if self.known.len() >= MOST_KNOWN && !self.known.contains_key(&credentials) {
            let is_late = |at: &Instant| now.duration_since(*at) < KNOWN_FOR;
            self.known.retain(|_, at| is_late(at));
            if self.known.len() >= MOST_KNOWN {
                let oldest = self.known.iter().min_by_key(|(_, at)| **at);
                if let Some(oldest) = oldest.map(|(credentials, _)| *credentials) {
                    self.known.remove(&oldest);
                }
            }
        }
        self.known.insert(credentials, now);
    }
}

impl Debt {
    /// How long until one more failure is borne; `None` when it is now.
    fn wait(self, allowance: Allowance, now: Instant) -> Option<Duration> {
        let left = self.0?.saturating_duration_since(now);
        let borne = allowance.interval * allowance.burst.saturating_sub(1);
        left.checked_sub(borne).filter(|wait| !wait.is_zero())
    }

    fn grow(&mut self, allowance: Allowance, now: Instant) {
        self.0 = Some(self.0.map_or(now, |at| at.max(now)) + allowance.interval);
    }

    fn shrink(&mut self, allowance: Allowance) {
        self.0 = self.0.and_then(|at| at.checked_sub(allowance.interval));
    }
}

impl Attempt {
    /// It succeeded: it is paid back, and the same credentials are let through for a while.
    pub fn succeeded(self, now: Instant) {
        let mut state = self.attempts.state();
        if self.is_paid {
            state.pay_back(self.address, self.attempts.limits);
        }
        if let Some(digest) = self.digest {
            state.remember((self.address, digest), now);
        }
    }

    /// It failed, so the same credentials have to be paid for from now on.
    pub fn failed(self) {
        if let Some(digest) = self.digest {
            let mut state = self.attempts.state();
            state.known.remove(&(self.address, digest));
        }
    }

    /// Nobody looked at the credentials, so it is paid back.
    pub fn was_not_checked(self) {
        if self.is_paid {
            let mut state = self.attempts.state();
            state.pay_back(self.address, self.attempts.limits);
        }
    }
}

/// What an address counts as: of IPv6 the network, for whoever has one address there has all of them.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: AttemptLimits = AttemptLimits {
        by_address: Allowance {
            burst: 3,
            interval: Duration::from_secs(10),
        },
        in_all: Allowance {
            burst: 5,
            interval: Duration::from_secs(1),
        },
        under_way: 2,
    };

    fn attempts() -> Arc<Attempts> {
        Attempts::new("the test", LIMITS)
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn too_many_failures(seconds: u64) -> Refusal {
        Refusal::TooManyFailures(Duration::from_secs(seconds))
    }

    #[test]
    fn a_burst_of_failures_from_an_address_is_borne_and_then_one_in_each_interval() {
        let attempts = attempts();
        let begun = Instant::now();
        let fail = |seconds| {
            let now = begun + Duration::from_secs(seconds);
            attempts
                .begin(address(1), &["wrong"], now)
                .map(Attempt::failed)
        };
        assert_eq!([fail(0), fail(0), fail(0)], [Ok(()); 3]);
        assert_eq!(fail(0), Err(too_many_failures(10)));
        assert_eq!(fail(9), Err(too_many_failures(1)));
        assert_eq!(fail(10), Ok(()));
        assert_eq!(fail(10), Err(too_many_failures(10)));
    }

    #[test]
    fn failures_from_many_addresses_are_limited_in_all() {
        let attempts = attempts();
        let now = Instant::now();
        let fail = |number| {
            let attempt = attempts.begin(address(number), &["wrong"], now);
            attempt.map(Attempt::failed)
        };
        for number in 0..5 {
            assert_eq!(fail(number), Ok(()));
        }
        assert_eq!(fail(5), Err(too_many_failures(1)));
    }

    #[test]
    fn an_attempt_that_is_given_up_has_failed_and_one_that_nobody_checked_has_not() {
        let attempts = attempts();
        let now = Instant::now();
        let begin = || attempts.begin(address(1), &["token"], now);
        for _ in 0..10 {
            begin().expect("nothing failed yet").was_not_checked();
        }
        for _ in 0..3 {
            drop(begin().expect("a burst is borne"));
        }
        assert!(begin().is_err());
    }

    #[test]
    fn credentials_that_succeeded_are_let_through_from_their_address_while_others_fail() {
        let attempts = attempts();
        let start = Instant::now();
        let begin =
            |number, credentials: &[&str], now| attempts.begin(address(number), credentials, now);
        let right = ["id", "token"];
        let attempt = begin(1, &right, start).expect("nothing failed yet");
        attempt.succeeded(start);
        for _ in 0..3 {
            let attempt = begin(1, &["id", "wrong"], start);
            attempt.expect("a burst is borne").failed();
        }
        assert!(begin(1, &["idt", "oken"], start).is_err());
        assert!(begin(1, &right, start).is_ok());
        for number in 2..4 {
            let attempt = begin(number, &["wrong"], start);
            attempt.expect("another address has its own").failed();
        }
        assert!(begin(9, &right, start).is_err(), "only from their address");
        assert!(begin(1, &right, start).is_ok());
        // Once they fail they are as good as any others.
        let attempt = begin(1, &right, start).expect("they succeeded");
        attempt.failed();
        assert!(begin(1, &right, start).is_err());
    }

    #[test]
    fn those_under_way_are_bounded_and_strangers_take_no_place_of_known_ones() {
        let attempts = attempts();
        let now = Instant::now();
        let begin = |token| attempts.begin(address(1), &[token], now);
        begin("right").expect("nothing failed yet").succeeded(now);
        let strangers = [begin("one"), begin("two")];
        assert!(strangers.iter().all(Result::is_ok));
        assert_eq!(begin("three").err(), Some(Refusal::TooManyUnderWay));
        assert!(begin("right").is_ok());
        drop(strangers);
        assert!(begin("three").is_ok());
    }

    #[test]
    fn however_many_addresses_and_credentials_there_are_only_some_are_remembered() {
        let generous = Allowance {
            burst: 1_000_000,
            interval: Duration::from_secs(1),
        };
        let limits = AttemptLimits {
            by_address: generous,
            in_all: generous,
            under_way: 1,
        };
        let attempts = Attempts::new("the test", limits);
        let now = Instant::now();
        for number in 0..6000 {
            let begin = |token| attempts.begin(address(number), &[token], now);
            begin("wrong").expect("it is borne").failed();
            begin("right").expect("it is borne").succeeded(now);
        }
        let state = attempts.state();
        assert_eq!(state.by_address.len(), MOST_ADDRESSES);
        assert_eq!(state.known.len(), MOST_KNOWN);
    }

    #[test]
    fn all_addresses_of_a_network_count_as_one() {
        let network = |text: &str| text.parse().map(network_of).ok();
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.2"), network("192.0.2.1"));
    }
}

//! A circuit breaker for the database, shared by all tiers. While nothing can be read, one of them tries from time to time
//! whether something can, and the others fail without a query.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::catalogue::FailureKind;
use crate::mongodb::{FailureScope, SourceError};

/// The longest pause between two probes where no server can be found, which costs none of them anything.
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// The longest pause where a server does not answer, or refuses the login: each probe takes something of it.
const MAX_PAUSE_OF_SERVER: Duration = Duration::from_secs(15);

/// Reads in a row without an answer that open the circuit: a single one may wait for a lock.
const MAX_UNANSWERED: u32 = 2;

/// What the newest reads say of the database as a whole.
#[derive(Debug, Default)]
pub struct CircuitBreaker(Mutex<Circuit>);

#[derive(Debug, Default)]
struct Circuit {
    /// When a read last succeeded.
    succeeded_at: Option<Instant>,
    /// Reads in a row without an answer.
    unanswered: u32,
    outage: Option<Outage>,
    is_probed: bool,
}

/// An open circuit: no query is answered.
#[derive(Debug)]
struct Outage {
    error: SourceError,
    /// When that was last found out.
    confirmed_at: Instant,
    /// From one probe to the next.
    pause: Duration,
    backoff: Backoff,
}

/// Whether a read may query the database.
pub enum Permit<'a> {
    /// It may.
    Allow,
    /// It may, to find out whether the outage is over; no other read does meanwhile.
    Probe { _probe: ProbeGuard<'a> },
    /// It fails for this reason, without a query.
    Reject(SourceError),
}

/// A read that finds out whether the outage is over, for as long as this is held.
pub struct ProbeGuard<'a>(&'a CircuitBreaker);

impl CircuitBreaker {
    /// Notes a read that succeeded.
    pub fn note_success(&self) {
        let mut circuit = self.lock();
        circuit.succeeded_at = Some(Instant::now());
        circuit.unanswered = 0;
        circuit.outage = None;
    }

    /// Notes a failed read that began at this time. True when every other one would fail as well.
    pub fn note_failure(&self, error: &SourceError, begun: Instant) -> bool {
        let mut circuit = self.lock();
        if circuit.succeeded_at.is_some_and(|instant| instant >= begun) {
            return false;
        }
        match error.scope {
            FailureScope::NotSent => return false,
            FailureScope::Query => {
                circuit.unanswered = 0;
                return false;
            }
            FailureScope::NoAnswer => {
                circuit.unanswered = circuit.unanswered.saturating_add(1);
                if circuit.unanswered < MAX_UNANSWERED {
                    return false;
                }
            }
            FailureScope::Database => circuit.unanswered = 0,
        }
        let outage = circuit.outage.take();
        let mut backoff = outage.map_or_else(Backoff::default, |outage| outage.backoff);
        circuit.outage = Some(Outage {
            error: error.clone(),
            confirmed_at: Instant::now(),
            pause: backoff.next_delay(max_pause(error)),
            backoff,
        });
        true
    }

    /// Whether a read may query the database; `round` is when its round began, and `is_awaited` whether a caller waits.
    pub fn permit(&self, round: Instant, is_awaited: bool) -> Permit<'_> {
        let mut circuit = self.lock();
        let Some(outage) = &circuit.outage else {
            return Permit::Allow;
        };
        let is_known = outage.confirmed_at >= round;
        let is_paused = !is_awaited && outage.confirmed_at.elapsed() < outage.pause;
        if is_known || is_paused || circuit.is_probed {
            return Permit::Reject(outage.error.clone().of(FailureScope::NotSent));
        }
        circuit.is_probed = true;
        Permit::Probe {
            _probe: ProbeGuard(self),
        }
    }

    /// Whether a read has succeeded since an instant.
    pub fn has_succeeded_since(&self, instant: Instant) -> bool {
        self.lock()
            .succeeded_at
            .is_some_and(|succeeded_at| succeeded_at >= instant)
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        // A std mutex: nothing is awaited while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest pause between two probes in an outage with this error.
fn max_pause(error: &SourceError) -> Duration {
    let is_unreachable = error.kind == FailureKind::Unreachable;
    if is_unreachable && error.scope == FailureScope::Database {
        MAX_PAUSE
    } else {
        MAX_PAUSE_OF_SERVER
    }
}

impl Drop for ProbeGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().is_probed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(scope: FailureScope) -> SourceError {
        SourceError::new(FailureKind::Unreachable, "no answer").of(scope)
    }

    #[tokio::test(start_paused = true)]
    async fn two_unanswered_reads_in_a_row_open_the_circuit() {
        let breaker = CircuitBreaker::default();
        let begun = Instant::now();
        assert!(!breaker.note_failure(&error(FailureScope::NoAnswer), begun));
        assert!(!breaker.note_failure(&error(FailureScope::Query), begun));
        assert!(!breaker.note_failure(&error(FailureScope::NoAnswer), begun));
        assert!(breaker.note_failure(&error(FailureScope::NoAnswer), begun));
        // A success meanwhile outweighs it.
        breaker.note_success();
        assert!(!breaker.note_failure(&error(FailureScope::Database), begun));
    }

    #[tokio::test(start_paused = true)]
    async fn outage_is_probed_by_one_read_at_a_time_after_a_pause() {
        let breaker = CircuitBreaker::default();
        let allows = |round| matches!(breaker.permit(round, false), Permit::Allow);
        let rejects = |round| matches!(breaker.permit(round, false), Permit::Reject(_));
        assert!(allows(Instant::now()));
        assert!(breaker.note_failure(&error(FailureScope::Database), Instant::now()));
        assert!(rejects(Instant::now()), "it is known since this round");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(rejects(Instant::now()), "there is a pause");
        tokio::time::advance(Duration::from_secs(2)).await;
        let now = Instant::now();
        let probe = breaker.permit(now, false);
        assert!(matches!(probe, Permit::Probe { .. }));
        assert!(rejects(now), "another read probes");
        drop(probe);
        assert!(matches!(breaker.permit(now, false), Permit::Probe { .. }));
        breaker.note_success();
        assert!(allows(now));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_server_is_probed_less_often_than_an_unreachable_one() {
        let probes_within_two_minutes = async |scope| {
            let breaker = CircuitBreaker::default();
            breaker.note_failure(&error(scope), Instant::now());
            let mut probes = 0;
            for _ in 0..120 {
                tokio::time::advance(Duration::from_secs(1)).await;
                let permit = breaker.permit(Instant::now(), false);
                if matches!(permit, Permit::Probe { .. }) {
                    probes += 1;
                    breaker.note_failure(&error(scope), Instant::now());
                }
            }
            probes
        };
        assert!((25..=35).contains(&probes_within_two_minutes(FailureScope::Database).await));
        assert!(probes_within_two_minutes(FailureScope::NoAnswer).await <= 10);
    }
}

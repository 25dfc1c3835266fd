//! Whether the database was heard of lately, as all tiers know together. While nothing can be read one of them looks from
//! time to time whether something can, and the others fail without a question.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::catalogue::FailureKind;
use crate::mongodb::{Scope, SourceError};

/// The first pause between two looks at a database that is down; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause where no server can be found, which costs none of them anything.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The longest pause where a server does not answer, or refuses the login: each look leaves something to it.
const LONGEST_PAUSE_OF_SERVER: Duration = Duration::from_secs(15);

/// How many readings in a row get no answer until that stands for all: one may wait for a lock.
const SILENT: u32 = 2;

/// What the newest readings tell of the database as a whole.
#[derive(Debug, Default)]
pub struct Contact(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When a reading last succeeded.
    answered: Option<Instant>,
    /// Readings in a row that got no answer.
    silent: u32,
    outage: Option<Outage>,
    /// Whether somebody looks whether the outage is over.
    is_looked_at: bool,
}

/// That nothing can be asked.
#[derive(Debug)]
struct Outage {
    error: SourceError,
    /// When that was last found out.
    known: Instant,
    looks: u32,
}

/// Whether a reading may ask.
pub enum Permission<'a> {
    /// It asks as any other.
    Ask,
    /// It looks whether the outage is over, and nobody else does meanwhile.
    Look { _looking: Look<'a> },
    /// It fails for this reason, without asking.
    Fail(SourceError),
}

/// Somebody looks whether the outage is over, for as long as this is held.
pub struct Look<'a>(&'a Contact);

impl Contact {
    /// A reading succeeded.
    pub fn answered(&self) {
        let mut state = self.state();
        state.answered = Some(Instant::now());
        state.silent = 0;
        state.outage = None;
    }

    /// A reading that began at this time failed. True when every other one would fail as well.
    pub fn failed(&self, error: &SourceError, begun: Instant) -> bool {
        let mut state = self.state();
        if state.answered.is_some_and(|instant| instant >= begun) {
            return false;
        }
        match error.scope {
            Scope::Unasked => return false,
            Scope::QueryContext => {
                state.silent = 0;
                return false;
            }
            Scope::Silence => {
                state.silent = state.silent.saturating_add(1);
                if state.silent < SILENT {
                    return false;
                }
            }
            Scope::Everything => state.silent = 0,
        }
        let looks = state.outage.as_ref().map_or(0, |it| it.looks);
        state.outage = Some(Outage {
            error: error.clone(),
            known: Instant::now(),
            looks: looks.saturating_add(1),
        });
        true
    }

    /// Whether a reading may ask, in a round that began at this time and is made for somebody who waits, or not.
    pub fn permission(&self, round: Instant, is_awaited: bool) -> Permission<'_> {
        let mut state = self.state();
        let Some(outage) = &state.outage else {
            return Permission::Ask;
        };
        let is_known = outage.known >= round;
        let is_paused = !is_awaited && outage.known.elapsed() < outage.pause();
        if is_known || is_paused || state.is_looked_at {
            return Permission::Fail(outage.error.clone().of(Scope::Unasked));
        }
        state.is_looked_at = true;
        Permission::Look {
            _looking: Look(self),
        }
    }

    /// Whether a reading has succeeded since an instant.
    pub fn has_answered_since(&self, instant: Instant) -> bool {
        self.state()
            .answered
            .is_some_and(|answered| answered >= instant)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A std mutex: nothing is awaited while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outage {
    /// From one look to the next.
    fn pause(&self) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.looks - 1));
        let is_unreachable = self.error.kind == FailureKind::Unreachable;
        if is_unreachable && self.error.scope == Scope::Everything {
            doubled.min(LONGEST_PAUSE)
        } else {
            doubled.min(LONGEST_PAUSE_OF_SERVER)
        }
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.state().is_looked_at = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(scope: Scope) -> SourceError {
        SourceError::new(FailureKind::Unreachable, "no answer").of(scope)
    }

    #[tokio::test(start_paused = true)]
    async fn one_silence_stands_for_itself_and_two_in_a_row_for_all() {
        let contact = Contact::default();
        let begun = Instant::now();
        assert!(!contact.failed(&error(Scope::Silence), begun));
        assert!(!contact.failed(&error(Scope::QueryContext), begun));
        assert!(!contact.failed(&error(Scope::Silence), begun));
        assert!(contact.failed(&error(Scope::Silence), begun));
        // What was answered meanwhile tells more.
        contact.answered();
        assert!(!contact.failed(&error(Scope::Everything), begun));
    }

    #[tokio::test(start_paused = true)]
    async fn during_an_outage_one_looks_at_a_time_and_after_a_pause() {
        let contact = Contact::default();
        let asks = |round| matches!(contact.permission(round, false), Permission::Ask);
        let fails = |round| matches!(contact.permission(round, false), Permission::Fail(_));
        assert!(asks(Instant::now()));
        assert!(contact.failed(&error(Scope::Everything), Instant::now()));
        assert!(fails(Instant::now()), "it is known in this very round");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(fails(Instant::now()), "there is a pause");
        tokio::time::advance(Duration::from_secs(2)).await;
        let now = Instant::now();
        let look = contact.permission(now, false);
        assert!(matches!(look, Permission::Look { .. }));
        assert!(fails(now), "somebody looks already");
        drop(look);
        assert!(matches!(
            contact.permission(now, false),
            Permission::Look { .. }
        ));
        contact.answered();
        assert!(asks(now));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_is_looked_at_less_often_than_one_that_is_away() {
        let looks = async |scope| {
            let contact = Contact::default();
            contact.failed(&error(scope), Instant::now());
            let mut looks = 0;
            for _ in 0..120 {
                tokio::time::advance(Duration::from_secs(1)).await;
                let permission = contact.permission(Instant::now(), false);
                if matches!(permission, Permission::Look { .. }) {
                    looks += 1;
                    contact.failed(&error(scope), Instant::now());
                }
            }
            looks
        };
        assert!((25..=35).contains(&looks(Scope::Everything).await));
        assert!(looks(Scope::Silence).await <= 10);
    }
}

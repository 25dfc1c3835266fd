//! Whether the database was heard of lately, as all tiers know together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::sources::SourceError;

/// What the newest readings tell of the database as a whole.
#[derive(Debug, Default)]
pub struct Contact(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When a reading last succeeded.
    answered: Option<Instant>,
    /// Why nothing can be asked, and since when that is known.
    outage: Option<(SourceError, Instant)>,
}

impl Contact {
    /// A reading succeeded.
    pub fn answered(&self) {
        let mut state = self.state();
        state.answered = Some(Instant::now());
        state.outage = None;
    }

    /// A reading that began at this time failed, and so would every other one; false when one succeeded meanwhile.
    pub fn broke(&self, error: &SourceError, begun: Instant) -> bool {
        let mut state = self.state();
        if state.answered.is_some_and(|instant| instant >= begun) {
            return false;
        }
        state.outage = Some((error.clone(), Instant::now()));
        true
    }

    /// Whether a reading has succeeded since an instant.
    pub fn has_answered_since(&self, instant: Instant) -> bool {
        self.state()
            .answered
            .is_some_and(|answered| answered >= instant)
    }

    /// Why nothing can be asked, where that was found out after an instant. What fails for this reason without having
    /// been asked is no news of an outage.
    pub fn outage_since(&self, instant: Instant) -> Option<SourceError> {
        let state = self.state();
        let (error, known) = state.outage.as_ref()?;
        (*known >= instant).then(|| SourceError {
            is_outage: false,
            ..error.clone()
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A std mutex: nothing is awaited while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

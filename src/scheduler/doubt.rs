//! When a round of readings failed as a whole, are the others still true? A collector of a longer tier would find out at
//! its next interval only, and until then the database would seem to be read.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::heartbeat::Heartbeat;
use super::journal::Asked;
use super::shared::{Shared, follows};
use crate::catalogue::ReadState;
use crate::collectors::Collector;

impl Shared {
    /// Ends a round that began at this time: where it read nothing, looks whether anything else can be read, and logs
    /// what changed.
    pub async fn end_round(&self, begun: Instant, mut asked: Vec<Asked>, pulse: &Heartbeat) {
        let failed = asked
            .iter()
            .any(|(collector, error)| collector.asks_database() && error.is_some());
        if failed {
            self.ask_others(begun, &mut asked, pulse).await;
        }
        self.journal.note_round(self.state(), &asked);
    }

    /// Reads again what was read before, the cheapest first, until one reading succeeds or all have failed.
    async fn ask_others(&self, since: Instant, asked: &mut Vec<Asked>, pulse: &Heartbeat) {
        // One tier does that at a time; what it finds holds for the others.
        let Ok(_doubting) = self.doubting.try_lock() else {
            return;
        };
        let mut failed = false;
        while !self.contact.has_answered_since(since) {
            let Some((collector, interval)) = self.cheapest_success() else {
                break;
            };
            if self.budget.was_confirmed(&self.plan.intervals, collector) {
                break;
            }
            let begun = Instant::now();
            pulse.expect_by(begun + self.longest_reading());
            let result = self.read(collector).await;
            if result.is_ok() {
                self.budget.confirm(collector);
            }
            let error = self.record(collector, interval, begun, result);
            failed |= error.is_some();
            asked.push((collector, error));
        }
        if failed && self.state() != Some(ReadState::Down) {
            // Their tiers do not know yet that they failed.
            self.recovered.send_modify(|times| *times += 1);
        }
    }

    /// The collector whose newest reading succeeded and that takes the least time, and its interval; what is followed is
    /// not read.
    fn cheapest_success(&self) -> Option<(Collector, Duration)> {
        let snapshot = Arc::clone(&self.publish.borrow());
        let outcomes = snapshot.outcomes.iter();
        outcomes
            .filter(|(it, outcome)| it.asks_database() && outcome.failure.is_none())
            .filter(|(it, _)| !follows(&snapshot, **it))
            .min_by_key(|(it, _)| self.budget.duration(**it))
            .map(|(it, outcome)| (*it, outcome.interval))
    }
}

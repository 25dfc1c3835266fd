//! Rechecks the other collectors when every read of a round failed. A collector of a longer tier would fail at its next
//! interval only, and until then the database would seem to be up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::{SchedulerContext, follows};
use super::heartbeat::Heartbeat;
use super::reading_log::ReadResult;
use crate::catalogue::ReadState;
use crate::collectors::Collector;

impl SchedulerContext {
    /// Ends a round that began at this time: where every read failed, rechecks other collectors; logs what changed.
    pub async fn end_round(
        &self,
        begun: Instant,
        mut results: Vec<ReadResult>,
        heartbeat: &Heartbeat,
    ) {
        let failed = results
            .iter()
            .any(|(collector, error)| collector.reads_database() && error.is_some());
        if failed {
            self.recheck_others(begun, &mut results, heartbeat).await;
        }
        self.log.log_round(self.state(), &results);
    }

    /// Reads collectors again that succeeded last time, the cheapest first, until one succeeds or all have failed.
    async fn recheck_others(
        &self,
        since: Instant,
        results: &mut Vec<ReadResult>,
        heartbeat: &Heartbeat,
    ) {
        // One tier at a time; what it finds holds for the others.
        let Ok(_lock) = self.recheck_lock.try_lock() else {
            return;
        };
        let mut failed = false;
        while !self.circuit_breaker.has_succeeded_since(since) {
            let Some((collector, interval)) = self.cheapest_success() else {
                break;
            };
            if self
                .budget
                .forbids_recheck(&self.config.intervals, collector)
            {
                break;
            }
            let begun = Instant::now();
            heartbeat.expect_by(begun + self.max_read_time(collector));
            let result = self.read(collector).await;
            if result.is_ok() {
                self.budget.note_recheck(collector);
            }
            let error = self.record(collector, interval, begun, result);
            failed |= error.is_some();
            results.push((collector, error));
        }
        if failed && self.state() != Some(ReadState::Down) {
            // Their tiers do not know yet that they failed.
            self.recovered.send_modify(|times| *times += 1);
        }
    }

    /// The collector whose newest read succeeded and that takes the least time, and its interval; followed ones are not
    /// read.
    fn cheapest_success(&self) -> Option<(Collector, Duration)> {
        let snapshot = Arc::clone(&self.publish.borrow());
        let outcomes = snapshot.outcomes.iter();
        outcomes
            .filter(|(collector, outcome)| collector.reads_database() && outcome.failure.is_none())
            .filter(|(collector, _)| !follows(&snapshot, **collector))
            .min_by_key(|(collector, _)| self.budget.duration(**collector))
            .map(|(collector, outcome)| (*collector, outcome.interval))
    }
}

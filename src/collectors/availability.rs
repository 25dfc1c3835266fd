//! How much of a workspace's database is read, by the newest outcome of each collector.

use std::collections::BTreeSet;

use super::collector::Collector;
use super::snapshot::Snapshot;
use crate::catalogue::{Availability, FailureKind, ReadState, Timestamp};

impl Snapshot {
    /// Whether anything of the database can be read; `None` where there is none, as for the host alone.
    pub fn up(&self) -> Option<bool> {
        Some(self.availability?.is_up())
    }

    /// Whether the newest read of a collector succeeded. A section that live mode kept current counts while it is followed,
    /// and afterwards not before it was read again.
    fn succeeded(&self, collector: Collector) -> bool {
        self.outcomes
            .get(&collector)
            .is_some_and(|outcome| outcome.failure.is_none() && !outcome.was_followed)
    }

    /// Whether the newest read of a collector failed.
    pub fn fails(&self, collector: Collector) -> bool {
        self.outcomes
            .get(&collector)
            .is_some_and(|outcome| outcome.failure.is_some())
    }

    /// Sets the availability by the newest reads of these collectors. Where none of them succeeded and some are still to be
    /// tried, it stays as it was.
    pub fn judge(&mut self, collectors: &BTreeSet<Collector>, now: Timestamp) {
        let Some(before) = self.availability else {
            return;
        };
        let of_database = || {
            let collectors = collectors.iter().copied();
            collectors.filter(|collector| collector.reads_database())
        };
        let one_succeeded = of_database().any(|collector| self.succeeded(collector));
        let one_fails = of_database().any(|collector| self.fails(collector));
        let state = match (one_succeeded, one_fails) {
            (true, true) => ReadState::Partly,
            (true, false) => ReadState::Up,
            (false, _) if of_database().all(|collector| self.fails(collector)) => ReadState::Down,
            (false, _) => before.state,
        };
        self.availability = Some(Availability {
            state,
            since: if state == before.state {
                before.since
            } else {
                now
            },
            reason: (state == ReadState::Down)
                .then(|| self.most_common_failure())
                .flatten(),
        });
    }

    /// The most common failure of collectors that query the database.
    fn most_common_failure(&self) -> Option<FailureKind> {
        let asking = self
            .outcomes
            .iter()
            .filter(|(collector, _)| collector.reads_database());
        let failures: Vec<_> = asking.filter_map(|(_, outcome)| outcome.failure).collect();
        let count = |kind: FailureKind| failures.iter().filter(|other| **other == kind).count();
        failures.iter().copied().max_by_key(|kind| count(*kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Outcome;

    const COLLECTORS: [Collector; 3] = [Collector::Presence, Collector::Users, Collector::Host];

    /// A snapshot after each of these reads, one a millisecond.
    fn after(readings: &[(Collector, Option<FailureKind>)]) -> Snapshot {
        let mut snapshot = Snapshot {
            availability: Some(Availability::untried(Timestamp(0))),
            ..Snapshot::default()
        };
        for (time, (collector, failure)) in (1..).zip(readings) {
            let outcome = Outcome {
                failure: *failure,
                ..Outcome::default()
            };
            snapshot.outcomes.insert(*collector, outcome.into());
            snapshot.judge(&COLLECTORS.into(), Timestamp(time));
        }
        snapshot
    }

    fn availability(
        readings: &[(Collector, Option<FailureKind>)],
    ) -> (ReadState, i64, Option<FailureKind>) {
        let availability = after(readings).availability;
        let availability = availability.expect("a database is read");
        (
            availability.state,
            availability.since.0,
            availability.reason,
        )
    }

    const FAILED: Option<FailureKind> = Some(FailureKind::Other);

    #[test]
    fn database_is_down_when_every_collector_of_it_fails() {
        use crate::collectors::collector::Collector::{Host, Presence, Users};
        let unauthorized = Some(FailureKind::Unauthorized);
        assert_eq!(availability(&[]), (ReadState::Untried, 0, None));
        assert_eq!(
            availability(&[(Presence, FAILED), (Host, None)]),
            (ReadState::Untried, 0, None)
        );
        assert_eq!(
            availability(&[(Presence, FAILED), (Users, unauthorized), (Users, FAILED)]),
            (ReadState::Down, 2, FAILED)
        );
    }

    #[test]
    fn database_is_up_while_one_collector_succeeds() {
        use crate::collectors::collector::Collector::{Presence, Users};
        assert_eq!(
            availability(&[(Presence, None), (Users, None)]),
            (ReadState::Up, 1, None)
        );
        assert_eq!(
            availability(&[(Presence, None), (Users, FAILED), (Users, FAILED)]),
            (ReadState::Partly, 2, None)
        );
    }

    #[test]
    fn collector_that_was_followed_is_no_success_before_it_is_read() {
        let mut snapshot = after(&[(Collector::Presence, None), (Collector::Users, FAILED)]);
        let presence = snapshot.outcome_mut(Collector::Presence);
        presence.expect("it was read").was_followed = true;
        snapshot.judge(&COLLECTORS.into(), Timestamp(9));
        assert!(!snapshot.succeeded(Collector::Presence));
        // Whether the database can be read is up to the next read.
        assert_eq!(snapshot.up(), Some(true));
        let presence = snapshot.outcome_mut(Collector::Presence);
        presence.expect("it was read").failure = FAILED;
        snapshot.judge(&COLLECTORS.into(), Timestamp(10));
        assert_eq!(snapshot.up(), Some(false));
    }
}

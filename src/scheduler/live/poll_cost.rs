//! What polling for changes costs the database, measured while it is done.

use std::time::Duration;

use tokio::time::Instant;

use crate::change_streams::CatchUp;

/// The longest time that one change or one looked-up document takes the database.
const MAX_PER_CHANGE: Duration = Duration::from_millis(1);

/// The cost is the mean over this time.
const PERIOD: Duration = Duration::from_mins(5);

/// One poll in this many is repeated at once: next to nothing has happened in between, so that the difference is what the
/// first one took for passing over changes.
const COMPARED_RATIO: u32 = 10;

/// What polling costs over a period.
#[derive(Debug)]
pub struct PollCost {
    begun: Instant,
    /// Polls, without the repeated ones.
    polls: u32,
    /// What the polls took longer than the fastest one, each at most what its changes can take.
    for_changes: Duration,
    /// The fastest poll so far: the time of a round trip, which costs next to nothing.
    fastest: Duration,
    /// The poll that the next one is compared with.
    compared: Option<Duration>,
    /// How much longer polls took than the ones that repeated them.
    differences: Vec<Duration>,
}

impl PollCost {
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            polls: 0,
            for_changes: Duration::ZERO,
            fastest: Duration::MAX,
            compared: None,
            differences: Vec::new(),
        }
    }

    /// Whether the next poll is to come at once.
    pub fn is_comparing(&self) -> bool {
        self.compared.is_some()
    }

    /// Notes a poll.
    pub fn note(&mut self, duration: Duration, caught_up: CatchUp) {
        self.fastest = self.fastest.min(duration);
        let changes = u32::try_from(caught_up.changes).unwrap_or(u32::MAX);
        // What took longer has waited for something else, such as a connection.
        let max = MAX_PER_CHANGE.saturating_mul(changes);
        self.for_changes += duration.saturating_sub(self.fastest).min(max);
        if let Some(before) = self.compared.take() {
            self.differences.push(before.saturating_sub(duration));
            return;
        }
        self.polls += 1;
        // With more changes the next poll would be no faster.
        let compares = self.polls.is_multiple_of(COMPARED_RATIO) && !caught_up.more;
        self.compared = compares.then_some(duration);
    }

    /// The share of the time that polling took, at the end of a period.
    pub fn share(&mut self) -> Option<f64> {
        let time = self.begun.elapsed();
        if time < PERIOD {
            return None;
        }
        let cost = self.for_changes.max(self.for_passed_over());
        *self = Self {
            fastest: self.fastest,
            ..Self::new()
        };
        Some(cost.div_duration_f64(time))
    }

    /// The cost of passing over changes: the database also reads each change that it does not return, of these
    /// collections and of all others. A busy machine makes all polls slower, and some wait for a connection; so each
    /// difference is of two polls in a row, and the median counts.
    fn for_passed_over(&mut self) -> Duration {
        let number = self.differences.len();
        if number == 0 {
            return Duration::ZERO;
        }
        let (_, median, _) = self.differences.select_nth_unstable(number / 2);
        median.saturating_mul(self.polls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(changes: u64) -> CatchUp {
        CatchUp {
            changes,
            more: false,
            has_queried: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn round_trips_and_waits_cost_nothing() {
        let mut cost = PollCost::new();
        assert_eq!(cost.share(), None);
        // A server far away, and once a connection that another query held.
        for _ in 0..300 {
            cost.note(Duration::from_millis(40), changes(0));
        }
        cost.note(Duration::from_secs(30), changes(2));
        tokio::time::advance(PERIOD).await;
        let share = cost.share().expect("the period has ended");
        assert!(share < 0.000_01, "{share}");
        assert_eq!(cost.share(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn busy_machine_costs_nothing() {
        let mut cost = PollCost::new();
        for number in 0..300 {
            cost.note(
                Duration::from_millis(5 + number % 7 + number / 10),
                changes(0),
            );
        }
        tokio::time::advance(PERIOD).await;
        let share = cost.share().expect("the period has ended");
        assert!(share < 0.001, "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_passed_over_cost_the_difference_to_repeated_polls() {
        let mut cost = PollCost::new();
        for _ in 0..300 {
            let poll = if cost.is_comparing() { 5 } else { 35 };
            cost.note(Duration::from_millis(poll), changes(0));
        }
        tokio::time::advance(PERIOD).await;
        let share = cost.share().expect("the period has ended");
        assert!((share - 0.027).abs() < 0.001, "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_cost_the_difference_to_the_fastest_poll() {
        let mut cost = PollCost::new();
        cost.note(Duration::from_millis(1), changes(0));
        for _ in 0..300 {
            cost.note(Duration::from_millis(101), changes(1000));
        }
        tokio::time::advance(PERIOD).await;
        let share = cost.share().expect("the period has ended");
        assert!((share - 0.1).abs() < 0.001, "{share}");
    }
}

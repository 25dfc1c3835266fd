//! What following changes costs the database, measured while it is done.

use std::time::Duration;

use tokio::time::Instant;

use crate::change_streams::CatchUp;

/// The longest time that the database takes for one change that it tells, or one document.
const MOST_FOR_ONE: Duration = Duration::from_millis(1);

/// Over this time it is measured what following costs.
const MEASURED: Duration = Duration::from_mins(5);

/// After so many questions one is asked at once: next to nothing has happened since the one before.
const COMPARED: u32 = 10;

/// What following costs the database over a time.
#[derive(Debug)]
pub struct Measure {
    begun: Instant,
    /// Questions, but for those that were asked at once.
    asked: u32,
    /// What the answers took longer than the quickest one, each no more than for what it told.
    told: Duration,
    /// The least time that an answer took so far: what it takes to ask, which costs next to nothing.
    least: Duration,
    /// The answer that the next one is compared with.
    compares: Option<Duration>,
    /// How much longer an answer took than the one that was asked for at once.
    longer: Vec<Duration>,
}

impl Measure {
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            asked: 0,
            told: Duration::ZERO,
            least: Duration::MAX,
            compares: None,
            longer: Vec::new(),
        }
    }

    /// Whether the next question is to be asked at once.
    pub fn asks_at_once(&self) -> bool {
        self.compares.is_some()
    }

    /// Notes an answer.
    pub fn note(&mut self, duration: Duration, caught: CatchUp) {
        self.least = self.least.min(duration);
        let told = u32::try_from(caught.told).unwrap_or(u32::MAX);
        // What took longer has waited for something else, such as a connection.
        let most = MOST_FOR_ONE.saturating_mul(told);
        self.told += duration.saturating_sub(self.least).min(most);
        if let Some(before) = self.compares.take() {
            self.longer.push(before.saturating_sub(duration));
            return;
        }
        self.asked += 1;
        // With more to tell the next answer would be no shorter.
        self.compares = (self.asked.is_multiple_of(COMPARED) && !caught.more).then_some(duration);
    }

    /// The share of the time that following took, once it was measured for long enough.
    pub fn share(&mut self) -> Option<f64> {
        let time = self.begun.elapsed();
        if time < MEASURED {
            return None;
        }
        let spent = self.told.max(self.passed_over());
        *self = Self {
            least: self.least,
            ..Self::begin()
        };
        Some(spent.div_duration_f64(time))
    }

    /// What the answers took, whatever they told: the database also looks at each change that it does not tell, of these
    /// collections and of all others. A busy machine makes all answers longer, and some have waited for a connection; so
    /// two that follow each other are compared, and the middle one of these differences counts.
    fn passed_over(&mut self) -> Duration {
        let number = self.longer.len();
        if number == 0 {
            return Duration::ZERO;
        }
        let (_, middle, _) = self.longer.select_nth_unstable(number / 2);
        middle.saturating_mul(self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(told: u64) -> CatchUp {
        CatchUp { told, more: false }
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_takes_to_ask_and_to_wait_is_no_cost_of_changes() {
        let mut measure = Measure::begin();
        assert_eq!(measure.share(), None);
        // A server far away, and once a connection that another question held.
        for _ in 0..300 {
            measure.note(Duration::from_millis(40), told(0));
        }
        measure.note(Duration::from_secs(30), told(2));
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!(share < 0.000_01, "{share}");
        assert_eq!(measure.share(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_grows_busy_is_no_cost_of_changes() {
        let mut measure = Measure::begin();
        for number in 0..300 {
            measure.note(Duration::from_millis(5 + number % 7 + number / 10), told(0));
        }
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!(share < 0.001, "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_are_not_told_cost_what_answers_take_longer_than_those_asked_for_at_once()
    {
        let mut measure = Measure::begin();
        for _ in 0..300 {
            let answer = if measure.asks_at_once() { 5 } else { 35 };
            measure.note(Duration::from_millis(answer), told(0));
        }
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!((share - 0.027).abs() < 0.001, "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_cost_what_their_answers_take_longer_than_others() {
        let mut measure = Measure::begin();
        measure.note(Duration::from_millis(1), told(0));
        for _ in 0..300 {
            measure.note(Duration::from_millis(101), told(1000));
        }
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!((share - 0.1).abs() < 0.001, "{share}");
    }
}

//! What following changes costs the database, measured while it is done.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time that the database takes for one change that it tells, or one document.
const MOST_FOR_ONE: Duration = Duration::from_millis(1);

/// Over this time it is measured what following costs.
const MEASURED: Duration = Duration::from_mins(5);

/// So many questions at the beginning follow each other at once: next to nothing has happened between them.
const AT_ONCE: usize = 4;

/// What following costs the database over a time.
pub struct Measure {
    begun: Instant,
    /// What the answers took longer than the quickest one, each no more than for what it told.
    told: Duration,
    /// How long each answer took.
    answers: Vec<Duration>,
    /// The least time that an answer took so far: what it takes to ask, which costs next to nothing.
    least: Duration,
}

impl Measure {
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            told: Duration::ZERO,
            answers: Vec::new(),
            least: Duration::MAX,
        }
    }

    /// Whether the next question is to be asked at once, to know what it takes to ask.
    pub fn asks_at_once(&self) -> bool {
        self.answers.len() < AT_ONCE
    }

    /// Notes an answer that told so many changes and documents.
    pub fn note(&mut self, duration: Duration, told: u64) {
        self.least = self.least.min(duration);
        self.answers.push(duration);
        let told = u32::try_from(told).unwrap_or(u32::MAX);
        // What took longer has waited for something else, such as a connection.
        let most = MOST_FOR_ONE.saturating_mul(told);
        self.told += duration.saturating_sub(self.least).min(most);
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
    /// collections and of all others. It is the middle one that counts, for a few have waited for something else.
    fn passed_over(&mut self) -> Duration {
        let number = self.answers.len();
        if number == 0 {
            return Duration::ZERO;
        }
        let (_, middle, _) = self.answers.select_nth_unstable(number / 2);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        middle.saturating_sub(self.least).saturating_mul(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_it_takes_to_ask_and_to_wait_is_no_cost_of_changes() {
        let mut measure = Measure::begin();
        assert_eq!(measure.share(), None);
        // A server far away, and once a connection that another question held.
        for _ in 0..300 {
            measure.note(Duration::from_millis(40), 0);
        }
        measure.note(Duration::from_secs(30), 2);
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!(share < 0.000_01, "{share}");
        assert_eq!(measure.share(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_are_not_told_cost_what_answers_take_longer_than_those_asked_for_at_once()
    {
        let mut measure = Measure::begin();
        while measure.asks_at_once() {
            measure.note(Duration::from_millis(5), 0);
        }
        for _ in 0..290 {
            measure.note(Duration::from_millis(35), 0);
        }
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!((share - 0.03).abs() < 0.001, "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_cost_what_their_answers_take_longer_than_others() {
        let mut measure = Measure::begin();
        measure.note(Duration::from_millis(1), 0);
        for _ in 0..300 {
            measure.note(Duration::from_millis(101), 1000);
        }
        tokio::time::advance(MEASURED).await;
        let share = measure.share().expect("it was measured for long enough");
        assert!((share - 0.1).abs() < 0.001, "{share}");
    }
}

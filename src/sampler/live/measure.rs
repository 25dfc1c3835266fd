//! What following changes costs the database, measured while it is done.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time that the database takes for one change that it tells, or one document.
const MOST_FOR_ONE: Duration = Duration::from_millis(1);

/// Over this time it is measured what following costs.
const MEASURED: Duration = Duration::from_mins(5);

/// What following costs the database over a time.
pub struct Measure {
    begun: Instant,
    spent: Duration,
    /// The least time that an answer took so far: what it takes to ask, which costs next to nothing.
    least: Duration,
}

impl Measure {
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            spent: Duration::ZERO,
            least: Duration::MAX,
        }
    }

    /// Notes an answer that told so many changes and documents.
    pub fn note(&mut self, duration: Duration, told: u64) {
        self.least = self.least.min(duration);
        let told = u32::try_from(told).unwrap_or(u32::MAX);
        // What took longer has waited for something else, such as a connection.
        let most = MOST_FOR_ONE.saturating_mul(told);
        self.spent += duration.saturating_sub(self.least).min(most);
    }

    /// The share of the time that following took, once it was measured for long enough.
    pub fn share(&mut self) -> Option<f64> {
        let time = self.begun.elapsed();
        if time < MEASURED {
            return None;
        }
        let spent = self.spent.div_duration_f64(time);
        (self.begun, self.spent) = (Instant::now(), Duration::ZERO);
        Some(spent)
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

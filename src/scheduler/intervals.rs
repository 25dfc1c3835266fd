//! The intervals of the tiers, and the share of the time that reads may take.

use std::time::Duration;

use crate::catalogue::Tier;

/// The part of the maximal share that is planned: the next reads may take longer than the last ones.
pub const PLANNED: f64 = 0.9;

/// Longer than any wait.
const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// The tiers' intervals, and how much of the time may be spent reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Of [`Tier::Fast`].
    pub fast: Duration,
    /// Of [`Tier::Normal`].
    pub normal: Duration,
    /// Of [`Tier::Slow`].
    pub slow: Duration,
    /// The maximal part of the time, between 0 and 1, that all collectors of a workspace together may spend reading its
    /// database; see [`super::budget::Budget`].
    pub max_share: f64,
}

impl Intervals {
    /// The interval of a tier.
    pub fn of(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Fast => self.fast,
            Tier::Normal => self.normal,
            Tier::Slow => self.slow,
        }
    }

    /// The share of the time that is planned for reads.
    pub fn planned_share(&self) -> f64 {
        self.max_share * PLANNED
    }
}

/// The time of which `duration` is a share; a century at most, so that it can be added to an instant.
pub fn at_share(duration: Duration, share: f64) -> Duration {
    let time = Duration::try_from_secs_f64(duration.as_secs_f64() / share);
    time.unwrap_or(CENTURY).min(CENTURY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_is_too_small() {
        for share in [0.0, f64::MIN_POSITIVE, f64::NAN, -1.0, 1e-12] {
            assert_eq!(at_share(Duration::from_hours(16), share), CENTURY);
        }
        assert_eq!(at_share(Duration::ZERO, 0.0), CENTURY);
        assert_eq!(
            at_share(Duration::from_secs(2), 0.5),
            Duration::from_secs(4)
        );
    }
}

//! The budget of a workspace's database: the interval of each collector, so that all of them together take no more than their
//! share of the time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::intervals::{Intervals, at_share};
use crate::catalogue::Tier;
use crate::collectors::Collector;

/// How many collectors of a tier are read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// One after the other: no caller waits.
    Sequential,
    /// This many at once, beside those of the other tiers: a caller waits.
    Parallel(usize),
}

impl Concurrency {
    /// How many collectors are read at once.
    pub fn limit(self) -> usize {
        match self {
            Self::Sequential => 1,
            Self::Parallel(limit) => limit,
        }
    }
}

/// What the newest successful read of each collector took, and the intervals that follow from that.
///
/// A collector that takes its duration every interval has a share of the time. Where the sum of all shares is above the
/// maximum, the most expensive collectors are cut to an even share, and the cheap ones stay as they are. The fast tier and
/// the others have half each, and what the other half leaves; so neither starves the other, and the fast tier, which is
/// cheap, is not slowed down by full scans.
///
/// At the start, while durations are still unknown, the first collectors get more than their share: so an interval grows as
/// soon as other collectors turn out to be more expensive, and shrinks with the next read.
#[derive(Debug, Default)]
pub struct Budget(
    // A std mutex: it is never held while something is read.
    Mutex<BTreeMap<Collector, ReadCost>>,
);

/// What the newest successful read of a collector took.
#[derive(Debug, Clone, Copy)]
struct ReadCost {
    duration: Duration,
    /// When it was read before it was due, only to see whether it can be read.
    rechecked_at: Option<Instant>,
}

impl Budget {
    /// Notes how long a successful read took. Collectors that are read at once wait for each other's connections and
    /// processors, so the duration of such a read counts only while no other is known.
    pub fn note(&self, collector: Collector, duration: Duration, concurrency: Concurrency) {
        let mut costs = self.costs();
        let known = costs.get(&collector).map(|cost| cost.duration);
        let duration = match (concurrency, known) {
            (Concurrency::Parallel(_), Some(known)) => known,
            _ => duration,
        };
        costs.insert(
            collector,
            ReadCost {
                duration,
                rechecked_at: None,
            },
        );
    }

    /// Notes that a collector was read before it was due, only to see whether it can be read.
    pub fn note_recheck(&self, collector: Collector) {
        if let Some(cost) = self.costs().get_mut(&collector) {
            cost.rechecked_at = Some(Instant::now());
        }
    }

    /// Whether another recheck of a collector would take more than the share of the time.
    pub fn forbids_recheck(&self, intervals: &Intervals, collector: Collector) -> bool {
        let costs = self.costs();
        let Some(cost) = costs.get(&collector) else {
            return false;
        };
        let rest = at_share(cost.duration, intervals.planned_share());
        cost.rechecked_at
            .is_some_and(|instant| instant.elapsed() < rest)
    }

    /// How long a collector took; zero when it was never read.
    pub fn duration(&self, collector: Collector) -> Duration {
        self.costs()
            .get(&collector)
            .map_or(Duration::ZERO, |cost| cost.duration)
    }

    /// The time from one read of a collector to the next.
    pub fn interval(&self, intervals: &Intervals, collector: Collector) -> Duration {
        let tier = collector.tier();
        let regular = intervals.of(tier);
        let costs = self.costs();
        let duration = costs
            .get(&collector)
            .map_or(Duration::ZERO, |cost| cost.duration);
        match collector {
            // It mostly waits for Rocket.Chat, which has to be probed also where that is slow.
            Collector::Probe => return regular,
            Collector::Host => {
                return regular.max(at_share(duration, intervals.planned_share()));
            }
            _ => {}
        }
        let (mut own_half, mut other_half) = (Vec::new(), Vec::new());
        let of_database = costs.iter().filter(|(other, _)| other.reads_database());
        for (other, cost) in of_database {
            let half = if (other.tier() == Tier::Fast) == (tier == Tier::Fast) {
                &mut own_half
            } else {
                &mut other_half
            };
            let interval = intervals.of(other.tier()).max(Duration::from_millis(1));
            half.push(cost.duration.div_duration_f64(interval));
        }
        let planned = intervals.planned_share();
        let left = planned - other_half.iter().sum::<f64>();
        match even_share(own_half, left.max(planned / 2.0)) {
            Some(share) => regular.max(at_share(duration, share)),
            None => regular,
        }
    }

    fn costs(&self) -> MutexGuard<'_, BTreeMap<Collector, ReadCost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share to which the greatest of these shares have to be cut so that their sum is no more than `total`; `None` when it
/// is not.
fn even_share(mut shares: Vec<f64>, total: f64) -> Option<f64> {
    shares.sort_by(f64::total_cmp);
    let mut left = total;
    let mut number = shares.len();
    for share in shares {
        let even = left / number as f64;
        if share > even {
            return Some(even);
        }
        left -= share;
        number -= 1;
    }
    None
}

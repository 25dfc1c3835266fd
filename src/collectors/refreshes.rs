//! What a refresh leaves out, because nothing has changed since the last one read it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::collector::Collector;
use super::snapshot::Snapshot;
use crate::catalogue::{Timestamp, Version};
use crate::mongodb::{IndexWrites, Mongo, SourceError};

/// How long a reading may be left out. By then the server has not yet forgotten writes of an index that is not used; and
/// a change that the indexes do not show is seen at last.
pub const MAX_AGE: Duration = Duration::from_mins(10);

/// What each collector's indexes were like when a refresh last read it.
#[derive(Debug, Default)]
pub struct Refreshes(
    // A std mutex: it is never held during a query.
    Mutex<BTreeMap<Collector, Refreshed>>,
);

#[derive(Debug)]
struct Refreshed {
    at: Instant,
    data_at: Timestamp,
    version: Option<Version>,
    writes: IndexWrites,
}

impl Refreshes {
    /// Whether a refresh that was requested at `since` may leave a collector out; else the refresh reads it now.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn leaves_out(
        &self,
        mongo: &Mongo,
        collector: Collector,
        known: &Snapshot,
        since: Instant,
    ) -> Result<bool, SourceError> {
        let Some(watched) = collector.watched() else {
            return Ok(false);
        };
        let (query, member) = mongo.member_query(collector.name()).await?;
        let at = Instant::now();
        let writes = member.unless_lost(query.index_writes(watched, since)).await;
        let now = writes.transpose()?.flatten().map(|writes| Refreshed {
            at,
            data_at: query.data_at,
            version: known.version(),
            writes,
        });
        let mut refreshes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(now), before) = (now, refreshes.remove(&collector)) else {
            return Ok(false);
        };
        let (newest, leaves_out) = match before {
            Some(before) if before.holds(&now, collector, known) => (before, true),
            _ => (now, false),
        };
        refreshes.insert(collector, newest);
        Ok(leaves_out)
    }
}

impl Refreshed {
    /// Whether what is shown of a collector was read since then and is as it would be read now.
    fn holds(&self, now: &Self, collector: Collector, known: &Snapshot) -> bool {
        let outcome = known.outcomes.get(&collector);
        let is_shown = outcome.is_some_and(|outcome| {
            // Another member, whose data may be older, can have been read in the meantime.
            outcome.failure.is_none() && outcome.data_at.is_some_and(|at| at >= self.data_at)
        });
        is_shown
            && self.at.elapsed() < MAX_AGE
            && self.version == now.version
            && self.writes == now.writes
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use tokio::time::advance;

    use super::*;
    use crate::catalogue::{FailureKind, Outcome};

    fn refreshed() -> Refreshed {
        Refreshed {
            at: Instant::now(),
            data_at: Timestamp(5),
            version: None,
            writes: IndexWrites {
                process: ObjectId::from_bytes([0; 12]),
                counters: Vec::new(),
            },
        }
    }

    fn holds(refreshed: &Refreshed, outcome: Outcome) -> bool {
        let known = Snapshot {
            outcomes: BTreeMap::from([(Collector::Users, outcome.into())]),
            ..Snapshot::default()
        };
        refreshed.holds(&self::refreshed(), Collector::Users, &known)
    }

    fn read_at(milliseconds: i64) -> Outcome {
        Outcome {
            data_at: Some(Timestamp(milliseconds)),
            ..Outcome::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_out_for_ten_minutes() {
        let refreshed = refreshed();
        advance(MAX_AGE / 2).await;
        assert!(holds(&refreshed, read_at(5)));
        advance(MAX_AGE / 2).await;
        assert!(!holds(&refreshed, read_at(5)));
    }

    #[test]
    fn older_data_of_another_member_are_read_again() {
        assert!(holds(&refreshed(), read_at(6)));
        assert!(!holds(&refreshed(), read_at(4)));
    }

    #[test]
    fn collector_that_failed_is_read_again() {
        let failed = Outcome {
            failure: Some(FailureKind::TimedOut),
            ..read_at(5)
        };
        assert!(!holds(&refreshed(), failed));
        assert!(!holds(&refreshed(), Outcome::default()));
    }

    #[test]
    fn other_version_is_read_again() {
        let before = Refreshed {
            version: Some(Version::new(4, 0, 0)),
            ..refreshed()
        };
        assert!(!holds(&before, read_at(5)));
    }
}

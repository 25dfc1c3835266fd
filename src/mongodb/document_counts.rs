//! How many documents a collection has: the number in its metadata, once it was compared with the entries of the index on
//! `_id`.
//!
//! The metadata are wrong after an unclean stop of mongod, without any sign, until `validate`: they are written with a
//! checkpoint, once a minute, and the recovery from the journal does not correct them. Every later insert and delete
//! changes the wrong number. So one comparison tells for as long as the process of the server runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::error::SourceError;
use super::query::QueryContext;
use super::{bson, command};

/// The largest collection, by its metadata, that is compared when its number is first needed: counting a million keys
/// takes mongod about half a second. A larger one is compared in the slow tier.
const MAX_COUNTED_AT_ONCE: u64 = 1_000_000;

/// The largest collection, by its metadata, that is compared at all. In one that was so large at the last checkpoint the
/// error, the writes of a minute, is small.
const MAX_COMPARED: u64 = 10_000_000;

/// How long a comparison holds for one process of the server. What changes the metadata otherwise, such as the rollback of
/// a member, is rare.
const PROCESS_TTL: Duration = Duration::from_hours(6);

/// How long it holds where the process is not known, as with MongoDB before 4.4.
const UNKNOWN_TTL: Duration = Duration::from_mins(10);

/// A collection, and the process of the server that was asked.
type ComparisonKey = (&'static str, Option<ObjectId>);

/// The comparisons so far.
#[derive(Debug, Default)]
pub struct CountComparisons(
    // A std mutex: it is never held during a query.
    Mutex<BTreeMap<ComparisonKey, (Instant, i64)>>,
);

impl CountComparisons {
    /// The deviation that was found, while it holds.
    fn get(&self, key: ComparisonKey) -> Option<i64> {
        let comparisons = self.lock();
        let (compared_at, deviation) = comparisons.get(&key)?;
        (compared_at.elapsed() < ttl(key)).then_some(*deviation)
    }

    fn put(&self, key: ComparisonKey, deviation: i64) {
        let mut comparisons = self.lock();
        comparisons.retain(|key, (compared_at, _)| compared_at.elapsed() < ttl(*key));
        comparisons.insert(key, (Instant::now(), deviation));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ComparisonKey, (Instant, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ttl((_, process): ComparisonKey) -> Duration {
    match process {
        Some(_) => PROCESS_TTL,
        None => UNKNOWN_TTL,
    }
}

/// A filter that every document matches, and that is answered from the index on `_id`.
fn any_id() -> Document {
    doc! { "_id": { "$gte": Bson::MinKey } }
}

impl QueryContext<'_> {
    /// The number of documents. It comes from the metadata where these are known to be right, and else from the index on
    /// `_id`.
    pub async fn document_count(&self, collection: &'static str) -> Result<u64, SourceError> {
        let in_metadata = self.estimated_count(collection).await?;
        match self.mongo.count_comparisons.get((collection, self.process)) {
            Some(0) => Ok(in_metadata),
            None if in_metadata > MAX_COUNTED_AT_ONCE => Ok(in_metadata),
            _ => self.compare(collection, in_metadata).await,
        }
    }

    /// The number of documents when the metadata cannot be right.
    pub async fn recount(&self, collection: &'static str) -> Result<u64, SourceError> {
        let in_metadata = self.estimated_count(collection).await?;
        self.compare(collection, in_metadata).await
    }

    /// How many documents more than its metadata say the collection has; `None` where it is too large to be counted.
    pub async fn count_deviation(
        &self,
        collection: &'static str,
    ) -> Result<Option<i64>, SourceError> {
        let key = (collection, self.process);
        let in_metadata = self.estimated_count(collection).await?;
        // A wrong number is compared each time, so that it is no longer reported soon after `validate`.
        if self.mongo.count_comparisons.get(key) == Some(0) {
            return Ok(Some(0));
        }
        if in_metadata > MAX_COMPARED {
            return Ok(None);
        }
        self.compare(collection, in_metadata).await?;
        Ok(self.mongo.count_comparisons.get(key))
    }

    /// Counts the entries of the index on `_id`, and records how they differ from the metadata.
    async fn compare(&self, collection: &'static str, before: u64) -> Result<u64, SourceError> {
        let counted = self.count(collection, any_id(), None).await?;
        let counted = counted.unwrap_or_default();
        let after = if counted == before {
            before
        } else {
            self.estimated_count(collection).await?
        };
        let key = (collection, self.process);
        self.mongo
            .count_comparisons
            .put(key, deviation(counted, before, after));
        Ok(counted)
    }

    /// Whether a collection has at most `number` documents, by the first entries of its index on `_id`.
    pub async fn has_at_most(&self, collection: &str, number: u64) -> Result<bool, SourceError> {
        let command = doc! {
            "count": collection,
            "query": any_id(),
            "limit": i64::try_from(number.saturating_add(1)).unwrap_or(i64::MAX),
            "maxTimeMS": bson::milliseconds(self.mongo.query_timeout),
            "comment": self.comment(),
        };
        let answer = command::run(&self.database, command);
        let answer = self.mongo.within(answer).await?;
        Ok(bson::counted(&answer, "n") <= number)
    }
}

/// How many documents were counted beyond what the metadata said before and after: writes meanwhile are no deviation.
fn deviation(counted: u64, before: u64, after: u64) -> i64 {
    let expected = counted.clamp(before.min(after), before.max(after));
    let distance = i64::try_from(counted.abs_diff(expected)).unwrap_or(i64::MAX);
    if counted < expected {
        -distance
    } else {
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_during_the_count_are_no_deviation() {
        assert_eq!(deviation(2_065, 2_065, 2_065), 0);
        assert_eq!(deviation(103, 100, 105), 0);
        assert_eq!(deviation(98, 100, 95), 0);
        assert_eq!(deviation(2_065, 0, 0), 2_065);
        assert_eq!(deviation(2_065, 0, 2), 2_063);
        assert_eq!(deviation(5, 7, 7), -2);
    }
}

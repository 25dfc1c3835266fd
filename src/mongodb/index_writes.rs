//! How often the entries of indexes were written, by the statistics of WiredTiger. Where no entry was written, no document
//! was created or removed and no indexed field changed; writes to other fields, such as a user's presence, leave no trace.
//!
//! A process of the server counts from its start, and anew for a table that nothing has used for ten minutes.

use std::collections::BTreeMap;
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::bson;
use super::error::SourceError;
use super::query::QueryContext;
use crate::catalogue::WatchedIndexes;

/// The smallest collection whose statistics cost less than reading it: they take the server about a millisecond for each
/// index.
const MIN_DOCUMENTS: u64 = 20_000;

/// What WiredTiger counts when entries are written.
const COUNTERS: [&str; 4] = ["insert calls", "remove calls", "update calls", "modify"];

/// The counters of each watched index, in one process of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexWrites {
    pub process: ObjectId,
    pub counters: Vec<[u64; COUNTERS.len()]>,
}

/// The counters of every index of a collection, by the index's name.
type AllWrites = BTreeMap<String, [u64; COUNTERS.len()]>;

/// The newest counters of each collection, and from when on and in which process they were read. Collectors that are read
/// at once share them, so it is held during the query.
pub type IndexWritesCache =
    AsyncMutex<BTreeMap<&'static str, (Instant, ObjectId, Option<Arc<AllWrites>>)>>;

impl QueryContext<'_> {
    /// The counters of the watched indexes, no older than `since`. `None` where they say nothing or cost too much: the
    /// collection is small, an index is missing, the user may not read them, or the queries go to several servers.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn index_writes(
        &self,
        watched: WatchedIndexes,
        since: Instant,
    ) -> Result<Option<IndexWrites>, SourceError> {
        let WatchedIndexes { collection, keys } = watched;
        let Some(process) = self.process else {
            return Ok(None);
        };
        let Some(names) = self.indexes_with(collection, keys).await? else {
            return Ok(None);
        };
        let mut cache = self.mongo.index_writes.lock().await;
        let all = match cache.get(collection) {
            Some((at, of, all)) if *at >= since && *of == process => all.clone(),
            _ => {
                let at = Instant::now();
                let all = self.all_index_writes(collection).await?.map(Arc::new);
                cache.insert(collection, (at, process, all.clone()));
                all
            }
        };
        Ok(all.and_then(|all| {
            let counters = names.iter().map(|name| all.get(name).copied());
            Some(IndexWrites {
                process,
                counters: counters.collect::<Option<_>>()?,
            })
        }))
    }

    async fn all_index_writes(&self, collection: &str) -> Result<Option<AllWrites>, SourceError> {
        if self.estimated_count(collection).await? < MIN_DOCUMENTS {
            return Ok(None);
        }
        let counters = COUNTERS.map(|name| format!("$$this.v.cursor.{name}"));
        let counters = doc! { "name": "$$this.k", "counters": counters.as_slice() };
        let indexes = doc! { "$objectToArray": "$storageStats.indexDetails" };
        let indexes = doc! { "$map": { "input": indexes, "in": counters } };
        let pipeline = vec![
            doc! { "$collStats": { "storageStats": {} } },
            doc! { "$project": { "indexes": indexes } },
        ];
        match self.aggregate(collection, pipeline, None).await {
            Ok(stats) => Ok(stats.first().and_then(all_writes)),
            Err(error) if error.kind.is_database_down() => Err(error),
            // The user lacks the privilege, or the server is no MongoDB.
            Err(_) => Ok(None),
        }
    }
}

/// `None` without the counters of WiredTiger.
fn all_writes(stats: &Document) -> Option<AllWrites> {
    let indexes = stats.get_array("indexes").ok()?;
    let writes = indexes.iter().map(|index| {
        let index = index.as_document()?;
        let counters = index.get_array("counters").ok()?;
        let counters: Option<Vec<u64>> = counters
            .iter()
            .map(|counter: &Bson| bson::count(Some(counter)))
            .collect();
        Some((bson::text(index.get("name"))?, counters?.try_into().ok()?))
    });
    writes.collect()
}

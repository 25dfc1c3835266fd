//! Which indexes exist, so that no query scans a large collection because one is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::Bson;
use mongodb::options::Hint;

use super::Question;
use crate::sources::SourceError;
use crate::statistics::IndexCheck;

/// Up to this many documents a collection may be scanned where its index is missing.
pub const SMALL: u64 = 10_000;

/// The collection that is never scanned, however small, unless it is empty or does not exist.
pub const NEVER_SCANNED: &str = "rocketchat_message";

/// How long a list of indexes is believed; a reading that fails ends that at once, for an index may have been dropped.
const BELIEVED_FOR: Duration = Duration::from_mins(10);

/// How a query may run.
pub enum Access {
    /// By this index; naming it in the query makes sure that the server cannot choose a scan.
    Index(Hint),
    /// By a scan, because the index is missing but the collection is small, or has nothing to be scanned.
    SmallScan,
    /// Not at all: the index is missing and the collection is not small.
    Refused,
}

/// Names of a collection's indexes.
#[derive(Debug, Default)]
struct Names {
    /// By the key that each begins with.
    by_key: BTreeMap<String, String>,
    /// By the two keys that each begins with.
    by_pair: BTreeMap<(String, String), String>,
}

/// When each collection's indexes were listed, and their names.
type Listed = BTreeMap<&'static str, (Instant, Arc<Names>)>;

/// The indexes of each collection, as they were last listed.
#[derive(Debug, Default)]
pub struct KnownIndexes(
    // A std mutex: it is never held while the database is asked.
    Mutex<Listed>,
);

impl KnownIndexes {
    /// Lists anew from now on.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// The indexes of a collection, unless they are to be listed anew.
    fn get(&self, collection: &str) -> Option<Arc<Names>> {
        let listed = self.lock();
        let (listed_at, names) = listed.get(collection)?;
        (listed_at.elapsed() < BELIEVED_FOR).then(|| Arc::clone(names))
    }

    fn put(&self, collection: &'static str, names: Arc<Names>) {
        self.lock().insert(collection, (Instant::now(), names));
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question<'_> {
    /// The name of an index of `collection` that begins with `key` and holds every document that has it.
    pub(super) async fn index(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Option<String>, SourceError> {
        let name = self.known_index(collection, key).await?;
        let check = IndexCheck {
            collection,
            key,
            present: name.is_some(),
        };
        if !self.checks.contains(&check) {
            self.checks.push(check);
        }
        Ok(name)
    }

    /// The same for a query that has another way when there is none, so that nobody need miss it.
    pub(super) async fn known_index(
        &self,
        collection: &'static str,
        key: &str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        Ok(names.by_key.get(key).cloned())
    }

    /// The name of an index that begins with two keys, for a query that has another way.
    pub(super) async fn known_pair(
        &self,
        collection: &'static str,
        first: &str,
        second: &str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        let pair = (first.to_owned(), second.to_owned());
        Ok(names.by_pair.get(&pair).cloned())
    }

    async fn names(&self, collection: &'static str) -> Result<Arc<Names>, SourceError> {
        if let Some(names) = self.mongo.indexes.get(collection) {
            return Ok(names);
        }
        let names = Arc::new(self.list(collection).await?);
        self.mongo.indexes.put(collection, Arc::clone(&names));
        Ok(names)
    }

    async fn list(&self, collection: &str) -> Result<Names, SourceError> {
        let collection = self.collection(collection);
        let ask = async {
            match collection.list_indexes().await {
                Ok(cursor) => cursor.try_collect::<Vec<_>>().await,
                // A collection that does not exist has no indexes, and is small.
                Err(error) if is_namespace_not_found(&error) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        };
        let mut names = Names::default();
        for index in self.mongo.within(ask).await? {
            if let Some((key, second, name)) = usable(index) {
                if let Some(second) = second {
                    let pair = (key.clone(), second);
                    names.by_pair.entry(pair).or_insert(name.clone());
                }
                names.by_key.entry(key).or_insert(name);
            }
        }
        Ok(names)
    }
}

/// The first key, the second if any, and the name of an index that can serve any query on the first key.
fn usable(index: IndexModel) -> Option<(String, Option<String>, String)> {
    let options = index.options.unwrap_or_default();
    let is_whole = options.partial_filter_expression.is_none()
        && options.collation.is_none()
        && options.hidden != Some(true);
    let mut keys = index.keys.into_iter();
    let (key, kind) = keys.next()?;
    let second = keys.next().filter(|(_, kind)| has_direction(kind));
    let second = second.map(|(key, _)| key);
    (is_whole && has_direction(&kind)).then_some((key, second, options.name?))
}

/// Directions only: a text, hashed or geographic index cannot serve a range.
fn has_direction(kind: &Bson) -> bool {
    matches!(
        kind,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Boolean(_)
    )
}

/// Whether the collection that was asked about does not exist.
pub fn is_namespace_not_found(error: &mongodb::error::Error) -> bool {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    // What `$collStats` answers up to 4.4, of a collection that is "not found".
    const NO_STORAGE_STATS: i32 = 40280;
    match &*error.kind {
        mongodb::error::ErrorKind::Command(command) => match command.code {
            NAMESPACE_NOT_FOUND => true,
            NO_STORAGE_STATS => command.message.contains("not found"),
            _ => false,
        },
        _ => false,
    }
}

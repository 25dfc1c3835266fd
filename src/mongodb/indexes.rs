//! Indexes: looked up before a query relies on one, so that a missing index never causes a scan of a large collection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::IndexModel;
use mongodb::bson::{Bson, Document};
use mongodb::options::Hint;

use super::command;
use super::error::{self, SourceError};
use super::query::QueryContext;
use crate::catalogue::{IndexCheck, SkipReason};

/// How many documents a collection may have to be scanned when its index is missing.
pub const MAX_SCANNED_DOCUMENTS: u64 = 10_000;

/// The collection that is never scanned, unless it is empty or missing.
pub const NEVER_SCANNED: &str = "rocketchat_message";

/// How long a list of indexes is cached. A failed reading clears the cache, because an index may have been dropped.
const CACHE_TTL: Duration = Duration::from_mins(10);

/// How a query may run.
pub enum Access {
    /// By this index, as a hint so that the server cannot choose a scan. Without a hint when the index is missing but the
    /// collection is small.
    Granted(Option<Hint>),
    /// Not at all: the index is missing, and the collection is not small.
    Refused,
}

/// The indexes of a collection that can serve any query on their first key: first key, second key or nothing, and name,
/// each followed by a null character, in one text to save memory. `None` for a view.
#[derive(Debug, Clone)]
pub struct IndexNames(Option<Arc<str>>);

impl IndexNames {
    pub fn of(indexes: Vec<IndexModel>) -> Self {
        let mut names = String::new();
        for (key, second, name) in indexes.into_iter().filter_map(usable) {
            for text in [key, second.unwrap_or_default(), name] {
                names.push_str(&text);
                names.push('\0');
            }
        }
        Self(Some(names.into()))
    }

    /// Of a view.
    pub fn of_view() -> Self {
        Self(None)
    }

    /// Whether the collection is a view.
    pub fn is_view(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the collection does not exist: any other has the index on `_id`.
    pub fn is_missing(&self) -> bool {
        self.0.as_deref() == Some("")
    }

    /// The name of the first index whose first two keys match.
    pub fn find(&self, matches: impl Fn(&str, &str) -> bool) -> Option<String> {
        let mut texts = self.0.as_ref()?.split_terminator('\0');
        while let (Some(key), Some(second), Some(name)) = (texts.next(), texts.next(), texts.next())
        {
            if matches(key, second) {
                return Some(name.to_owned());
            }
        }
        None
    }
}

type CachedIndexes = BTreeMap<&'static str, (Instant, IndexNames)>;

/// The indexes of each collection, and when they were listed.
#[derive(Debug, Default)]
pub struct IndexCache(
    // A std mutex: it is never held during a query.
    Mutex<CachedIndexes>,
);

impl IndexCache {
    /// Removes everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The indexes of a collection, if cached.
    pub fn get(&self, collection: &str) -> Option<IndexNames> {
        let entries = self.lock();
        let (listed_at, names) = entries.get(collection)?;
        (listed_at.elapsed() < CACHE_TTL).then(|| names.clone())
    }

    pub fn put(&self, collection: &'static str, names: IndexNames) {
        self.lock().insert(collection, (Instant::now(), names));
    }

    fn lock(&self) -> MutexGuard<'_, CachedIndexes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryContext<'_> {
    /// The name of an index that begins with `key` and is not partial. Its absence is reported.
    pub async fn index(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        if names.is_view() || names.is_missing() {
            // An index cannot be created on a view, and a collection that does not exist needs none.
            return Ok(None);
        }
        let name = names.find(|known, _| known == key);
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

    /// Whether a collection is a view.
    pub async fn is_view(&self, collection: &'static str) -> Result<bool, SourceError> {
        Ok(self.names(collection).await?.is_view())
    }

    /// The same without a report, for a query that can do without the index.
    pub async fn known_index(
        &self,
        collection: &'static str,
        key: &str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        Ok(names.find(|known, _| known == key))
    }

    /// The name of an index that begins with two keys, for a query that can do without it.
    pub async fn known_pair(
        &self,
        collection: &'static str,
        first: &str,
        second: &str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        Ok(names.find(|key, next| key == first && next == second))
    }

    /// The names of indexes that have these fields among their first two keys; `None` if one is missing.
    pub async fn indexes_with(
        &self,
        collection: &'static str,
        keys: &[&str],
    ) -> Result<Option<Vec<String>>, SourceError> {
        let names = self.names(collection).await?;
        let found = keys
            .iter()
            .map(|field| names.find(|key, next| key == *field || next == *field));
        Ok(found.collect())
    }

    async fn names(&self, collection: &'static str) -> Result<IndexNames, SourceError> {
        if let Some(names) = self.mongo.indexes.get(collection) {
            return Ok(names);
        }
        let names = self.list(collection).await?;
        self.mongo.indexes.put(collection, names.clone());
        Ok(names)
    }

    async fn list(&self, collection: &str) -> Result<IndexNames, SourceError> {
        let (limit, comment) = (self.mongo.query_timeout, self.comment());
        let list = async {
            match command::list_indexes(&self.database, collection, limit, &comment).await {
                // A missing collection has no indexes, and is small.
                Err(error) if error::is_namespace_not_found(&error) => {
                    Ok(IndexNames::of(Vec::new()))
                }
                Err(error) if error::is_view(&error) => Ok(IndexNames::of_view()),
                indexes => indexes.map(IndexNames::of),
            }
        };
        self.mongo.within(list).await
    }

    /// How a query that needs an index on `key` may run; see [`Access`].
    pub async fn access(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Access, SourceError> {
        if let Some(name) = self.index(collection, key).await? {
            return Ok(Access::Granted(Some(Hint::Name(name))));
        }
        let small = if collection == NEVER_SCANNED {
            0
        } else {
            MAX_SCANNED_DOCUMENTS
        };
        if self.has_at_most(collection, small).await? {
            return Ok(Access::Granted(None));
        }
        if self.is_view(collection).await? {
            self.skip(collection, SkipReason::View, "a view has no indexes");
        }
        Ok(Access::Refused)
    }

    /// The same for an optional query: neither a missing index nor a missing privilege to list indexes is an error.
    pub async fn detail_access(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Access, SourceError> {
        let name = self.known_index(collection, key).await;
        Ok(match self.detail(collection, "listIndexes", name)? {
            Some(Some(name)) => Access::Granted(Some(Hint::Name(name))),
            Some(None) if self.has_at_most(collection, MAX_SCANNED_DOCUMENTS).await? => {
                Access::Granted(None)
            }
            _ => Access::Refused,
        })
    }

    /// The number of matching documents, as an optional query.
    pub async fn detail_count(
        &mut self,
        collection: &'static str,
        key: &'static str,
        filter: Document,
    ) -> Result<Option<u64>, SourceError> {
        let Access::Granted(hint) = self.detail_access(collection, key).await? else {
            return Ok(None);
        };
        let count = self.count(collection, filter, hint).await;
        Ok(self.detail(collection, "find", count)?.flatten())
    }

    /// The number of matching documents by an index on `key`; `None` when the index is missing.
    pub async fn indexed_count(
        &mut self,
        collection: &'static str,
        key: &'static str,
        filter: Document,
    ) -> Result<Option<u64>, SourceError> {
        let Access::Granted(hint) = self.access(collection, key).await? else {
            return Ok(None);
        };
        self.count(collection, filter, hint).await
    }
}

/// The first key, the second if any, and the name, if the index can serve any query on the first key.
fn usable(index: IndexModel) -> Option<(String, Option<String>, String)> {
    let options = index.options.unwrap_or_default();
    let is_whole = options.partial_filter_expression.is_none()
        && options.collation.is_none()
        && options.hidden != Some(true);
    let mut keys = index.keys.into_iter();
    let (key, kind) = keys.next()?;
    let second = keys.next().filter(|(_, kind)| has_direction(kind));
    let second = second.map(|(key, _)| key);
    // Keys and names cannot contain a null character.
    let name = options.name.filter(|name| !name.contains('\0'))?;
    (is_whole && has_direction(&kind)).then_some((key, second, name))
}

/// A text, hashed or geospatial index cannot serve a range.
fn has_direction(kind: &Bson) -> bool {
    matches!(
        kind,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Boolean(_)
    )
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;
    use mongodb::options::IndexOptions;

    use super::*;

    fn index(name: &str, keys: Document) -> IndexModel {
        let options = IndexOptions::builder().name(name.to_owned()).build();
        IndexModel::builder().keys(keys).options(options).build()
    }

    #[test]
    fn first_index_with_the_keys_is_found() {
        let mut partial = index("partial", doc! { "b": 1 });
        let options = partial.options.get_or_insert_default();
        options.partial_filter_expression = Some(doc! { "b": { "$gt": 1 } });
        let names = IndexNames::of(vec![
            index("words", doc! { "a": "text" }),
            index("one", doc! { "a": 1 }),
            index("two and words", doc! { "a": 1, "b": "text" }),
            index("two", doc! { "a": -1, "b": 1_i64, "c": 1 }),
            index("other two", doc! { "a": 1.0, "b": 1 }),
            partial,
        ]);
        let key = |key: &str| names.find(|first, _| first == key);
        assert_eq!(key("a").as_deref(), Some("one"));
        assert_eq!(key("b"), None);
        let pair = |one: &str, two: &str| names.find(|key, next| key == one && next == two);
        assert_eq!(pair("a", "b").as_deref(), Some("two"));
        assert_eq!(pair("b", "c"), None);
        assert_eq!(IndexNames::of(Vec::new()).find(|_, _| true), None);
    }
}

//! Which indexes exist, so that no query scans a large collection because one is missing.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::bson::Bson;
use mongodb::options::Hint;

use super::Question;
use crate::sources::SourceError;
use crate::statistics::IndexCheck;

/// Up to this many documents a collection may be scanned where its index is missing.
pub const SMALL: u64 = 10_000;

/// The collection that is never scanned, however small.
pub const NEVER_SCANNED: &str = "rocketchat_message";

/// How a query may run.
pub enum Access {
    /// By this index; naming it in the query makes sure that the server cannot choose a scan.
    Index(Hint),
    /// By a scan, because the index is missing but the collection is small.
    SmallScan,
    /// Not at all: the index is missing and the collection is not small.
    Refused,
}

/// Indexes looked for during one reading.
#[derive(Default)]
pub struct Indexes {
    /// Names of the indexes of each collection, by their first key.
    listed: BTreeMap<&'static str, BTreeMap<String, String>>,
    checks: Vec<IndexCheck>,
}

impl Indexes {
    /// What was looked for, and whether it exists.
    pub fn checks(self) -> Vec<IndexCheck> {
        self.checks
    }
}

impl Question<'_> {
    /// The name of an index of `collection` that begins with `key` and holds every document that has it.
    pub(super) async fn index(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Option<String>, SourceError> {
        if !self.indexes.listed.contains_key(collection) {
            let listed = self.list(collection).await?;
            self.indexes.listed.insert(collection, listed);
        }
        let name = self.indexes.listed[collection].get(key).cloned();
        self.indexes.checks.push(IndexCheck {
            collection,
            key,
            present: name.is_some(),
        });
        Ok(name)
    }

    async fn list(&self, collection: &str) -> Result<BTreeMap<String, String>, SourceError> {
        let collection = self.collection(collection);
        let ask = async {
            match collection.list_indexes().await {
                Ok(cursor) => cursor.try_collect::<Vec<_>>().await,
                // A collection that does not exist has no indexes, and is small.
                Err(error) if is_namespace_not_found(&error) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        };
        let mut names = BTreeMap::new();
        for index in self.mongo.within(ask).await? {
            let options = index.options.unwrap_or_default();
            let whole = options.partial_filter_expression.is_none()
                && options.collation.is_none()
                && options.hidden != Some(true);
            // Directions only: a text, hashed or geographic index cannot serve a range.
            let key = index.keys.iter().next();
            let Some((key, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Boolean(_))) =
                key
            else {
                continue;
            };
            if let (true, Some(name)) = (whole, options.name) {
                names.entry(key.clone()).or_insert(name);
            }
        }
        Ok(names)
    }
}

fn is_namespace_not_found(error: &mongodb::error::Error) -> bool {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    matches!(&*error.kind, mongodb::error::ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND)
}

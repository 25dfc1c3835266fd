//! Looking for an index before a query relies on it.

use super::command;
use super::error::SourceError;
use super::indexes::{Names, is_namespace_not_found, is_view};
use super::query::QueryContext;
use crate::catalogue::IndexCheck;

impl QueryContext<'_> {
    /// The name of an index of `collection` that begins with `key` and holds every document that has it.
    pub async fn index(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        if names.is_view() {
            // Nobody can create one there.
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

    /// The same for a query that has another way when there is none, so that nobody need miss it.
    pub async fn known_index(
        &self,
        collection: &'static str,
        key: &str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        Ok(names.find(|known, _| known == key))
    }

    /// The name of an index that begins with two keys, for a query that has another way.
    pub async fn known_pair(
        &self,
        collection: &'static str,
        first: &str,
        second: &str,
    ) -> Result<Option<String>, SourceError> {
        let names = self.names(collection).await?;
        Ok(names.find(|key, next| key == first && next == second))
    }

    async fn names(&self, collection: &'static str) -> Result<Names, SourceError> {
        if let Some(names) = self.mongo.indexes.get(collection) {
            return Ok(names);
        }
        let names = self.list(collection).await?;
        self.mongo.indexes.put(collection, names.clone());
        Ok(names)
    }

    async fn list(&self, collection: &str) -> Result<Names, SourceError> {
        let comment = self.comment();
        let ask = async {
            match command::list_indexes(&self.database, collection, &comment).await {
                // A collection that does not exist has no indexes, and is small.
                Err(error) if is_namespace_not_found(&error) => Ok(Names::of(Vec::new())),
                Err(error) if is_view(&error) => Ok(Names::of_view()),
                indexes => indexes.map(Names::of),
            }
        };
        self.mongo.within(ask).await
    }
}

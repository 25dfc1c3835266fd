//! Commands with the database's read preference.
//!
//! The driver's `list_indexes`, `list_collections` and `list_databases` always go to the primary, and `run_command` ignores
//! the database's read preference. Nothing else in this crate calls them.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::{DatabaseOptions, SelectionCriteria};
use mongodb::{Client, Cursor, Database, IndexModel};

use super::bson;

/// Another database, with the same read preference.
pub fn beside(database: &Database, name: &str) -> Database {
    directed(
        database.client(),
        name,
        database.selection_criteria().cloned(),
    )
}

/// A database whose commands go to a server that meets the criteria.
pub fn directed(client: &Client, name: &str, criteria: Option<SelectionCriteria>) -> Database {
    let options = DatabaseOptions::builder().selection_criteria(criteria);
    client.database_with_options(name, options.build())
}

/// The reply to a command.
pub async fn run(database: &Database, command: Document) -> Result<Document, Error> {
    let mut run = database.run_command(command);
    if let Some(criteria) = database.selection_criteria() {
        run = run.selection_criteria(criteria.clone());
    }
    run.await
}

/// The cursor of a command; all its batches come from one server.
pub async fn run_cursor(
    database: &Database,
    command: Document,
    batch: u32,
) -> Result<Cursor<Document>, Error> {
    let mut run = database.run_cursor_command(command).batch_size(batch);
    if let Some(criteria) = database.selection_criteria() {
        run = run.selection_criteria(criteria.clone());
    }
    run.await
}

/// The indexes of a collection.
pub async fn list_indexes(
    database: &Database,
    collection: &str,
    limit: Duration,
    comment: &str,
) -> Result<Vec<IndexModel>, Error> {
    // A collection has at most 64.
    const ALL: u32 = 1_000;
    let command = doc! {
        "listIndexes": collection,
        "cursor": { "batchSize": ALL },
        "maxTimeMS": bson::milliseconds(limit),
        "comment": comment,
    };
    let cursor = run_cursor(database, command, ALL).await?;
    cursor.with_type().try_collect().await
}

/// Those of the collections that exist and that the user may see.
pub async fn existing_collections(
    database: &Database,
    names: &[&str],
    limit: Duration,
    comment: &str,
) -> Result<Vec<String>, Error> {
    const ALL: u32 = 1_000;
    let command = doc! {
        "listCollections": 1,
        "nameOnly": true,
        "authorizedCollections": true,
        "filter": { "name": { "$in": names } },
        "cursor": { "batchSize": ALL },
        "maxTimeMS": bson::milliseconds(limit),
        "comment": comment,
    };
    let cursor = run_cursor(database, command, ALL).await?;
    let found: Vec<Document> = cursor.try_collect().await?;
    let names = found
        .iter()
        .filter_map(|collection| bson::text(collection.get("name")));
    Ok(names.collect())
}

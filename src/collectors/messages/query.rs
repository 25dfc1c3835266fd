//! Messages: the collection's metadata, and the index on `tcount`.

use mongodb::bson::doc;

use super::Messages;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError};

const COLLECTION: &str = "rocketchat_message";

/// Every type besides numbers. Of a list the index has the items, and of an empty one undefined.
const ODD_TYPES: [&str; 16] = [
    "minKey",
    "undefined",
    "null",
    "string",
    "symbol",
    "object",
    "binData",
    "objectId",
    "bool",
    "date",
    "timestamp",
    "regex",
    "dbPointer",
    "javascript",
    "javascriptWithScope",
    "maxKey",
];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Messages, SourceError> {
    Ok(Messages {
        documents: query.document_count(COLLECTION).await?,
        threads: threads(query).await?,
    })
}

/// Messages that have a count of replies, of any type.
///
/// `$exists` would fetch every message that it counts. A range of numbers is counted by the index alone, and what is
/// not a number is fetched, but there hardly ever is any.
async fn threads(query: &mut QueryContext<'_>) -> Result<Option<u64>, SourceError> {
    let number = doc! { "$gte": f64::NEG_INFINITY };
    let numbers = query
        .indexed_count(COLLECTION, "tcount", doc! { "tcount": &number })
        .await?;
    let mut odd = vec![doc! { "tcount": f64::NAN }, doc! { "tcount": [] }];
    odd.extend(ODD_TYPES.map(|name| doc! { "tcount": { "$type": name } }));
    // A list can have a number and something else.
    let odd = doc! { "$or": odd, "tcount": { "$not": number } };
    let others = query.indexed_count(COLLECTION, "tcount", odd).await?;
    Ok(numbers
        .zip(others)
        .map(|(numbers, others)| numbers + others))
}

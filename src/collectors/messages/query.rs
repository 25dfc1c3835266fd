//! Messages: the collection's metadata, and the index on `tcount`.

use mongodb::bson::doc;

use super::Messages;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError};

const COLLECTION: &str = "rocketchat_message";

/// Types besides numbers that `tcount` was found to have.
const ODD_TYPES: [&str; 4] = ["null", "string", "bool", "date"];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Messages, SourceError> {
    Ok(Messages {
        documents: query.estimated_count(COLLECTION).await?,
        threads: threads(query).await?,
    })
}

/// Messages that have a count of replies, of any type.
///
/// `$exists` would fetch every message that it counts. A range of numbers is counted by the index alone, and what is
/// not a number is fetched, but there hardly ever is any.
async fn threads(query: &mut QueryContext<'_>) -> Result<Option<u64>, SourceError> {
    let number = doc! { "tcount": { "$gte": f64::NEG_INFINITY } };
    let mut odd = vec![doc! { "tcount": f64::NAN }];
    odd.extend(ODD_TYPES.map(|name| doc! { "tcount": { "$type": name } }));
    let numbers = query.indexed_count(COLLECTION, "tcount", number).await?;
    let others = query
        .indexed_count(COLLECTION, "tcount", doc! { "$or": odd })
        .await?;
    Ok(numbers
        .zip(others)
        .map(|(numbers, others)| numbers + others))
}

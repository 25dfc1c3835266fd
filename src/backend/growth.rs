//! How the workspace grew: a sample of `rocketchat_statistics`, spread evenly over time.
//!
//! Documents are large, and there can be tens of thousands: the index on `createdAt` selects those that are fetched.

use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::catalogue::{FailureKind, GrowthPoint};
use crate::mongodb::{Access, QueryContext, SourceError, bson};

const COLLECTION: &str = "rocketchat_statistics";

/// Maximum number of documents.
const MAX_DOCUMENTS: i64 = 200;

/// Fields that are fetched besides the date.
const NUMBERS: [&str; 6] = [
    "totalUsers",
    "activeUsers",
    "totalRooms",
    "totalMessages",
    "uploadsTotal",
    "uploadsTotalSize",
];

/// The documents, oldest first.
pub async fn read(query: &mut QueryContext<'_>) -> Result<Vec<GrowthPoint>, SourceError> {
    let Access::Granted(hint) = query.access(COLLECTION, "createdAt").await? else {
        return Err(SourceError::new(
            FailureKind::MissingIndex,
            "the growth of the workspace cannot be read because an index is missing; create it with db.rocketchat_statistics.createIndex({createdAt: -1})",
        ));
    };
    let is_date = doc! { "$match": { "createdAt": { "$gte": DateTime::from_millis(0) } } };
    let date_alone = doc! { "$project": { "_id": 0, "createdAt": 1 } };
    let oldest = vec![
        is_date.clone(),
        doc! { "$sort": { "createdAt": 1 } },
        doc! { "$limit": 1 },
        date_alone.clone(),
    ];
    let oldest = query.aggregate(COLLECTION, oldest, hint.clone()).await?;
    let Some(oldest) = oldest.first().and_then(created_at) else {
        return Ok(Vec::new());
    };
    let now = query.now().await?.0;
    let step = ((now - oldest.timestamp_millis()) / MAX_DOCUMENTS + 1).max(1);
    let number = doc! { "$floor": { "$divide": [{ "$subtract": ["$createdAt", oldest] }, step] } };
    let spread = vec![
        is_date,
        date_alone,
        doc! { "$group": { "_id": number, "createdAt": { "$max": "$createdAt" } } },
        doc! { "$sort": { "_id": -1 } },
        // There are more only with documents in the future.
        doc! { "$limit": MAX_DOCUMENTS },
    ];
    let chosen = query.aggregate(COLLECTION, spread, hint.clone()).await?;
    let dates: Vec<Bson> = chosen
        .iter()
        .filter_map(created_at)
        .map(Bson::from)
        .collect();
    let mut shown = doc! { "_id": 0, "createdAt": 1 };
    for number in NUMBERS {
        shown.insert(number, bson::if_number(&format!("${number}")));
    }
    let fetch = vec![
        doc! { "$match": { "createdAt": { "$in": dates } } },
        doc! { "$sort": { "createdAt": 1 } },
        doc! { "$limit": 2 * MAX_DOCUMENTS },
        doc! { "$project": shown },
    ];
    let documents = query.aggregate(COLLECTION, fetch, hint).await?;
    let mut grown: Vec<GrowthPoint> = documents.iter().filter_map(grown).collect();
    grown.dedup_by_key(|point| point.at);
    Ok(grown)
}

fn created_at(document: &Document) -> Option<DateTime> {
    document.get_datetime("createdAt").ok().copied()
}

fn grown(document: &Document) -> Option<GrowthPoint> {
    let number = |key: &str| bson::number(document.get(key)).filter(|number| number.is_finite());
    Some(GrowthPoint {
        at: bson::timestamp(document.get("createdAt"))?,
        users: number("totalUsers"),
        active_users: number("activeUsers"),
        rooms: number("totalRooms"),
        messages: number("totalMessages"),
        uploads: number("uploadsTotal"),
        upload_bytes: number("uploadsTotalSize"),
    })
}

//! The newest stored statistics document, by the index on `createdAt`, without hidden fields.

use std::sync::Arc;

use jiff::ToSpan;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::Hint;

use super::StoredDocument;
use crate::catalogue::{FailureKind, HIDDEN_FIELDS, Timestamp};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, CompressedDocument, QueryContext, SourceError, bson, out_of_range};

/// Lists that grow with the workspace. They are always read anew, never taken from the stored document.
const NEVER_FROM_STORED: [&str; 11] = [
    "uniqueDevicesOfYesterday",
    "uniqueDevicesOfLastWeek",
    "uniqueDevicesOfLastMonth",
    "uniqueOSOfYesterday",
    "uniqueOSOfLastWeek",
    "uniqueOSOfLastMonth",
    "omnichannelSources",
    "omnichannelContactsBySource",
    "uniqueContactsOfYesterday",
    "uniqueContactsOfLastWeek",
    "uniqueContactsOfLastMonth",
];

/// Maximum size of a document in bytes; Rocket.Chat's have some tens of kilobytes.
const MAX_DOCUMENT_BYTES: i32 = 1_048_576;

const COLLECTION: &str = "rocketchat_statistics";

pub async fn read(
    query: &mut QueryContext<'_>,
    _: &Snapshot,
) -> Result<StoredDocument, SourceError> {
    let Access::Granted(hint) = query.access(COLLECTION, "createdAt").await? else {
        return Err(SourceError::new(
            FailureKind::MissingIndex,
            "finding the newest statistics document would read all of them because the index is missing; create it with db.rocketchat_statistics.createIndex({createdAt: -1})",
        ));
    };
    let Some(mut document) = newest(query, hint.clone()).await? else {
        return Ok(StoredDocument::default());
    };
    let created_at = bson::timestamp(document.get("createdAt"));
    let is_accepted =
        matches!(document.get("statsToken"), Some(Bson::String(token)) if !token.is_empty());
    let reported_at = if is_accepted {
        created_at
    } else {
        reported_at(query, hint.clone()).await?
    };
    redact(&mut document);
    Ok(StoredDocument {
        peak_connections: peak_connections(query, hint).await?,
        reported_at,
        created_at,
        version: bson::text(document.get("version")),
        document: Some(Arc::new(compressed(&document)?)),
    })
}

/// The newest document, without lists that are always read fresh; only version and dates of one that is too long.
async fn newest(
    query: &QueryContext<'_>,
    hint: Option<Hint>,
) -> Result<Option<Document>, SourceError> {
    let is_short = doc! { "$lte": [{ "$bsonSize": "$$ROOT" }, MAX_DOCUMENT_BYTES] };
    let known = doc! {
        "_id": bson::bounded("$_id"),
        "createdAt": bson::bounded("$createdAt"),
        "version": bson::bounded("$version"),
        "statsToken": bson::bounded("$statsToken"),
    };
    let pipeline = vec![
        doc! { "$sort": { "createdAt": -1 } },
        doc! { "$limit": 1 },
        doc! { "$unset": NEVER_FROM_STORED.as_slice() },
        doc! { "$replaceWith": {
            "isShort": is_short.clone(),
            "document": { "$cond": [is_short, "$$ROOT", known] },
        } },
    ];
    let mut newest = query.aggregate(COLLECTION, pipeline, hint).await?;
    let Some(mut newest) = newest.pop() else {
        return Ok(None);
    };
    if !newest.get_bool("isShort").unwrap_or(false) {
        query.left_out("long_documents", 1);
    }
    Ok(match newest.remove("document") {
        Some(Bson::Document(document)) => Some(document),
        _ => None,
    })
}

/// The greatest peak since midnight 30 days ago, in the workspace's time zone.
async fn peak_connections(
    query: &QueryContext<'_>,
    hint: Option<Hint>,
) -> Result<Option<f64>, SourceError> {
    let since = a_month_ago(query).await?;
    let pipeline = vec![
        doc! { "$match": {
            "createdAt": { "$gte": since },
            "dailyPeakConnections": { "$gte": f64::NEG_INFINITY },
        } },
        doc! { "$group": { "_id": Bson::Null, "peak": { "$max": "$dailyPeakConnections" } } },
    ];
    let groups = query.aggregate(COLLECTION, pipeline, hint).await?;
    Ok(groups
        .first()
        .and_then(|group| bson::number(group.get("peak"))))
}

/// `createdAt` of the newest document of the last 30 days with a token. The token is not fetched.
async fn reported_at(
    query: &QueryContext<'_>,
    hint: Option<Hint>,
) -> Result<Option<Timestamp>, SourceError> {
    let pipeline = vec![
        doc! { "$match": {
            "createdAt": { "$gte": a_month_ago(query).await? },
            "statsToken": { "$gt": "" },
        } },
        doc! { "$sort": { "createdAt": -1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "createdAt": 1 } },
    ];
    let newest = query.aggregate(COLLECTION, pipeline, hint).await?;
    Ok(newest
        .first()
        .and_then(|document| bson::timestamp(document.get("createdAt"))))
}

/// Midnight 30 days ago, in the workspace's time zone.
async fn a_month_ago(query: &QueryContext<'_>) -> Result<DateTime, SourceError> {
    let now = query.local_time().await?;
    let midnight = now
        .start_of_day()
        .and_then(|midnight| midnight.checked_sub(30.days()))
        .map_err(out_of_range)?;
    Ok(DateTime::from_millis(midnight.timestamp().as_millisecond()))
}

fn compressed(document: &Document) -> Result<CompressedDocument, SourceError> {
    CompressedDocument::new(document).map_err(|error| {
        let message = format!("the newest statistics document cannot be encoded: {error}");
        SourceError::new(FailureKind::Other, message)
    })
}

/// Removes the fields that are never shown.
pub fn redact(document: &mut Document) {
    for path in HIDDEN_FIELDS {
        remove(document, path);
    }
}

/// Removes the value at a path, also from documents in arrays.
fn remove(document: &mut Document, path: &str) {
    match path.split_once('.') {
        None => {
            document.remove(path);
        }
        Some((key, rest)) => {
            if let Some(value) = document.get_mut(key) {
                remove_within(value, rest);
            }
        }
    }
}

fn remove_within(value: &mut Bson, path: &str) {
    match value {
        Bson::Document(inner) => remove(inner, path),
        Bson::Array(items) => items.iter_mut().for_each(|item| remove_within(item, path)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_fields_in_arrays_are_removed() {
        let smtp = doc! { "email": [{ "smtp": [1], "fromEmail": "secret", "other": 1 }] };
        let mut document = doc! {
            "settings": [smtp, "text", [{ "email": { "smtp": "secret" } }]],
            "wizard": [{ "contactName": "secret", "size": "small" }],
        };
        redact(&mut document);
        let left = doc! {
            "settings": [{ "email": [{ "other": 1 }] }, "text", [{ "email": {} }]],
            "wizard": [{ "size": "small" }],
        };
        assert_eq!(document, left);
    }

    #[test]
    fn hidden_fields_and_nothing_else_are_removed() {
        let mut document = doc! {
            "statsToken": "secret",
            "settings": { "email": { "smtp": { "smtpHost": "secret" }, "fromEmail": "secret", "other": 1 } },
            "wizard": { "contactName": "secret", "contactEmail": "secret", "size": "small" },
            "totalUsers": 3,
        };
        redact(&mut document);
        let left = doc! {
            "settings": { "email": { "other": 1 } },
            "wizard": { "size": "small" },
            "totalUsers": 3,
        };
        assert_eq!(document, left);
    }
}

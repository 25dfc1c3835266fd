//! The stored statistics documents in the order of their dates, with only the fields that rules read.
//!
//! They are read in pages by the index on `createdAt`: each query has its own time limit and begins where the last page
//! ended.

use mongodb::bson::{Bson, DateTime, doc};
use mongodb::options::Hint;

use super::rules::rule_paths;
use crate::catalogue::{FailureKind, Timestamp, Value};
use crate::collectors::Collector;
use crate::mongodb::{Access, Mongo, QueryContext, SourceError, bson};

const COLLECTION: &str = "rocketchat_statistics";

/// The documents between two instants.
#[derive(Debug, Clone, Copy)]
pub struct DocumentRange {
    /// Documents with a date in the range.
    pub documents: u64,
    /// The date of the first one.
    pub first: Option<Timestamp>,
    /// Documents of the whole collection whose `createdAt` is not a date.
    pub undated: u64,
}

impl Mongo {
    /// Counts the stored statistics documents from `from` on and before `until`.
    ///
    /// # Errors
    /// When the query fails, or the index on `createdAt` is missing.
    pub async fn stored_document_range(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<DocumentRange, SourceError> {
        let mut query = self.query(Collector::StoredDocument.name()).await?;
        document_range(&mut query, from, until).await
    }

    /// Reads the next stored statistics documents, at most `limit`, and maps each with `extract`.
    ///
    /// # Errors
    /// When the query fails, or the index on `createdAt` is missing.
    pub async fn stored_document_page<T>(
        &self,
        range: (Timestamp, Timestamp),
        limit: u32,
        extract: impl FnMut(&Value) -> T,
    ) -> Result<DocumentPage<T>, SourceError> {
        let mut query = self.query(Collector::StoredDocument.name()).await?;
        document_page(&mut query, range, limit, extract).await
    }
}

/// Counts the documents from `from` on and before `until`.
pub async fn document_range(
    query: &mut QueryContext<'_>,
    from: Timestamp,
    until: Timestamp,
) -> Result<DocumentRange, SourceError> {
    let hint = hint(query).await?;
    let within = doc! { "createdAt": { "$gte": date(from), "$lt": date(until) } };
    let first = vec![
        doc! { "$match": within.clone() },
        doc! { "$sort": { "createdAt": 1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "_id": 0, "createdAt": 1 } },
    ];
    let first = query.aggregate(COLLECTION, first, hint.clone()).await?;
    let documents = query.count(COLLECTION, within, hint.clone()).await?;
    // A range of dates holds dates only.
    let dated = doc! { "createdAt": { "$gte": DateTime::MIN, "$lte": DateTime::MAX } };
    let all = query.estimated_count(COLLECTION).await?;
    let dated = query.count(COLLECTION, dated, hint).await?;
    Ok(DocumentRange {
        documents: documents.unwrap_or_default(),
        first: first
            .first()
            .and_then(|document| bson::timestamp(document.get("createdAt"))),
        undated: all.saturating_sub(dated.unwrap_or(all)),
    })
}

/// Reads the next documents, oldest first: at most `limit`, and fewer if the server would take too long or the last ones
/// have the same date.
pub async fn document_page<T>(
    query: &mut QueryContext<'_>,
    (from, until): (Timestamp, Timestamp),
    mut limit: u32,
    mut extract: impl FnMut(&Value) -> T,
) -> Result<DocumentPage<T>, SourceError> {
    let hint = hint(query).await?;
    loop {
        match find(query, (from, until), limit, hint.clone(), &mut extract).await {
            // Documents may be huge: fewer take less time.
            Err(error) if error.kind == FailureKind::TimedOut && limit > 1 => limit /= 4,
            Err(error) => return Err(error),
            Ok(documents) => return Ok(DocumentPage::new(documents, limit)),
        }
        limit = limit.max(1);
    }
}

/// A page of documents.
#[derive(Debug)]
pub struct DocumentPage<T> {
    /// What was extracted from them, by date.
    pub documents: Vec<(Timestamp, T)>,
    /// Whether no document follows.
    pub is_last: bool,
    /// The limit of the query.
    pub limit: u32,
}

impl<T> DocumentPage<T> {
    /// Documents of one date belong to one page: those at the end of a full page are left to the next one.
    fn new(mut documents: Vec<(Timestamp, T)>, limit: u32) -> Self {
        let is_last = documents.len() < limit as usize;
        if let (false, Some((last, _))) = (is_last, documents.last()) {
            let last = *last;
            let complete = documents.partition_point(|(date, _)| *date < last);
            if complete > 0 {
                documents.truncate(complete);
            }
        }
        Self {
            documents,
            is_last,
            limit,
        }
    }
}

async fn find<T>(
    query: &QueryContext<'_>,
    (from, until): (Timestamp, Timestamp),
    limit: u32,
    hint: Option<Hint>,
    extract: &mut impl FnMut(&Value) -> T,
) -> Result<Vec<(Timestamp, T)>, SourceError> {
    let collection = query.collection(COLLECTION);
    let mut projection = doc! { "_id": 0 };
    for path in rule_paths() {
        projection.insert(path, 1);
    }
    let find = async {
        let mut find = collection
            .find(doc! { "createdAt": { "$gte": date(from), "$lt": date(until) } })
            .sort(doc! { "createdAt": 1 })
            .projection(projection)
            .limit(limit.into())
            .comment(format!("{} backfill", query.comment()))
            .max_time(query.mongo.query_timeout);
        if let Some(hint) = hint {
            find = find.hint(hint);
        }
        let mut cursor = find.await?;
        let mut documents = Vec::new();
        while cursor.advance().await? {
            let document = cursor.current();
            if let Ok(created_at) = document.get_datetime("createdAt") {
                // An undecodable document counts as empty.
                let decoded = bson::document(document).unwrap_or_default();
                let created_at = Timestamp(created_at.timestamp_millis());
                documents.push((created_at, extract(&bson::object(&decoded))));
            }
        }
        Ok(documents)
    };
    query.mongo.within(find).await
}

async fn hint(query: &mut QueryContext<'_>) -> Result<Option<Hint>, SourceError> {
    match query.access(COLLECTION, "createdAt").await? {
        Access::Granted(hint) => Ok(hint),
        Access::Refused => Err(SourceError::new(
            FailureKind::MissingIndex,
            "the stored statistics documents cannot be read in order because an index is missing; create it with db.rocketchat_statistics.createIndex({createdAt: -1})",
        )),
    }
}

fn date(timestamp: Timestamp) -> Bson {
    DateTime::from_millis(timestamp.0).into()
}

/// Parses a date in ISO 8601, or as JavaScript's `Date.toString` writes it.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(date.as_millisecond()));
    }
    // JavaScript appends the zone's name in the language of its machine.
    let (date, _) = text.split_once(" (").unwrap_or((text, ""));
    let date = jiff::fmt::strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", date).ok()?;
    Some(Timestamp(date.to_timestamp().ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_dates_are_parsed() {
        let expected = Some(Timestamp(1_680_523_200_000));
        for text in [
            "2023-04-03T12:00:00.000Z",
            "Mon Apr 03 2023 12:00:00 GMT+0000 (Coordinated Universal Time)",
            "Mon Apr 03 2023 14:00:00 GMT+0200 (Mitteleuropäische Sommerzeit)",
            "Mon Apr 03 2023 12:00:00 GMT+0000",
        ] {
            assert_eq!(parse_date(text), expected, "{text}");
        }
        assert_eq!(parse_date("last Monday"), None);
    }

    #[test]
    fn page_holds_all_documents_of_a_date() {
        let page = |dates: &[i64], limit| {
            let documents = dates.iter().map(|date| (Timestamp(*date), ())).collect();
            let page = DocumentPage::new(documents, limit);
            (page.documents.len(), page.is_last)
        };
        assert_eq!(page(&[1, 2, 3], 4), (3, true));
        assert_eq!(page(&[1, 2, 3, 3], 4), (2, false));
        assert_eq!(page(&[3, 3, 3, 3], 4), (4, false));
        assert_eq!(page(&[], 4), (0, true));
    }
}

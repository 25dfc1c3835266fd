//! The stored statistics documents, one after another, with only the fields that become metrics of the past.
//!
//! They are asked for in pages, in the order of the index on their dates: so each question has a time limit of its own,
//! the next one begins where the last one ended, and it does not matter how long somebody takes with a page.

use mongodb::bson::{Bson, DateTime, doc};
use mongodb::options::Hint;

use super::series::rule_paths;
use crate::catalogue::{FailureKind, Timestamp, Value};
use crate::collectors::Collector;
use crate::mongodb::{Access, Mongo, QueryContext, SourceError, bson};

const COLLECTION: &str = "rocketchat_statistics";

/// What lies between two instants.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Documents that have a date in it.
    pub documents: u64,
    /// The date of the first of them.
    pub first: Option<Timestamp>,
    /// Documents of the whole collection whose `createdAt` is no date.
    pub undated: u64,
}

impl Mongo {
    /// How many stored statistics documents there are from an instant on, and before another one.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that orders them.
    pub async fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Stretch, SourceError> {
        let mut question = self.query(Collector::StoredDocument.name()).await?;
        look(&mut question, from, until).await
    }

    /// What `read` makes of the next stored statistics documents, at most `most`.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that orders them.
    pub async fn stored_page<T>(
        &self,
        between: (Timestamp, Timestamp),
        most: u32,
        read: impl FnMut(&Value) -> T,
    ) -> Result<Page<T>, SourceError> {
        let mut question = self.query(Collector::StoredDocument.name()).await?;
        page(&mut question, between, most, read).await
    }
}

/// How many documents there are from an instant on, and before another one.
pub async fn look(
    question: &mut QueryContext<'_>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Stretch, SourceError> {
    let hint = hint(question).await?;
    let within = doc! { "createdAt": { "$gte": date(from), "$lt": date(until) } };
    let first = vec![
        doc! { "$match": within.clone() },
        doc! { "$sort": { "createdAt": 1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "_id": 0, "createdAt": 1 } },
    ];
    let first = question.aggregate(COLLECTION, first, hint.clone()).await?;
    let documents = question.count(COLLECTION, within, hint.clone()).await?;
    // A range of dates holds dates only.
    let dated = doc! { "createdAt": { "$gte": DateTime::MIN, "$lte": DateTime::MAX } };
    let all = question.estimated_count(COLLECTION).await?;
    let dated = question.count(COLLECTION, dated, hint).await?;
    Ok(Stretch {
        documents: documents.unwrap_or_default(),
        first: first
            .first()
            .and_then(|it| bson::timestamp(it.get("createdAt"))),
        undated: all.saturating_sub(dated.unwrap_or(all)),
    })
}

/// What `read` makes of the next documents, oldest first, with their dates: at most `most` of them, and fewer where the
/// server would take too long or several have the same date as the last one.
pub async fn page<T>(
    question: &mut QueryContext<'_>,
    (from, until): (Timestamp, Timestamp),
    most: u32,
    mut read: impl FnMut(&Value) -> T,
) -> Result<Page<T>, SourceError> {
    let hint = hint(question).await?;
    let mut limit = most;
    loop {
        match ask(question, (from, until), limit, hint.clone(), &mut read).await {
            // Documents may be huge: fewer of them take less time.
            Err(error) if error.kind == FailureKind::TimedOut && limit > 1 => limit /= 4,
            Err(error) => return Err(error),
            Ok(documents) => return Ok(Page::of(documents, limit)),
        }
        limit = limit.max(1);
    }
}

/// A page of what documents say.
#[derive(Debug)]
pub struct Page<T> {
    /// What they say, with their dates, in this order.
    pub documents: Vec<(Timestamp, T)>,
    /// Whether there is nothing behind it.
    pub is_last: bool,
    /// How many were asked for.
    pub limit: u32,
}

impl<T> Page<T> {
    /// Documents of the same date belong into one page: those at the end of a full one are asked for again.
    fn of(mut documents: Vec<(Timestamp, T)>, limit: u32) -> Self {
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

async fn ask<T>(
    question: &QueryContext<'_>,
    (from, until): (Timestamp, Timestamp),
    limit: u32,
    hint: Option<Hint>,
    read: &mut impl FnMut(&Value) -> T,
) -> Result<Vec<(Timestamp, T)>, SourceError> {
    let collection = question.collection(COLLECTION);
    let mut projection = doc! { "_id": 0 };
    for path in rule_paths() {
        projection.insert(path, 1);
    }
    let ask = async {
        let mut find = collection
            .find(doc! { "createdAt": { "$gte": date(from), "$lt": date(until) } })
            .sort(doc! { "createdAt": 1 })
            .projection(projection)
            .limit(limit.into())
            .comment(format!("{} backfill", question.comment()))
            .max_time(question.mongo.query_timeout);
        if let Some(hint) = hint {
            find = find.hint(hint);
        }
        let mut cursor = find.await?;
        let mut documents = Vec::new();
        while cursor.advance().await? {
            let document = cursor.current();
            if let Ok(created_at) = document.get_datetime("createdAt") {
                // One that cannot be read tells nothing, but has its place in the page.
                let told = bson::document(document).unwrap_or_default();
                let created_at = Timestamp(created_at.timestamp_millis());
                documents.push((created_at, read(&bson::object(&told))));
            }
        }
        Ok(documents)
    };
    question.mongo.within(ask).await
}

async fn hint(question: &mut QueryContext<'_>) -> Result<Option<Hint>, SourceError> {
    match question.access(COLLECTION, "createdAt").await? {
        Access::Granted(hint) => Ok(hint),
        Access::Refused => Err(SourceError::new(
            FailureKind::MissingIndex,
            "the stored statistics documents cannot be read in their order because an index is missing; create it with db.rocketchat_statistics.createIndex({createdAt: -1})",
        )),
    }
}

fn date(timestamp: Timestamp) -> Bson {
    DateTime::from_millis(timestamp.0).into()
}

/// The instant that a text of a document stands for: ISO 8601, or what JavaScript writes for a date.
pub fn date_of(text: &str) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(date.as_millisecond()));
    }
    // Behind the offset JavaScript writes the zone's name in the language of its machine.
    let (date, _) = text.split_once(" (").unwrap_or((text, ""));
    let date = jiff::fmt::strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", date).ok()?;
    Some(Timestamp(date.to_timestamp().ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_understood_as_both_kinds_of_text() {
        let expected = Some(Timestamp(1_680_523_200_000));
        for text in [
            "2023-04-03T12:00:00.000Z",
            "Mon Apr 03 2023 12:00:00 GMT+0000 (Coordinated Universal Time)",
            "Mon Apr 03 2023 14:00:00 GMT+0200 (Mitteleuropäische Sommerzeit)",
            "Mon Apr 03 2023 12:00:00 GMT+0000",
        ] {
            assert_eq!(date_of(text), expected, "{text}");
        }
        assert_eq!(date_of("last Monday"), None);
    }

    #[test]
    fn documents_of_one_date_are_in_one_page() {
        let page = |dates: &[i64], limit| {
            let documents = dates.iter().map(|date| (Timestamp(*date), ())).collect();
            let page = Page::of(documents, limit);
            (page.documents.len(), page.is_last)
        };
        assert_eq!(page(&[1, 2, 3], 4), (3, true));
        assert_eq!(page(&[1, 2, 3, 3], 4), (2, false));
        assert_eq!(page(&[3, 3, 3, 3], 4), (4, false));
        assert_eq!(page(&[], 4), (0, true));
    }
}

//! The stored statistics documents (`rocketchat_statistics`) for API clients.

use std::collections::VecDeque;
use std::sync::Arc;

use mongodb::Cursor;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::ErrorKind;
use mongodb::options::Hint;
use serde_json::Value as Json;

use super::{ApiQueries, query_filter};
use crate::catalogue::{IGNORED_FIELDS, Value, touches_hidden_field};
use crate::collectors::Collector;
use crate::collectors::stored_document::query::redact;
use crate::http::ListQuery;
use crate::mongodb::{QueryContext, SourceError, bson, command};

const COLLECTION: &str = "rocketchat_statistics";

/// Maximum number of documents in a list.
const MAX_DOCUMENTS: u32 = 10_000;

/// Documents in one reply of the server.
const BATCH: u32 = 64;

/// Bytes after which a page is complete.
const PAGE_BYTES: usize = 4 << 20;

/// Maximum size of a list in the database, in bytes.
const MAX_LIST_BYTES: u64 = 512 << 20;

/// Error codes of the server that mean an invalid query; all others are failures.
mod code {
    pub const BAD_VALUE: i32 = 2;
    pub const FAILED_TO_PARSE: i32 = 9;
    pub const TYPE_MISMATCH: i32 = 14;
    /// A path or a value is nested too deeply.
    pub const OVERFLOW: i32 = 15;
    pub const MAX_TIME_EXPIRED: i32 = 50;
    pub const DOLLAR_PREFIXED_FIELD_NAME: i32 = 52;
    pub const MEMORY_LIMIT: i32 = 292;
    /// Codes from here on are assertions about the input at one place of the server's code.
    pub const FIRST_LOCATION: i32 = 15_000;
}

/// The number of documents, or why the query was rejected.
pub async fn count(
    query: &QueryContext<'_>,
    filter: &Json,
) -> Result<Result<u64, String>, SourceError> {
    let filter = match query_filter::from_json(filter) {
        Ok(filter) => filter,
        Err(message) => return Ok(Err(message)),
    };
    let command = doc! {
        "count": COLLECTION,
        "query": filter,
        "maxTimeMS": bson::milliseconds(query.mongo.query_timeout),
        "comment": query.comment(),
    };
    let count = async { refused(command::run(&query.database, command).await) };
    let answer = query.mongo.within(count).await?;
    Ok(answer.map(|answer| bson::counted(&answer, "n")))
}

/// A stream of documents without hidden fields.
#[derive(Debug)]
pub struct StoredDocuments {
    backend: Arc<ApiQueries>,
    /// `None` after the last document.
    cursor: Option<Cursor<Document>>,
    /// Fetched documents that were not returned yet.
    page: VecDeque<RawDocumentBuf>,
}

/// The documents, or why the request was rejected.
pub async fn list(
    backend: &Arc<ApiQueries>,
    part: &ListQuery,
) -> Result<Result<StoredDocuments, String>, SourceError> {
    let parsed = match ParsedOptions::parse(part) {
        Ok(parsed) => parsed,
        Err(message) => return Ok(Err(message)),
    };
    let _turn = backend.turn().await?;
    let mongo = &backend.mongo;
    let query = mongo.query(Collector::StoredDocument.name()).await?;
    let most = i64::from(MAX_DOCUMENTS);
    let limit = part.count.and_then(|count| i64::try_from(count).ok());
    let limit = limit.unwrap_or(most).clamp(1, most);
    // The server adds both.
    let skip = part.offset.min(i64::MAX.abs_diff(limit));
    let collection = query.collection(COLLECTION);
    let open = async {
        let mut find = collection
            .find(parsed.filter.clone())
            .projection(parsed.projection())
            .skip(skip)
            .limit(limit)
            .batch_size(BATCH)
            .comment(query.comment())
            .max_time(mongo.query_timeout);
        if !parsed.sort.is_empty() {
            find = find.sort(parsed.sort.clone()).allow_disk_use(true);
        }
        refused(async { page(find.await?).await }.await)
    };
    let (cursor, page) = match mongo.within(open).await? {
        Ok(opened) => opened,
        Err(message) => return Ok(Err(message)),
    };
    if cursor.is_some() {
        let mut pipeline = vec![doc! { "$match": parsed.filter }];
        // A pipeline takes the natural order as a hint only.
        let is_natural = parsed.sort.contains_key("$natural");
        let hint = is_natural.then(|| Hint::Keys(parsed.sort.clone()));
        if !is_natural && !parsed.sort.is_empty() {
            pipeline.push(doc! { "$sort": parsed.sort });
        }
        pipeline.push(doc! { "$skip": i64::try_from(skip).unwrap_or(i64::MAX) });
        pipeline.push(doc! { "$limit": limit });
        // Without the items of lists that are not selected, which is a little less.
        pipeline.push(doc! { "$project": parsed.exclusions });
        pipeline.push(doc! { "$group": {
            "_id": Bson::Null,
            "bytes": { "$sum": { "$bsonSize": "$$ROOT" } },
        } });
        let sizes = query.aggregate(COLLECTION, pipeline, hint).await?;
        let bytes = sizes.first().map_or(0, |size| bson::counted(size, "bytes"));
        if bytes > MAX_LIST_BYTES {
            return Ok(Err(format!(
                "The list has {bytes} bytes in the database, and at most {MAX_LIST_BYTES} are answered at once; request parts of it with count and offset."
            )));
        }
    }
    Ok(Ok(StoredDocuments {
        backend: Arc::clone(backend),
        cursor,
        page,
    }))
}

/// The options for MongoDB.
struct ParsedOptions {
    filter: Document,
    sort: Document,
    exclusions: Document,
    of_lists: Document,
}

impl ParsedOptions {
    /// Parses the query, or returns why they are rejected.
    fn parse(part: &ListQuery) -> Result<Self, String> {
        let filter = query_filter::from_json(&part.query)?;
        let mut sort = Document::new();
        for (path, descends) in &part.sort {
            if touches_hidden_field(path) {
                return Err(query_filter::hidden(path));
            }
            sort.insert(query_filter::field(path)?, if *descends { -1 } else { 1 });
        }
        let excluded: Vec<&str> = IGNORED_FIELDS
            .into_iter()
            .chain(part.exclude.iter().map(String::as_str))
            .collect();
        let mut exclusions = Document::new();
        for path in &excluded {
            // From 4.4 on MongoDB takes no path below another one.
            let is_below = |other: &&str| {
                let rest = path.strip_prefix(*other);
                rest.is_some_and(|rest| rest.starts_with('.'))
            };
            if !excluded.iter().any(is_below) {
                exclusions.insert(query_filter::field(path)?, 0);
            }
        }
        let mut of_lists = Document::new();
        for (path, operator) in &part.of_lists {
            of_lists.insert(
                query_filter::field(path)?,
                query_filter::of_list(path, operator)?,
            );
        }
        Ok(Self {
            filter,
            sort,
            exclusions,
            of_lists,
        })
    }

    /// The projection of a query.
    fn projection(&self) -> Document {
        let mut projection = self.exclusions.clone();
        projection.extend(self.of_lists.clone());
        projection
    }
}

/// The next documents of a cursor, and the cursor unless it is exhausted.
async fn page(
    mut cursor: Cursor<Document>,
) -> Result<(Option<Cursor<Document>>, VecDeque<RawDocumentBuf>), mongodb::error::Error> {
    let mut page = VecDeque::new();
    let mut bytes = 0;
    while page.len() < BATCH as usize && bytes < PAGE_BYTES {
        if !cursor.advance().await? {
            return Ok((None, page));
        }
        let document = cursor.current().to_owned();
        bytes += document.as_bytes().len();
        page.push_back(document);
    }
    Ok((Some(cursor), page))
}

impl StoredDocuments {
    /// The next document; `None` after the last. Unreadable documents are skipped.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next(&mut self) -> Result<Option<Value>, SourceError> {
        loop {
            if self.page.is_empty()
                && let Some(cursor) = self.cursor.take()
            {
                let _turn = self.backend.turn().await?;
                (self.cursor, self.page) = self.backend.mongo.within(page(cursor)).await?;
            }
            let Some(raw) = self.page.pop_front() else {
                return Ok(None);
            };
            if let Some(mut document) = bson::document(&raw) {
                redact(&mut document);
                return Ok(Some(bson::object(&document)));
            }
            tracing::warn!(
                collection = COLLECTION,
                bytes = raw.as_bytes().len(),
                "a stored document cannot be read, so the list leaves it out"
            );
        }
    }
}

/// Separates errors of the query, with their message, from failures.
fn refused<T>(
    answer: Result<T, mongodb::error::Error>,
) -> Result<Result<T, String>, mongodb::error::Error> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if is_query_error(command.code) => {
                Ok(Err(command.message.clone()))
            }
            _ => Err(error),
        },
    }
}

fn is_query_error(code: i32) -> bool {
    matches!(
        code,
        code::BAD_VALUE
            | code::FAILED_TO_PARSE
            | code::TYPE_MISMATCH
            | code::OVERFLOW
            | code::MAX_TIME_EXPIRED
            | code::DOLLAR_PREFIXED_FIELD_NAME
            | code::MEMORY_LIMIT
            | code::FIRST_LOCATION..
    )
}

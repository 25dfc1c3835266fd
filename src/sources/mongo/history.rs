//! The stored statistics documents, as somebody else asks for them.

use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use serde_json::Value as Json;

use futures_util::TryStreamExt;

use super::question::ONE_REPLY;
use super::{Question, command, convert, filter, stored};
use crate::sources::SourceError;
use crate::statistics::Value;

const COLLECTION: &str = "rocketchat_statistics";

/// What the database itself calls wrong with a question; everything else is a failure.
mod code {
    pub const BAD_VALUE: i32 = 2;
    pub const FAILED_TO_PARSE: i32 = 9;
    pub const TYPE_MISMATCH: i32 = 14;
    /// More names in a path, or values within each other, than it can take.
    pub const OVERFLOW: i32 = 15;
    pub const MAX_TIME_EXPIRED: i32 = 50;
    pub const DOLLAR_PREFIXED_FIELD_NAME: i32 = 52;
    pub const MEMORY_LIMIT: i32 = 292;
    /// Codes from here on stand for one place in the server's code that checks what it is given.
    pub const FIRST_LOCATION: i32 = 15_000;
}

/// A part of the list.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which documents.
    pub query: Json,
    /// Fields to sort by, and whether they descend.
    pub sort: Vec<(String, bool)>,
    /// Fields to leave out.
    pub exclude: Vec<String>,
    /// Documents to pass over.
    pub offset: u64,
    /// Documents to answer; `None` means all.
    pub count: Option<u64>,
}

/// The number of documents, or what is wrong with the query.
pub async fn count(
    question: &Question<'_>,
    query: &Json,
) -> Result<Result<u64, String>, SourceError> {
    let filter = match filter::from_json(query) {
        Ok(filter) => filter,
        Err(message) => return Ok(Err(message)),
    };
    let command = doc! {
        "count": COLLECTION,
        "query": filter,
        "maxTimeMS": convert::milliseconds(question.mongo.query_timeout),
        "comment": question.comment(),
    };
    let ask = async { refused(command::run(&question.database, command).await) };
    let answer = question.mongo.within(ask).await?;
    Ok(answer.map(|answer| convert::counted(&answer, "n")))
}

/// The documents without what is never shown, or what is wrong with the question.
pub async fn list(
    question: &Question<'_>,
    part: &Part,
) -> Result<Result<Vec<Value>, String>, SourceError> {
    let filter = match filter::from_json(&part.query) {
        Ok(filter) => filter,
        Err(message) => return Ok(Err(message)),
    };
    if let Some((path, _)) = part
        .sort
        .iter()
        .find(|(path, _)| stored::touches_secret(path))
    {
        return Ok(Err(filter::hidden(path)));
    }
    let names = part.sort.iter().map(|(path, _)| path).chain(&part.exclude);
    for name in names {
        if let Err(message) = filter::field(name) {
            return Ok(Err(message));
        }
    }
    let mut sort = Document::new();
    for (path, descends) in &part.sort {
        sort.insert(path.clone(), if *descends { -1 } else { 1 });
    }
    let mut projection = Document::new();
    for path in filter::REMOVED
        .into_iter()
        .chain(part.exclude.iter().map(String::as_str))
    {
        projection.insert(path, 0);
    }
    let collection = question.collection(COLLECTION);
    let most = i64::from(ONE_REPLY);
    let limit = part.count.and_then(|count| i64::try_from(count).ok());
    let ask = async {
        let mut find = collection
            .find(filter)
            .projection(projection)
            .skip(part.offset)
            .limit(limit.unwrap_or(most).clamp(1, most))
            .batch_size(ONE_REPLY)
            .comment(question.comment())
            .max_time(question.mongo.query_timeout);
        if !sort.is_empty() {
            find = find.sort(sort).allow_disk_use(true);
        }
        let documents = async { find.await?.try_collect::<Vec<_>>().await };
        refused(documents.await)
    };
    let documents = question.mongo.within(ask).await?;
    Ok(documents.map(|documents| {
        documents
            .into_iter()
            .map(|mut document| {
                stored::redact(&mut document);
                convert::object(&document)
            })
            .collect()
    }))
}

/// Tells an answer that the question is to blame for from a failure.
fn refused<T>(
    answer: Result<T, mongodb::error::Error>,
) -> Result<Result<T, String>, mongodb::error::Error> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if blames_question(command.code) => {
                Ok(Err(command.message.clone()))
            }
            _ => Err(error),
        },
    }
}

fn blames_question(code: i32) -> bool {
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

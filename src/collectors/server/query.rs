//! The server: `serverStatus`, or `buildInfo` without the privilege for it, and both ends of the oplog.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::Server;
use crate::catalogue::{FailureKind, release_line};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson, command};

/// The oplog.
const OPLOG: &str = "local.oplog.rs";

pub async fn read(query: &mut QueryContext<'_>, known: &Snapshot) -> Result<Server, SourceError> {
    let oplog_window = oplog_window(query).await?;
    // Unneeded sections are disabled, because some are expensive.
    let status = doc! {
        "serverStatus": 1, "metrics": 0, "wiredTiger": 0, "locks": 0, "repl": 0, "tcmalloc": 0, "opLatencies": 0,
    };
    let (answer, storage_engine) = match query.run_on_admin(status).await {
        Ok(status) => {
            let engine = status.get_document("storageEngine").ok();
            let name = engine.and_then(|engine| bson::text(engine.get("name")));
            (status, name)
        }
        Err(error) if error.kind == FailureKind::Unauthorized => {
            (query.run_on_admin(doc! { "buildInfo": 1 }).await?, None)
        }
        Err(error) => return Err(error),
    };
    let version = bson::text(answer.get("version")).unwrap_or_default();
    let line = known.version().and_then(release_line);
    Ok(Server {
        is_supported: line.and_then(|line| line.supports_mongodb(&version)),
        version,
        storage_engine: storage_engine.unwrap_or_else(|| "unknown".to_owned()),
        oplog_window,
    })
}

/// The time between the oldest and the newest operation of the member's oplog; `None` without a replica set or the
/// privilege to read it.
async fn oplog_window(query: &mut QueryContext<'_>) -> Result<Option<Duration>, SourceError> {
    let hello = query.hello().await;
    if !hello.is_ok_and(|hello| hello.is_member()) {
        return Ok(None);
    }
    let oldest = end_of_oplog(query, 1).await;
    let Some(Some(oldest)) = query.detail(OPLOG, "find", oldest)? else {
        return Ok(None);
    };
    let newest = end_of_oplog(query, -1).await?;
    Ok(newest
        .and_then(|newest| newest.checked_sub(oldest))
        .map(|seconds| Duration::from_secs(seconds.into())))
}

/// When the first operation in a direction was done, in seconds since 1970: one document, read from its end.
async fn end_of_oplog(
    query: &QueryContext<'_>,
    direction: i32,
) -> Result<Option<u32>, SourceError> {
    let local = command::beside(&query.database, "local");
    let oplog = local.collection::<Document>("oplog.rs");
    let newest = oplog
        .find_one(doc! {})
        .sort(doc! { "$natural": direction })
        .projection(doc! { "ts": 1 })
        .comment(query.comment())
        .max_time(query.mongo.query_timeout);
    let operation = query.mongo.within(newest.into_future()).await?;
    Ok(operation
        .and_then(|operation| operation.get_timestamp("ts").ok())
        .map(|timestamp| timestamp.time))
}

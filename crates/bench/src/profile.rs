//! What the exporter and the floor ask, seen from the server's side: mongod's profiler notes every query of one refresh.
//! This happens apart from the measuring of time, because noting costs time.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde::Serialize;

use crate::meter::number;

/// Every query of the exporter begins its comment with this; the collector's name follows.
pub(super) const COMMENT: &str = "rocketchat-exporter ";

/// Room for all that one refresh asks; the usual megabyte would forget the first half.
const PROFILE_BYTES: i64 = 64 << 20;

/// One query as the server saw it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Query {
    pub(super) collector: String,
    pub(super) collection: String,
    pub(super) command: String,
    pub(super) plan: String,
    pub(super) milliseconds: f64,
    /// Of the thread that answered it, from the command's begin to its end.
    pub(super) cpu_seconds: f64,
    pub(super) documents_examined: f64,
    pub(super) keys_examined: f64,
    pub(super) bytes: f64,
}

/// The sums of one collector's queries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) queries: usize,
    pub(super) cpu_seconds: f64,
    pub(super) documents_examined: f64,
    pub(super) keys_examined: f64,
    pub(super) bytes: f64,
}

/// All queries of a piece of work whose comments begin so, and go on with the name of a collector.
pub(super) async fn during(
    database: &Database,
    comment: &str,
    work: impl Future<Output = Result<()>>,
) -> Result<Vec<Query>> {
    let profile = "system.profile";
    database.run_command(doc! { "profile": 0 }).await?;
    database.collection::<Document>(profile).drop().await?;
    database
        .run_command(doc! { "create": profile, "capped": true, "size": PROFILE_BYTES })
        .await?;
    database.run_command(doc! { "profile": 2 }).await?;
    let outcome = work.await;
    database.run_command(doc! { "profile": 0 }).await?;
    outcome?;
    let filter = doc! { "command.comment": { "$regex": format!("^{comment}") } };
    let entries: Vec<Document> = database
        .collection(profile)
        .find(filter)
        .sort(doc! { "millis": -1 })
        .await?
        .try_collect()
        .await?;
    database.collection::<Document>(profile).drop().await?;
    let queries = entries.iter().map(|entry| query(entry, comment));
    queries.collect()
}

fn query(entry: &Document, beginning: &str) -> Result<Query> {
    let command = entry.get_document("command")?;
    let comment = command.get_str("comment")?;
    let metrics = entry
        .get_document("operationMetrics")
        .context("mongod's profiler does not tell the processor time of a query")?;
    let text = |key: &str| entry.get_str(key).unwrap_or_default().to_owned();
    let namespace = text("ns");
    Ok(Query {
        collector: comment.trim_start_matches(beginning).to_owned(),
        collection: namespace
            .split_once('.')
            .map_or(namespace.as_str(), |(_, collection)| collection)
            .to_owned(),
        command: command.keys().next().cloned().unwrap_or_default(),
        plan: text("planSummary"),
        milliseconds: number(entry, &["millis"]),
        cpu_seconds: number(metrics, &["cpuNanos"]) / 1e9,
        documents_examined: number(entry, &["docsExamined"]),
        keys_examined: number(entry, &["keysExamined"]),
        bytes: number(entry, &["responseLength"]),
    })
}

pub(super) fn by_collector(queries: &[Query]) -> BTreeMap<String, Sums> {
    let mut collectors: BTreeMap<String, Sums> = BTreeMap::new();
    for query in queries {
        let sums = collectors.entry(query.collector.clone()).or_default();
        sums.queries += 1;
        sums.cpu_seconds += query.cpu_seconds;
        sums.documents_examined += query.documents_examined;
        sums.keys_examined += query.keys_examined;
        sums.bytes += query.bytes;
    }
    collectors
}

/// Queries that walk all messages, of which there must be none.
pub(super) fn scans_of_messages(queries: &[Query]) -> usize {
    let scans = queries.iter().filter(|query| {
        query.collection == "rocketchat_message" && query.plan.contains("COLLSCAN")
    });
    scans.count()
}

//! What the exporter asks, seen from the server's side: mongod's profiler notes every query of one refresh. This happens
//! apart from the measuring of time, because noting costs time.

use std::collections::BTreeMap;

use anyhow::Result;
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde::Serialize;

use super::meter::number;

/// Every query of the exporter begins its comment with this; the collector's name follows.
const COMMENT: &str = "rocketchat-exporter ";

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
    pub(super) documents_examined: f64,
    pub(super) keys_examined: f64,
    pub(super) bytes: f64,
}

/// The sums of one collector's queries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) queries: usize,
    pub(super) documents_examined: f64,
    pub(super) keys_examined: f64,
    pub(super) bytes: f64,
}

/// All queries that a piece of work makes the exporter ask.
pub(super) async fn during(
    database: &Database,
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
    let filter = doc! { "command.comment": { "$regex": format!("^{COMMENT}") } };
    let entries: Vec<Document> = database
        .collection(profile)
        .find(filter)
        .sort(doc! { "millis": -1 })
        .await?
        .try_collect()
        .await?;
    database.collection::<Document>(profile).drop().await?;
    Ok(entries.iter().filter_map(query).collect())
}

fn query(entry: &Document) -> Option<Query> {
    let command = entry.get_document("command").ok()?;
    let comment = command.get_str("comment").ok()?;
    let text = |key: &str| entry.get_str(key).unwrap_or_default().to_owned();
    let namespace = text("ns");
    Some(Query {
        collector: comment.strip_prefix(COMMENT)?.to_owned(),
        collection: namespace
            .split_once('.')
            .map_or(namespace.as_str(), |(_, collection)| collection)
            .to_owned(),
        command: command.keys().next()?.clone(),
        plan: text("planSummary"),
        milliseconds: number(entry, &["millis"]),
        documents_examined: number(entry, &["docsExamined"]),
        keys_examined: number(entry, &["keysExamined"]),
        bytes: number(entry, &["responseLength"]),
    })
}

pub(super) fn by_collector(queries: &[Query]) -> BTreeMap<&str, Sums> {
    let mut collectors: BTreeMap<&str, Sums> = BTreeMap::new();
    for query in queries {
        let sums = collectors.entry(query.collector.as_str()).or_default();
        sums.queries += 1;
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

//! The queries of a refresh of the exporter and of the lower bound, recorded by mongod's profiler. Times are measured in
//! other runs, because profiling is slow.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde::Serialize;

use crate::meter::number;

/// The prefix of the exporter's comments, before the name of the collector.
pub(crate) const COMMENT: &str = "rocketchat-exporter ";

/// The size of the profile: the default of 1 MB is too small for the queries of a refresh.
const PROFILE_BYTES: i64 = 64 << 20;

/// A query as recorded by the server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProfiledQuery {
    pub(crate) collector: String,
    pub(crate) collection: String,
    pub(crate) command: String,
    pub(crate) plan: String,
    pub(crate) milliseconds: f64,
    /// CPU time of the thread that ran the command.
    pub(crate) cpu_seconds: f64,
    pub(crate) documents_examined: f64,
    pub(crate) keys_examined: f64,
    pub(crate) bytes: f64,
}

/// The sums of the queries of a collector.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueryTotals {
    pub(crate) queries: usize,
    pub(crate) cpu_seconds: f64,
    pub(crate) documents_examined: f64,
    pub(crate) keys_examined: f64,
    pub(crate) bytes: f64,
}

/// Runs some work and returns its queries whose comments have this prefix, followed by the name of a collector.
pub(crate) async fn during(
    database: &Database,
    comment: &str,
    work: impl Future<Output = Result<()>>,
) -> Result<Vec<ProfiledQuery>> {
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

fn query(entry: &Document, prefix: &str) -> Result<ProfiledQuery> {
    let command = entry.get_document("command")?;
    let comment = command.get_str("comment")?;
    let metrics = entry
        .get_document("operationMetrics")
        .context("mongod's profiler records no processor time")?;
    let text = |key: &str| entry.get_str(key).unwrap_or_default().to_owned();
    let namespace = text("ns");
    Ok(ProfiledQuery {
        collector: comment.trim_start_matches(prefix).to_owned(),
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

pub(crate) fn by_collector(queries: &[ProfiledQuery]) -> BTreeMap<String, QueryTotals> {
    let mut collectors: BTreeMap<String, QueryTotals> = BTreeMap::new();
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

/// The number of queries that scan all messages, which must be 0.
pub(crate) fn scans_of_messages(queries: &[ProfiledQuery]) -> usize {
    let scans = queries.iter().filter(|query| {
        query.collection == "rocketchat_message" && query.plan.contains("COLLSCAN")
    });
    scans.count()
}

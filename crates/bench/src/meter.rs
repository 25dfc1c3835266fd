//! The cost of work for the database: time, CPU time, examined documents, and sent bytes.

use std::time::Instant;

use anyhow::{Context, Result};
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use serde::Serialize;

use crate::machine::{seconds_between, thread_times};
use crate::median::median;

/// The cost of work.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cost {
    /// From the first query to the last result.
    pub(crate) wall_seconds: f64,
    /// CPU time of all threads of mongod.
    pub(crate) mongod_cpu_seconds: f64,
    pub(crate) documents_examined: f64,
    pub(crate) keys_examined: f64,
    /// Bytes from mongod to its clients.
    pub(crate) bytes: f64,
}

impl Cost {
    /// The median of each number separately.
    pub(crate) fn median(costs: &[Self]) -> Self {
        let of = |number: fn(&Self) -> f64| median(costs.iter().map(number));
        Self {
            wall_seconds: of(|cost| cost.wall_seconds),
            mongod_cpu_seconds: of(|cost| cost.mongod_cpu_seconds),
            documents_examined: of(|cost| cost.documents_examined),
            keys_examined: of(|cost| cost.keys_examined),
            bytes: of(|cost| cost.bytes),
        }
    }
}

/// Measures work on a mongod.
pub(crate) struct Meter {
    admin: Database,
    pid: u32,
}

impl Meter {
    pub(crate) fn new(database: &Database, pid: u32) -> Self {
        Self {
            admin: database.client().database("admin"),
            pid,
        }
    }

    pub(crate) async fn measure<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<(Cost, T)> {
        let before = self.status().await?;
        let threads = thread_times(self.pid);
        let begun = Instant::now();
        let answer = work.await?;
        let wall_seconds = begun.elapsed().as_secs_f64();
        let mongod_cpu_seconds = seconds_between(&threads, &thread_times(self.pid));
        let after = self.status().await?;
        let delta = |path: &[&str]| number(&after, path) - number(&before, path);
        // The reply with the first numbers was sent after they were read.
        let own = mongodb::bson::serialize_to_vec(&before)
            .map(|bytes| bytes.len() as f64)
            .unwrap_or_default();
        let cost = Cost {
            wall_seconds,
            mongod_cpu_seconds,
            documents_examined: delta(&["metrics", "queryExecutor", "scannedObjects"]),
            keys_examined: delta(&["metrics", "queryExecutor", "scanned"]),
            bytes: (delta(&["network", "bytesOut"]) - own).max(0.0),
        };
        Ok((cost, answer))
    }

    /// The CPU time of mongod in seconds during some work.
    pub(crate) async fn processor_during(&self, work: impl Future<Output = ()>) -> f64 {
        let threads = thread_times(self.pid);
        work.await;
        seconds_between(&threads, &thread_times(self.pid))
    }

    async fn status(&self) -> Result<Document> {
        let command = doc! {
            "serverStatus": 1, "wiredTiger": 0, "locks": 0, "repl": 0, "tcmalloc": 0, "opLatencies": 0,
            "transactions": 0, "mirroredReads": 0,
        };
        let status = self.admin.run_command(command).await;
        status.context("serverStatus failed")
    }
}

/// A number somewhere inside a document.
pub(crate) fn number(document: &Document, path: &[&str]) -> f64 {
    let mut value = None;
    let mut within = Some(document);
    for name in path {
        value = within.and_then(|document| document.get(name));
        within = value.and_then(Bson::as_document);
    }
    match value {
        Some(Bson::Int32(number)) => f64::from(*number),
        Some(Bson::Int64(number)) => *number as f64,
        Some(Bson::Double(number)) => *number,
        _ => 0.0,
    }
}

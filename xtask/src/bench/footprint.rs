//! What the exporter needs of its own machine: memory, disk, connections, and time to start.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde::Serialize;

use super::client;
use super::data::Data;
use super::exporter::{self, Exporter, Pace, free_address};
use super::machine::resident_bytes;
use super::median::median;
use super::table::{Table, bytes, say, seconds};
use super::targets::{Limit, Target};

/// How often the exporter is started to see how long that takes.
const STARTS: usize = 15;

/// Scrapes after which the memory is looked at again.
const SCRAPES: usize = 10_000;

/// The flag of an exporter that reads several workspaces.
const CONFIG_FILE: &str = "--config.file";

/// Workspaces that one such exporter is given.
const WORKSPACES: usize = 200;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    binary_bytes: u64,
    start_seconds: f64,
    idle_bytes: u64,
    after_scrapes_bytes: u64,
    after_refreshes_bytes: u64,
    /// With 200 workspaces; `None` when the exporter reads one only.
    workspaces_bytes: Option<u64>,
    connections: u64,
}

pub(super) async fn measure(data: &Data, program: &Path, directory: &Path) -> Result<Report> {
    say("footprint");
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start_to_first_byte(program, data).await?);
    }
    let exporter = Exporter::start(program, data, Pace::Usual, directory).await?;
    let idle_bytes = resident_bytes(exporter.pid());
    client::get_often(exporter.address, "/metrics", SCRAPES).await?;
    let after_scrapes_bytes = resident_bytes(exporter.pid());
    let connections = connections(data).await?;
    for _ in 0..5 {
        exporter.refresh(data).await?;
    }
    Ok(Report {
        binary_bytes: std::fs::metadata(program)?.len(),
        start_seconds: median(starts),
        idle_bytes,
        after_scrapes_bytes,
        after_refreshes_bytes: resident_bytes(exporter.pid()),
        workspaces_bytes: many_workspaces(program)?,
        connections,
    })
}

/// A child that is killed when it is no longer needed; without the guardian's shell, whose start would be measured too.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn start_to_first_byte(program: &Path, data: &Data) -> Result<f64> {
    let address = free_address()?;
    let mut command = exporter::command(program, &data.mongod.uri(), data, address)?;
    command.stderr(Stdio::null());
    let begun = Instant::now();
    let child = command.spawn().context("cannot start the exporter")?;
    let _killed = Killed(child);
    while client::get(address, "/metrics", &[]).await.is_err() {
        ensure!(
            begun.elapsed() < Duration::from_secs(20),
            "the exporter does not serve"
        );
        // Shorter than what is measured; a busy loop would take the processor from the exporter.
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Connections that mongod has from the exporter.
async fn connections(data: &Data) -> Result<u64> {
    let pipeline = vec![
        doc! { "$currentOp": { "allUsers": true, "idleConnections": true } },
        doc! { "$match": { "appName": "rocketchat-exporter" } },
        doc! { "$group": { "_id": "$connectionId" } },
    ];
    let admin = data.database.client().database("admin");
    let found: Vec<Document> = admin.aggregate(pipeline).await?.try_collect().await?;
    Ok(u64::try_from(found.len())?)
}

/// The memory with two hundred workspaces: to be measured as soon as the exporter can be given more than one.
fn many_workspaces(program: &Path) -> Result<Option<u64>> {
    let help = Command::new(program).arg("--help").output()?;
    if String::from_utf8_lossy(&help.stdout).contains(CONFIG_FILE) {
        say(&format!(
            "the exporter knows {CONFIG_FILE}, but the memory of {WORKSPACES} workspaces is not measured yet"
        ));
    }
    Ok(None)
}

impl Report {
    pub(super) fn print(&self) {
        let mut table = Table::new(&["", ""]);
        let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
        row("binary", bytes(self.binary_bytes as f64));
        row("start to first served byte", seconds(self.start_seconds));
        row(
            "resident, everything read once",
            bytes(self.idle_bytes as f64),
        );
        row(
            "resident, after 10,000 scrapes",
            bytes(self.after_scrapes_bytes as f64),
        );
        row(
            "resident, after five refreshes",
            bytes(self.after_refreshes_bytes as f64),
        );
        let workspaces = self.workspaces_bytes.map(|it| bytes(it as f64));
        row(
            "resident, 200 workspaces",
            workspaces.unwrap_or_else(|| "-".to_owned()),
        );
        row("connections to mongod", self.connections.to_string());
        table.print("Footprint");
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
        let most = self
            .idle_bytes
            .max(self.after_scrapes_bytes)
            .max(self.after_refreshes_bytes);
        vec![
            Target::new(
                "resident memory, MiB",
                Some(mebibytes(most)),
                Limit::AtMost(12.0),
            ),
            Target::new(
                "resident memory with 200 workspaces, MiB",
                self.workspaces_bytes.map(mebibytes),
                Limit::Below(50.0),
            ),
            Target::new(
                "start to first served byte, ms",
                Some(self.start_seconds * 1e3),
                Limit::Below(30.0),
            ),
        ]
    }
}

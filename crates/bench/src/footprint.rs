//! The footprint of the exporter: memory, disk, connections, and startup time.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mongodb::bson::DateTime;
use serde::Serialize;

use crate::data::{DATABASE, Data};
use crate::exporter::{self, Exporter, Intervals, Mode, Setup};
use crate::machine::{own_bytes, resident_bytes};
use crate::median::median;
use crate::table::{Table, bytes, say, seconds};
use crate::targets::{Limit, Target};
use testbed::mongod::{Mongod, Options, Storage, exporter_connections};
use testbed::workspace;
use testbed::{http, port};

/// How thoroughly the footprint is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FootprintOptions {
    /// Starts of the exporter that the startup time is the median of
    #[arg(long, value_name = "N", default_value_t = 15)]
    starts: usize,
    /// Scrapes before the memory is measured again
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    scrapes: usize,
    /// Workspaces of the exporter with many of them
    #[arg(long, value_name = "N", default_value_t = 200)]
    workspaces: usize,
}

/// The number of scrapes of all workspaces.
const SCRAPES_OF_MANY: usize = 20;

/// The headers of a scrape by Prometheus.
const AS_PROMETHEUS: &[(&str, &str)] = &[
    (
        "Accept",
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    ),
    ("Accept-Encoding", "gzip"),
];

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    scrapes: usize,
    workspaces: usize,
    binary_bytes: u64,
    start_seconds: f64,
    idle_bytes: u64,
    after_scrapes_bytes: u64,
    after_refreshes_bytes: u64,
    /// The part that is not file-backed.
    own_bytes: u64,
    /// In live mode, which tracks the documents of the workspace.
    live_bytes: u64,
    /// With many workspaces.
    workspaces_bytes: u64,
    connections: usize,
}

pub(crate) async fn measure(
    data: &Data,
    program: &Path,
    directory: &Path,
    options: &FootprintOptions,
) -> Result<Report> {
    say("footprint");
    let mut starts = Vec::new();
    for _ in 0..options.starts {
        starts.push(start_to_first_byte(program, data).await?);
    }
    let reading = Setup::new(Intervals::Default, Mode::Reading);
    let exporter = Exporter::start(reading, program, data, directory).await?;
    let idle_bytes = resident_bytes(exporter.pid());
    http::get_repeatedly(
        exporter.address(),
        "/metrics",
        AS_PROMETHEUS,
        options.scrapes,
    )
    .await?;
    let after_scrapes_bytes = resident_bytes(exporter.pid());
    let connections = exporter_connections(data.database.client()).await?;
    for _ in 0..5 {
        exporter.refresh(data).await?;
    }
    let after_refreshes_bytes = resident_bytes(exporter.pid());
    let own_bytes = own_bytes(exporter.pid());
    drop(exporter);
    let live = Setup::new(Intervals::Default, Mode::Live);
    let live = Exporter::start(live, program, data, directory).await?;
    Ok(Report {
        scrapes: options.scrapes,
        workspaces: options.workspaces,
        binary_bytes: std::fs::metadata(program)?.len(),
        start_seconds: median(starts),
        idle_bytes,
        after_scrapes_bytes,
        after_refreshes_bytes,
        own_bytes,
        live_bytes: resident_bytes(live.pid()),
        workspaces_bytes: many_workspaces(program, directory, options.workspaces).await?,
        connections,
    })
}

/// A child process that is killed when dropped. Not a `ChildProcess`, whose shell would be measured too.
pub(crate) struct KillOnDrop(pub(crate) Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn start_to_first_byte(program: &Path, data: &Data) -> Result<f64> {
    let address = port::random_address();
    let mut command = exporter::command(program, &data.mongod.uri(), data)?;
    command
        .arg(format!("--web.listen-address={address}"))
        .stderr(Stdio::null());
    let begun = Instant::now();
    let child = command.spawn().context("cannot start the exporter")?;
    let _process = KillOnDrop(child);
    while http::get(address, "/metrics", &[]).await.is_err() {
        ensure!(
            begun.elapsed() < Duration::from_secs(20),
            "the exporter does not serve"
        );
        // Shorter than the measured time; a busy loop would compete with the exporter for the CPU.
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The memory with many workspaces, after all collectors have run and all workspaces were scraped. They are one small
/// database on a separate mongod under 200 names, each with its own client and connections.
async fn many_workspaces(program: &Path, directory: &Path, workspaces: usize) -> Result<u64> {
    let mongod = Mongod::start(&Options {
        storage: Storage::Disk,
        ..Options::default()
    })
    .await?;
    let client = mongodb::Client::with_uri_str(mongod.uri()).await?;
    let database = client.database(DATABASE);
    workspace::fill(&database, &workspace::Size::small(), DateTime::now()).await?;
    fs::write(directory.join("uri"), mongod.uri())?;
    let names = (0..workspaces).map(|number| format!("  w{number}: {{}}\n"));
    let text = format!(
        "mongodb: {{uri-file: uri, database: {DATABASE}}}\nworkspaces:\n{}",
        names.collect::<String>()
    );
    let file = directory.join("workspaces.yml");
    fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    let address = port::random_address();
    let mut command = exporter::as_service(program)?;
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn")
        .stderr(Stdio::null());
    let exporter = KillOnDrop(command.spawn().context("cannot start the exporter")?);
    let begun = Instant::now();
    while !all_are_read(address, workspaces).await {
        ensure!(
            begun.elapsed() < Duration::from_mins(10),
            "{workspaces} workspaces are not read within ten minutes"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    http::get_repeatedly(address, "/metrics", AS_PROMETHEUS, SCRAPES_OF_MANY).await?;
    Ok(resident_bytes(exporter.0.id()))
}

/// Whether the slowest collector of each workspace has run.
pub(crate) async fn all_are_read(address: SocketAddr, workspaces: usize) -> bool {
    // One collector only: the exporter caches a full response for the next scrape, which may be measured.
    let path = "/metrics?collect[]=sessions";
    let Ok(response) = http::get(address, path, &[]).await else {
        return false;
    };
    let text = response.text();
    let is_read = |line: &&str| {
        line.starts_with("rocketchat_exporter_collector_success{")
            && line.ends_with("collector=\"sessions\"} 1")
    };
    text.lines().filter(is_read).count() == workspaces
}

impl Report {
    pub(crate) fn print(&self) {
        let mut table = Table::new(&["", ""]);
        let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
        row("binary", bytes(self.binary_bytes as f64));
        row("start to first served byte", seconds(self.start_seconds));
        row(
            "resident, everything read once",
            bytes(self.idle_bytes as f64),
        );
        row(
            &format!("resident, after {} scrapes", self.scrapes),
            bytes(self.after_scrapes_bytes as f64),
        );
        row(
            "resident, after five refreshes",
            bytes(self.after_refreshes_bytes as f64),
        );
        row("of that, its own", bytes(self.own_bytes as f64));
        row(
            "resident, live, once it follows",
            bytes(self.live_bytes as f64),
        );
        row(
            &format!("resident, {} workspaces", self.workspaces),
            bytes(self.workspaces_bytes as f64),
        );
        row("connections to mongod", self.connections.to_string());
        table.print("Footprint");
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
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
                format!("resident memory with {} workspaces, MiB", self.workspaces),
                Some(mebibytes(self.workspaces_bytes)),
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

//! The exporter as a process on the workspace of the benchmark.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::data::{DATABASE, Data};
use testbed::child_process::Output;
use testbed::port;
use testbed::tools::workspace_root;

const FIRST_READING_TIMEOUT: Duration = Duration::from_mins(10);

/// When the exporter reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intervals {
    /// At its default intervals.
    Default,
    /// Once at the start, then only for requests.
    OnRequest,
}

/// Whether live mode is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All collectors run at their intervals.
    Reading,
    /// Change streams are followed where possible.
    Live,
}

/// How to start an exporter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) intervals: Intervals,
    pub(crate) mode: Mode,
    /// The version that `--rocketchat.version` names; `None` for that of the data.
    pub(crate) version: Option<&'static str>,
}

impl Setup {
    pub(crate) fn new(intervals: Intervals, mode: Mode) -> Self {
        Self {
            intervals,
            mode,
            version: None,
        }
    }

    fn arguments(&self) -> Vec<String> {
        let live = match self.mode {
            Mode::Reading => "off",
            Mode::Live => "on",
        };
        // As for node_exporter: 64 connections scrape concurrently, and none may be refused.
        let mut arguments = vec![
            format!("--mongodb.live={live}"),
            "--web.max-requests=0".to_owned(),
        ];
        if let Some(version) = self.version {
            arguments.push(format!("--rocketchat.version={version}"));
        }
        if self.intervals == Intervals::OnRequest {
            let tiers = ["fast", "normal", "slow"];
            arguments.extend(tiers.map(|tier| format!("--collection.{tier}-interval=24h")));
        }
        arguments
    }

    /// The name of its log file.
    fn log(&self) -> String {
        let live = match self.mode {
            Mode::Reading => "",
            Mode::Live => "-live",
        };
        format!("exporter{}{live}.log", self.version.unwrap_or_default())
    }
}

/// A running exporter.
pub(crate) struct Exporter {
    process: testbed::exporter::Exporter,
    mode: Mode,
}

impl Exporter {
    /// Starts an exporter and waits until all collectors have run and, in live mode, changes are followed.
    pub(crate) async fn start(
        setup: Setup,
        program: &Path,
        data: &Data,
        directory: &Path,
    ) -> Result<Self> {
        let mut command = command(program, &data.mongod.uri(), data)?;
        command.args(setup.arguments());
        let log = directory.join(setup.log());
        let output = Output::File(&log);
        let address = port::random_address();
        let mode = setup.mode;
        let mut process = testbed::exporter::Exporter::start(&mut command, address, output)?;
        process
            .wait_until(
                "has read everything",
                FIRST_READING_TIMEOUT,
                async |process| has_begun(process, mode).await.unwrap_or(false),
            )
            .await
            .with_context(|| format!("see `{}`", log.display()))?;
        Ok(Self { process, mode })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Refreshes all statistics through the REST API.
    pub(crate) async fn refresh(&self, data: &Data) -> Result<()> {
        let credentials = [
            ("X-User-Id", data.user_id.as_str()),
            ("X-Auth-Token", data.token.as_str()),
        ];
        let path = "/api/v1/statistics?refresh=true";
        let response = self.process.get(path, &credentials).await?;
        ensure!(
            response.status == 200,
            "the exporter answers a refresh with status {}: {}",
            response.status,
            response.text()
        );
        Ok(())
    }

    /// The values of a metric by its label `collector`.
    pub(crate) async fn by_collector(&self, metric: &str) -> Result<BTreeMap<String, f64>> {
        Ok(by_label(
            &self.process.metrics().await?,
            metric,
            "collector",
        ))
    }

    /// The duration of the newest run of each collector.
    pub(crate) async fn durations(&self) -> Result<BTreeMap<String, f64>> {
        self.by_collector("rocketchat_exporter_collector_duration_seconds")
            .await
    }

    /// Fails if a collector failed, or if live mode had to read everything again, because the measurement would be invalid.
    pub(crate) async fn ensure_healthy(&self) -> Result<()> {
        let success = self
            .by_collector("rocketchat_exporter_collector_success")
            .await?;
        let failed: Vec<&str> = success
            .iter()
            .filter(|(_, value)| **value < 1.0)
            .map(|(collector, _)| collector.as_str())
            .collect();
        ensure!(
            failed.is_empty() && !success.is_empty(),
            "these collectors fail: {}",
            failed.join(", ")
        );
        if self.mode == Mode::Live {
            let metrics = self.process.metrics().await?;
            let once = "rocketchat_exporter_live_full_readings_total 1";
            ensure!(
                is_following(&metrics) && metrics.lines().any(|line| line == once),
                "the exporter did not follow changes all the time"
            );
        }
        Ok(())
    }
}

/// Whether all collectors have run and, in live mode, changes are followed.
async fn has_begun(process: &testbed::exporter::Exporter, mode: Mode) -> Result<bool> {
    let metrics = process.metrics().await?;
    // A tier publishes all its collectors together; these metrics are of the normal and the slow tier.
    let readings = by_label(
        &metrics,
        "rocketchat_exporter_collector_readings_total",
        "collector",
    );
    let has_read = ["sessions", "rooms"]
        .iter()
        .all(|last| readings.contains_key(*last));
    Ok(has_read && (mode == Mode::Reading || is_following(&metrics)))
}

fn is_following(metrics: &str) -> bool {
    let states = by_label(metrics, "rocketchat_exporter_live_state", "state");
    states.get("following") == Some(&1.0)
}

/// The values of a metric by its only label.
fn by_label(metrics: &str, metric: &str, label: &str) -> BTreeMap<String, f64> {
    let start = format!("{metric}{{{label}=\"");
    let series = metrics.lines().filter_map(|line| {
        let (value, number) = line.strip_prefix(&start)?.split_once("\"} ")?;
        Some((value.to_owned(), number.parse().ok()?))
    });
    series.collect()
}

/// The exporter with the settings of the benchmark.
pub(crate) fn command(program: &Path, uri: &str, data: &Data) -> Result<Command> {
    let now = data.now.try_to_rfc3339_string();
    let now = now.context("the time of the data has no text")?;
    let mut command = as_service(program)?;
    command.env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri).args([
        format!("--mongodb.database={DATABASE}"),
        format!("--debug.now={now}"),
        "--mongodb.query-timeout=5m".to_owned(),
        "--rocketchat.timezone=UTC".to_owned(),
        "--log.level=warn".to_owned(),
    ]);
    Ok(command)
}

/// The program with the environment of the systemd unit, which affects its memory usage.
pub(crate) fn as_service(program: &Path) -> Result<Command> {
    let unit = workspace_root().join("systemd/rocketchat-exporter.service");
    let text =
        fs::read_to_string(&unit).with_context(|| format!("cannot read `{}`", unit.display()))?;
    let mut command = Command::new(program);
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
    {
        let (name, value) = line
            .split_once('=')
            .filter(|(name, value)| !format!("{name}{value}").contains([' ', '"', '\'', '%']))
            .with_context(|| {
                format!("`Environment={line}` is no single variable without quotes")
            })?;
        command.env(name, value);
    }
    Ok(command)
}

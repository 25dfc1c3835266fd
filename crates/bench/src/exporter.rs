//! The real exporter, as a process of its own, on the bench's workspace.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use crate::client;
use crate::data::{DATABASE, Data};
use testbed::child_process::{ChildProcess, Output};
use testbed::tools::workspace_root;

const START_LIMIT: Duration = Duration::from_secs(20);
const FIRST_READING_LIMIT: Duration = Duration::from_mins(10);

/// How often it reads by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As it does unless it is told otherwise.
    Usual,
    /// Once at the start, then only when it is asked to.
    OnRequest,
}

/// How it comes to know what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It reads everything at its interval.
    Reading,
    /// It follows changes of what can be followed.
    Live,
}

/// How an exporter is started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) pace: Pace,
    pub(super) mode: Mode,
    /// The version that the workspace passes for; without one, that of its data.
    pub(super) version: Option<&'static str>,
}

impl Setup {
    pub(super) fn new(pace: Pace, mode: Mode) -> Self {
        Self {
            pace,
            mode,
            version: None,
        }
    }

    fn arguments(&self) -> Vec<String> {
        let live = match self.mode {
            Mode::Reading => "off",
            Mode::Live => "on",
        };
        // 64 connections ask at once, and like its peer it refuses none of them.
        let mut arguments = vec![
            format!("--mongodb.live={live}"),
            "--web.max-requests=0".to_owned(),
        ];
        if let Some(version) = self.version {
            arguments.push(format!("--rocketchat.version={version}"));
        }
        if self.pace == Pace::OnRequest {
            let tiers = ["fast", "normal", "slow"];
            arguments.extend(tiers.map(|tier| format!("--collection.{tier}-interval=24h")));
        }
        arguments
    }

    /// The name of its log.
    fn log(&self) -> String {
        let live = match self.mode {
            Mode::Reading => "",
            Mode::Live => "-live",
        };
        format!("exporter{}{live}.log", self.version.unwrap_or_default())
    }
}

/// A running exporter.
pub(super) struct Exporter {
    process: ChildProcess,
    mode: Mode,
    pub(super) address: SocketAddr,
}

impl Exporter {
    /// Starts it and waits until it has read everything once, and follows what it is to follow.
    pub(super) async fn start(
        setup: Setup,
        program: &Path,
        data: &Data,
        directory: &Path,
    ) -> Result<Self> {
        let address = free_address()?;
        let mut command = command(program, &data.mongod.uri(), data, address)?;
        command.args(setup.arguments());
        let log = directory.join(setup.log());
        let mut exporter = Self {
            process: ChildProcess::start(&mut command, None, Output::File(&log))?,
            mode: setup.mode,
            address,
        };
        exporter.wait(&log).await?;
        Ok(exporter)
    }

    async fn wait(&mut self, log: &Path) -> Result<()> {
        let begun = Instant::now();
        while self.readings().await.is_err() {
            if let Some(status) = self.process.exit_status()? {
                bail!("the exporter ended with {status}; see `{}`", log.display());
            }
            ensure!(begun.elapsed() < START_LIMIT, "the exporter does not serve");
            sleep(Duration::from_millis(10)).await;
        }
        while !self.has_begun().await? {
            ensure!(
                begun.elapsed() < FIRST_READING_LIMIT,
                "the exporter has not read everything after {FIRST_READING_LIMIT:?}; see `{}`",
                log.display()
            );
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Whether everything was read once, and what is to be followed is followed.
    async fn has_begun(&self) -> Result<bool> {
        // The collectors are all there from the first reading of each tier's last one on.
        let readings = self.readings().await?;
        let has_read = ["sessions", "rooms"].map(|last| readings.contains_key(last)) == [true; 2];
        Ok(has_read && (self.mode == Mode::Reading || self.follows().await?))
    }

    async fn follows(&self) -> Result<bool> {
        let states = self.by_label("rocketchat_exporter_live_state", "state");
        Ok(states.await?.get("following") == Some(&1.0))
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Has it read everything once more, as a script of an administrator would.
    pub(super) async fn refresh(&self, data: &Data) -> Result<()> {
        let credentials = [
            ("X-User-Id", data.user_id.as_str()),
            ("X-Auth-Token", data.token.as_str()),
        ];
        let path = "/api/v1/statistics?refresh=true";
        let answer = client::get(self.address, path, &credentials).await?;
        ensure!(
            answer.status == 200,
            "the exporter answers a refresh with status {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(())
    }

    /// A metric by its label `collector`.
    pub(super) async fn by_collector(&self, metric: &str) -> Result<BTreeMap<String, f64>> {
        self.by_label(metric, "collector").await
    }

    /// A metric by its only label.
    async fn by_label(&self, metric: &str, label: &str) -> Result<BTreeMap<String, f64>> {
        let text = self.metrics().await?;
        let start = format!("{metric}{{{label}=\"");
        Ok(text
            .lines()
            .filter_map(|line| {
                let (value, number) = line.strip_prefix(&start)?.split_once("\"} ")?;
                Some((value.to_owned(), number.parse().ok()?))
            })
            .collect())
    }

    async fn metrics(&self) -> Result<String> {
        let answer = client::get(self.address, "/metrics", &[]).await?;
        ensure!(answer.status == 200, "/metrics answers {}", answer.status);
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// How long the newest reading of each collector took.
    pub(super) async fn durations(&self) -> Result<BTreeMap<String, f64>> {
        self.by_collector("rocketchat_exporter_collector_duration_seconds")
            .await
    }

    async fn readings(&self) -> Result<BTreeMap<String, f64>> {
        self.by_collector("rocketchat_exporter_collector_readings_total")
            .await
    }

    /// That no collector's newest reading failed, and that what is followed was read as a whole once only, before anything
    /// was measured: a bench of something else measures nothing.
    pub(super) async fn ensure_healthy(&self) -> Result<()> {
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
            let metrics = self.metrics().await?;
            let once = "rocketchat_exporter_live_full_readings_total 1";
            ensure!(
                self.follows().await? && metrics.lines().any(|line| line == once),
                "the exporter did not follow changes all the time"
            );
        }
        Ok(())
    }
}

/// The exporter with the bench's settings, and none of this shell's.
pub(super) fn command(
    program: &Path,
    uri: &str,
    data: &Data,
    address: SocketAddr,
) -> Result<Command> {
    let now = data.now.try_to_rfc3339_string();
    let now = now.context("the time of the data has no text")?;
    let mut command = as_service(program)?;
    command.env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri).args([
        format!("--mongodb.database={DATABASE}"),
        format!("--web.listen-address={address}"),
        format!("--debug.now={now}"),
        "--mongodb.query-timeout=5m".to_owned(),
        "--rocketchat.timezone=UTC".to_owned(),
        "--log.level=warn".to_owned(),
    ]);
    Ok(command)
}

/// The program with the variables that the service's unit sets, because they change what it takes.
pub(super) fn as_service(program: &Path) -> Result<Command> {
    let unit = workspace_root().join("systemd/rocketchat-exporter.service");
    let text =
        fs::read_to_string(&unit).with_context(|| format!("cannot read `{}`", unit.display()))?;
    let mut command = Command::new(program);
    for line in text
        .lines()
        .filter_map(|it| it.strip_prefix("Environment="))
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

/// An address that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen at all")?;
    listener.local_addr().context("cannot learn the port")
}

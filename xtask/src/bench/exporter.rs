//! The real exporter, as a process of its own, on the bench's workspace.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use super::client;
use super::data::{DATABASE, Data};
use crate::guardian::{Guarded, Output};

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

/// A running exporter.
pub(super) struct Exporter {
    process: Guarded,
    pub(super) address: SocketAddr,
}

impl Exporter {
    /// Starts it and waits until it has read everything once.
    pub(super) async fn start(
        program: &Path,
        data: &Data,
        pace: Pace,
        directory: &Path,
    ) -> Result<Self> {
        Self::start_for(None, program, data, pace, directory).await
    }

    /// The same for a workspace of another version than its data are of.
    pub(super) async fn start_for(
        version: Option<&str>,
        program: &Path,
        data: &Data,
        pace: Pace,
        directory: &Path,
    ) -> Result<Self> {
        let address = free_address()?;
        let mut command = command(program, &data.mongod.uri(), data, address)?;
        if let Some(version) = version {
            command.arg(format!("--rocketchat.version={version}"));
        }
        if pace == Pace::OnRequest {
            for tier in ["fast", "normal", "slow"] {
                command.arg(format!("--collection.{tier}-interval=24h"));
            }
        }
        let log = directory.join(format!("exporter{}.log", version.unwrap_or_default()));
        let mut exporter = Self {
            process: Guarded::start(&mut command, None, Output::File(&log))?,
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
        // The collectors are all there from the first reading of each tier's last one on.
        while !self.readings().await?.contains_key("sessions")
            || !self.readings().await?.contains_key("rooms")
        {
            ensure!(
                begun.elapsed() < FIRST_READING_LIMIT,
                "the exporter has not read everything after {FIRST_READING_LIMIT:?}"
            );
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
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
        let answer = client::get(self.address, "/metrics", &[]).await?;
        ensure!(answer.status == 200, "/metrics answers {}", answer.status);
        let text = String::from_utf8_lossy(&answer.body);
        let start = format!("{metric}{{collector=\"");
        Ok(text
            .lines()
            .filter_map(|line| {
                let (collector, value) = line.strip_prefix(&start)?.split_once("\"} ")?;
                Some((collector.to_owned(), value.parse().ok()?))
            })
            .collect())
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

    /// Collectors whose newest reading failed: a bench of something that fails measures nothing.
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
    let mut command = Command::new(program);
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

/// An address that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen at all")?;
    listener.local_addr().context("cannot learn the port")
}

//! The exporter as a process.

use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use crate::child_process::{ChildProcess, Output};
use crate::http::{self, Response};

const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// A running exporter. Dropping it kills the process.
#[derive(Debug)]
pub struct Exporter {
    process: ChildProcess,
    address: SocketAddr,
}

impl Exporter {
    /// Starts a prepared command, with the listen address added.
    pub fn start(command: &mut Command, address: SocketAddr, output: Output) -> Result<Self> {
        command.arg(format!("--web.listen-address={address}"));
        Ok(Self {
            process: ChildProcess::start(command, None, output)?,
            address,
        })
    }

    /// The listen address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends `GET path`.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        http::get(self.address, path, headers).await
    }

    /// The metrics in Prometheus' text format.
    pub async fn metrics(&self) -> Result<String> {
        let response = self.get("/metrics", &[]).await?;
        ensure!(
            response.status == 200,
            "/metrics answers {}",
            response.status
        );
        Ok(response.text())
    }

    /// Waits until a condition holds; fails if the exporter exits first or the timeout expires.
    pub async fn wait_until(
        &mut self,
        condition: &str,
        timeout: Duration,
        mut holds: impl AsyncFnMut(&Self) -> bool,
    ) -> Result<()> {
        let begun = Instant::now();
        while !holds(self).await {
            if let Some(status) = self.exit_status()? {
                bail!("the exporter ended with {status} before it {condition}");
            }
            ensure!(
                begun.elapsed() < timeout,
                "the exporter {condition} not within {timeout:?}"
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until `/-/ready` responds with 200.
    pub async fn wait_until_ready(&mut self, timeout: Duration) -> Result<()> {
        let is_ready = async |exporter: &Self| {
            let response = exporter.get("/-/ready", &[]).await;
            response.is_ok_and(|response| response.status == 200)
        };
        self.wait_until("is ready", timeout, is_ready).await
    }

    /// The exit status, if the exporter has exited.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.process.exit_status()
    }

    /// Waits until the exporter exits.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            sleep(POLL).await;
        }
    }

    /// Stops the exporter by SIGTERM, as systemd does; fails unless it exits with status 0.
    pub async fn stop(mut self) -> Result<()> {
        if self.exit_status()?.is_some() {
            return Ok(());
        }
        self.process.signal("TERM")?;
        let Ok(status) = tokio::time::timeout(STOP_TIMEOUT, self.wait()).await else {
            bail!("the exporter did not stop within {STOP_TIMEOUT:?} and was killed");
        };
        let status = status?;
        ensure!(
            status.success(),
            "the exporter did not stop cleanly: {status}"
        );
        Ok(())
    }
}

//! The exporter as the demo runs it: built, started, asked whether it is ready, and stopped the way systemd would.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::child_process::{ChildProcess, Output};

const READY_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// The address itself, or one with a free port if it asks for port 0.
pub fn free_address(wanted: SocketAddr) -> Result<SocketAddr> {
    match TcpListener::bind(wanted) {
        Ok(listener) => listener.local_addr().context("cannot learn the port"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("`{wanted}` is in use; name another address with `--listen 127.0.0.1:9460`")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on `{wanted}`")),
    }
}

/// The running exporter.
pub struct Exporter {
    process: ChildProcess,
    address: SocketAddr,
}

impl Exporter {
    /// Starts `program` on a database.
    pub fn start(program: &Path, uri: &str, database: &str, address: SocketAddr) -> Result<Self> {
        let mut command = Command::new(program);
        // A URI may hold a password, which does not belong where every user of the machine can see it.
        command.env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri);
        command.arg(format!("--mongodb.database={database}"));
        command.arg(format!("--web.listen-address={address}"));
        command.arg("--log.format=logfmt");
        Ok(Self {
            process: ChildProcess::start(&mut command, None, Output::Terminal)?,
            address,
        })
    }

    /// Waits until it has something to show.
    pub async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            if let Some(status) = self.process.exit_status()? {
                return Err(died(status));
            }
            if self.answers_ready().await.unwrap_or(false) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the exporter is not ready after {READY_LIMIT:?}"
            );
            sleep(POLL).await;
        }
    }

    async fn answers_ready(&self) -> io::Result<bool> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream
                .write_all(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            Ok(answer.starts_with(b"HTTP/1.1 200 "))
        };
        timeout(Duration::from_secs(2), exchange).await?
    }

    /// Waits for it to end by itself, which it should not.
    pub async fn ended(&mut self) -> Result<()> {
        loop {
            if let Some(status) = self.process.exit_status()? {
                return Err(died(status));
            }
            sleep(POLL).await;
        }
    }

    /// Asks it to stop, and insists on a clean end.
    pub async fn stop(mut self) -> Result<()> {
        if self.process.exit_status()?.is_some() {
            return Ok(());
        }
        self.process.signal("TERM")?;
        let deadline = Instant::now() + STOP_LIMIT;
        loop {
            if let Some(status) = self.process.exit_status()? {
                ensure!(
                    status.success(),
                    "the exporter did not stop cleanly: {status}"
                );
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the exporter did not stop within {STOP_LIMIT:?} and was killed"
            );
            sleep(POLL).await;
        }
    }
}

fn died(status: ExitStatus) -> anyhow::Error {
    anyhow::anyhow!("the exporter ended by itself with {status}; its last words are above")
}

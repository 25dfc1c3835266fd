//! A Prometheus that scrapes the exporter, with the shipped rules.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use testbed::child_process::{ChildProcess, Output};
use testbed::tools::{PROMETHEUS_2, command::last_lines, progress, workspace_root};
use testbed::{http, port};
use tokio::time::sleep;

const START_TIMEOUT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

/// The port of an ordinary Prometheus, which is used if it is free.
const USUAL_PORT: u16 = 9090;

/// The page of alerts. Debian 12's package has the old pages, and later ones have none. Pages with charts need scripts of
/// other packages.
const ALERTS: &str = "/classic/alerts";

/// A running Prometheus. Dropping it ends the process and removes its data.
pub(super) struct Prometheus {
    _process: ChildProcess,
    address: SocketAddr,
}

impl Prometheus {
    /// Installs Prometheus if it is missing, and starts it.
    pub(super) async fn start(exporter: SocketAddr) -> Result<Self> {
        let program = tokio::task::spawn_blocking(|| PROMETHEUS_2.fetch()).await??;
        let address = address();
        let directory = std::env::temp_dir().join(format!(
            "rocketchat-exporter-demo-prometheus-{}",
            std::process::id()
        ));
        fs::create_dir(&directory)
            .with_context(|| format!("cannot create `{}`", directory.display()))?;
        let configuration = directory.join("prometheus.yml");
        let log = directory.join("log");
        let mut command = program.command();
        command
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        // Debian's package is unpacked, not installed, and looks for its pages below `/usr`.
        let usr = program.path().ancestors().nth(2);
        if let Some(pages) = usr.map(|usr| usr.join("share/prometheus/web"))
            && pages.exists()
        {
            command.arg(format!("--web.local-assets={}", pages.display()));
        }
        // The process removes the directory when it ends.
        let process = fs::write(&configuration, configuration_for(exporter))
            .map_err(Into::into)
            .and_then(|()| ChildProcess::start(&mut command, Some(&directory), Output::File(&log)));
        let process = match process {
            Ok(process) => process,
            Err(error) => {
                fs::remove_dir_all(&directory)?;
                return Err(error);
            }
        };
        wait_until_ready(process, address, &log).await
    }

    /// Prints what to open.
    pub(super) async fn introduce(&self) {
        let address = self.address;
        progress::line(&format!(
            "demo: Prometheus scrapes the exporter, with the rules of deploy/prometheus/rules, at http://{address}"
        ));
        if is_ok(address, ALERTS).await {
            progress::line(&format!("\nopen  http://{address}{ALERTS}"));
        }
        progress::line(&format!(
            "
curl -s http://{address}/api/v1/alerts
curl -s 'http://{address}/api/v1/query?query=rocketchat_users'
"
        ));
    }
}

/// The usual port, or another one.
fn address() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT));
    TcpListener::bind(usual).map_or_else(|_| port::random_address(), |_| usual)
}

fn configuration_for(exporter: SocketAddr) -> String {
    let rules = workspace_root().join("deploy/prometheus/rules/*.yml");
    format!(
        "global:
  evaluation_interval: 5s
rule_files:
  - {}
scrape_configs:
  - job_name: rocketchat-exporter
    scrape_interval: 5s
    static_configs:
      - targets: [\"{exporter}\"]
",
        rules.display()
    )
}

async fn wait_until_ready(
    mut process: ChildProcess,
    address: SocketAddr,
    log: &Path,
) -> Result<Prometheus> {
    let begun = Instant::now();
    while !is_ok(address, "/-/ready").await {
        if let Some(status) = process.exit_status()? {
            bail!("Prometheus ended with {status}");
        }
        ensure!(
            begun.elapsed() < START_TIMEOUT,
            "Prometheus is not ready after {START_TIMEOUT:?}: {}",
            last_lines(&fs::read_to_string(log).unwrap_or_default())
        );
        sleep(POLL).await;
    }
    Ok(Prometheus {
        _process: process,
        address,
    })
}

async fn is_ok(address: SocketAddr, path: &str) -> bool {
    let response = http::get(address, path, &[]).await;
    response.is_ok_and(|response| response.status == 200)
}

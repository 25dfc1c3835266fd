//! `/metrics` under load: the exporter, the baseline server with the same bytes, and node_exporter, in turns; then the
//! exporter during refreshes, and while mongod hangs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::time::sleep;

use crate::baseline_server;
use crate::data::Data;
use crate::exporter::{Exporter, Intervals, Mode, Setup};
use crate::load::{self, Load};
use crate::median::median_ratio;
use crate::table::{Table, say, seconds};
use crate::targets::{Limit, Target};
use testbed::child_process::{ChildProcess, Output};
use testbed::tools::{self, Program};
use testbed::{http, port};

/// The header of Prometheus.
const ACCEPT: (&str, &str) = (
    "Accept",
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
);
const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

const CONNECTIONS: [usize; 2] = [1, 64];

const EXPORTER: &str = "exporter";
const EXPORTER_GZIP: &str = "exporter, gzip";
const BASELINE: &str = "baseline hyper";
const BASELINE_GZIP: &str = "baseline hyper, gzip";
const NODE: &str = "node_exporter";
const REFRESHING: &str = "exporter, refreshing";
const HANGING: &str = "exporter, mongod hangs";

/// All runs of wrk.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seconds: u64,
    body_bytes: BTreeMap<&'static str, usize>,
    runs: Vec<Runs>,
}

#[derive(Debug, Serialize)]
struct Runs {
    server: &'static str,
    connections: usize,
    median: Load,
    rounds: Vec<Load>,
}

struct Server {
    name: &'static str,
    address: SocketAddr,
    pid: u32,
    headers: Vec<(&'static str, &'static str)>,
    /// The process, unless it is the exporter's.
    _process: Option<ChildProcess>,
}

pub(crate) async fn measure(
    data: &Data,
    program: &Path,
    directory: &Path,
    rounds: usize,
    seconds: u64,
) -> Result<Report> {
    let wrk = tools::WRK.fetch()?;
    let node_exporter = tools::NODE_EXPORTER.fetch()?;
    let setup = Setup::new(Intervals::OnRequest, Mode::Reading);
    let exporter = Exporter::start(setup, program, data, directory).await?;
    let servers = servers(&exporter, &node_exporter, directory).await?;
    let mut body_bytes = BTreeMap::new();
    for server in &servers {
        let answer = http::get(server.address, "/metrics", &server.headers).await?;
        ensure!(
            answer.status == 200,
            "{} answers {}",
            server.name,
            answer.status
        );
        body_bytes.insert(server.name, answer.body.len());
    }
    let duration = Duration::from_secs(seconds);
    let mut all: BTreeMap<(usize, &'static str), Vec<Load>> = BTreeMap::new();
    for round in 1..=rounds {
        say(&format!("scrape, round {round} of {rounds}"));
        for connections in CONNECTIONS {
            for turn in 0..servers.len() {
                let server = &servers[(round + turn) % servers.len()];
                let load = run_load(&wrk, server, connections, duration).await?;
                all.entry((connections, server.name))
                    .or_default()
                    .push(load);
            }
        }
    }
    let ours = &servers[0];
    say("scrape, while everything is read");
    for connections in CONNECTIONS {
        let load =
            while_refreshing(&exporter, data, run_load(&wrk, ours, connections, duration)).await?;
        all.entry((connections, REFRESHING)).or_default().push(load);
    }
    say("scrape, while mongod hangs");
    data.mongod.pause()?;
    let mut outcome = Ok(());
    for connections in CONNECTIONS {
        match run_load(&wrk, ours, connections, duration).await {
            Ok(load) => all.entry((connections, HANGING)).or_default().push(load),
            Err(error) => outcome = Err(error),
        }
    }
    data.mongod.resume()?;
    outcome?;
    Ok(Report {
        seconds,
        body_bytes,
        runs: all
            .into_iter()
            .map(|((connections, server), rounds)| Runs {
                server,
                connections,
                median: Load::median(&rounds),
                rounds,
            })
            .collect(),
    })
}

async fn servers(
    exporter: &Exporter,
    node_exporter: &Program,
    directory: &Path,
) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for (name, baseline_name, headers) in [
        (EXPORTER, BASELINE, vec![ACCEPT]),
        (EXPORTER_GZIP, BASELINE_GZIP, vec![ACCEPT, GZIP]),
    ] {
        let answer = http::get(exporter.address(), "/metrics", &headers).await?;
        let address = port::random_address();
        let body = directory.join(format!("metrics-{}", servers.len()));
        let process = baseline_server::start(&answer, address, &body)?;
        servers.push(Server {
            name,
            address: exporter.address(),
            pid: exporter.pid(),
            headers: headers.clone(),
            _process: None,
        });
        servers.push(Server {
            name: baseline_name,
            address,
            pid: process.pid(),
            headers,
            _process: Some(process),
        });
    }
    let address = port::random_address();
    let mut command = node_exporter.command();
    // Without its own limit, which would refuse most of 64 connections.
    command.arg("--web.max-requests=0").arg("--log.level=error");
    command.arg(format!("--web.listen-address={address}"));
    let log = directory.join("node_exporter.log");
    let process = ChildProcess::start(&mut command, None, Output::File(&log))?;
    servers.push(Server {
        name: NODE,
        address,
        pid: process.pid(),
        headers: vec![ACCEPT],
        _process: Some(process),
    });
    for server in &servers {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
        {
            let waited = begun.elapsed() < Duration::from_secs(10);
            ensure!(waited, "{} does not serve", server.name);
            sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(servers)
}

async fn run_load(
    wrk: &Program,
    server: &Server,
    connections: usize,
    duration: Duration,
) -> Result<Load> {
    load::run(
        wrk,
        server.address,
        server.pid,
        &server.headers,
        connections,
        duration,
    )
    .await
    .with_context(|| format!("{} under {connections} connections", server.name))
}

/// Refreshes repeatedly during a measurement.
async fn while_refreshing(
    exporter: &Exporter,
    data: &Data,
    measurement: impl Future<Output = Result<Load>>,
) -> Result<Load> {
    let done = Arc::new(AtomicBool::new(false));
    let refreshing = async {
        while !done.load(Ordering::Relaxed) {
            exporter.refresh(data).await?;
        }
        anyhow::Ok(())
    };
    let measuring = async {
        let load = measurement.await;
        done.store(true, Ordering::Relaxed);
        load
    };
    let (load, refreshed) = tokio::join!(measuring, refreshing);
    refreshed?;
    load
}

impl Report {
    fn rounds(&self, server: &str, connections: usize) -> impl Iterator<Item = &Load> {
        let matches = move |runs: &&Runs| runs.server == server && runs.connections == connections;
        let runs = self.runs.iter().find(matches);
        runs.into_iter().flat_map(|runs| runs.rounds.iter())
    }

    fn ratio(&self, of: &str, to: &str, connections: usize) -> Option<f64> {
        let rate = |load: &Load| load.requests_per_second;
        let of = self.rounds(of, connections).map(rate);
        median_ratio(of.zip(self.rounds(to, connections).map(rate)))
    }

    pub(crate) fn print(&self) {
        let mut table = Table::new(&[
            "",
            "connections",
            "requests/s",
            "p50",
            "p99",
            "CPU/request",
            "bytes",
        ]);
        for runs in &self.runs {
            let load = runs.median;
            let size = self.body_bytes.get(runs.server);
            table.row(vec![
                runs.server.to_owned(),
                runs.connections.to_string(),
                format!("{:.0}", load.requests_per_second),
                seconds(load.p50_seconds),
                seconds(load.p99_seconds),
                seconds(load.cpu_seconds_per_request),
                size.map(ToString::to_string).unwrap_or_default(),
            ]);
        }
        table.print(&format!(
            "Scrapes of /metrics by wrk, {} s each; medians",
            self.seconds
        ));
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let half = Limit::AtLeast(0.9);
        vec![
            Target::new(
                "/metrics against baseline hyper, 1 connection",
                self.ratio(EXPORTER, BASELINE, 1),
                half,
            ),
            Target::new(
                "/metrics against baseline hyper, 64 connections",
                self.ratio(EXPORTER, BASELINE, 64),
                half,
            ),
            Target::new(
                "/metrics, gzip, against baseline hyper, 1 connection",
                self.ratio(EXPORTER_GZIP, BASELINE_GZIP, 1),
                half,
            ),
            Target::new(
                "/metrics, gzip, against baseline hyper, 64 connections",
                self.ratio(EXPORTER_GZIP, BASELINE_GZIP, 64),
                half,
            ),
            Target::new(
                "/metrics against node_exporter, 1 connection",
                self.ratio(EXPORTER, NODE, 1),
                Limit::AtLeast(100.0),
            ),
            Target::new(
                "/metrics against node_exporter, 64 connections",
                self.ratio(EXPORTER, NODE, 64),
                Limit::AtLeast(100.0),
            ),
        ]
    }
}

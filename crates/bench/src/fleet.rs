//! One exporter with many workspaces: memory, connections, the time of `/metrics` and `/probe`, and of the first readings.
//!
//! Each workspace is a database of its own, in turns on one of two replica sets of one member, whose data are in memory. The
//! databases are copies of a small one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{DateTime, RawDocumentBuf, doc};
use mongodb::{Client, Database};
use serde::Serialize;
use tokio::time::sleep;

use crate::exporter;
use crate::footprint::{KillOnDrop, all_are_read};
use crate::machine::{own_bytes, resident_bytes, seconds_between, thread_times};
use crate::median::median;
use crate::table::{Table, bytes, say, seconds};
use crate::targets::{Limit, Target};
use testbed::mongod::{Mongod, Options, exporter_connections};
use testbed::workspace;
use testbed::{http, port};

/// The sizes of the fleet.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FleetOptions {
    /// Workspaces of one exporter, one size after the other
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        default_value = "1,50,200,1000"
    )]
    fleet: Vec<usize>,
    /// Seconds for which the idle exporter is watched, and for which one of the two mongods is stopped at least
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    fleet_seconds: u64,
}

const MONGODS: usize = 2;

/// The collections of each database: those with the most series. A mongod has two files for each, and many machines allow it no
/// more than 20,000.
const COLLECTIONS: [&str; 16] = [
    "instances",
    "migrations",
    "rocketchat_apps",
    "rocketchat_cron",
    "rocketchat_integrations",
    "rocketchat_livechat_department",
    "rocketchat_message",
    "rocketchat_permissions",
    "rocketchat_room",
    "rocketchat_sessions",
    "rocketchat_settings",
    "rocketchat_statistics",
    "rocketchat_subscription",
    "rocketchat_uploads",
    "users",
    "usersSessions",
];

/// Databases that are copied at once.
const COPIES: usize = 4;

/// Scrapes of each kind. A body is cached for a second, so they are further apart.
const SCRAPES: usize = 5;
const BETWEEN_SCRAPES: Duration = Duration::from_millis(1100);

/// Compressed scrapes before the memory is measured.
const SCRAPES_BEFORE: usize = 20;

const PROBES: usize = 200;

const FIRST_READING_TIMEOUT: Duration = Duration::from_mins(15);

/// Until when the workspaces of a stopped mongod have to be reported.
const REPORT_TIMEOUT: Duration = Duration::from_mins(5);

const OPENMETRICS: (&str, &str) = (
    "Accept",
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
);
const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

/// What one size of the fleet takes.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    workspaces: usize,
    /// From the start until every collector of every workspace was read once.
    first_reading_seconds: f64,
    resident_bytes: u64,
    /// The part that is not file-backed.
    own_bytes: u64,
    /// To both mongods.
    connections: usize,
    plain: Scrape,
    gzip: Scrape,
    probe: Probe,
    /// The exporter's share of a core, without scrapes.
    exporter_percent: f64,
    /// The share of both mongods together.
    mongod_percent: f64,
    /// While one mongod is stopped; `None` if all workspaces are on the other one.
    stopped: Option<Stopped>,
}

/// Requests to `/probe`, each for another workspace.
#[derive(Clone, Copy, Debug, Serialize)]
struct Probe {
    wall_seconds: f64,
    /// Of the exporter's process for each request, with whatever it reads meanwhile.
    cpu_seconds: f64,
}

/// The workspaces on the other mongod, while one is stopped.
#[derive(Clone, Copy, Debug, Serialize)]
struct Stopped {
    /// Until all workspaces on the stopped one are reported as down.
    reported_seconds: f64,
    /// How many of the others were reported as down at any time.
    falsely_down: usize,
    /// The greatest age of a number of the others, by their fast tier.
    oldest_seconds: f64,
    plain: Scrape,
    probe: Probe,
    resident_bytes: u64,
}

/// Scrapes of all workspaces.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Scrape {
    /// The size of the exposition before compression.
    bytes: usize,
    sent_bytes: usize,
    wall_seconds: f64,
    /// Of the exporter's process, while the scrape ran.
    cpu_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    sizes: Vec<Measured>,
}

/// Running mongods with the databases of the fleet.
struct Fleet {
    mongods: Vec<Mongod>,
    clients: Vec<Client>,
}

pub(crate) async fn measure(
    program: &Path,
    directory: &Path,
    options: &FleetOptions,
) -> Result<Report> {
    let most = options.fleet.iter().copied().max().unwrap_or_default();
    ensure!(most > 0, "--fleet names no size");
    let fleet = Fleet::start(most).await?;
    let lasts = Duration::from_secs(options.fleet_seconds);
    let mut sizes = Vec::new();
    for workspaces in &options.fleet {
        say(&format!("fleet of {workspaces}"));
        let measured = fleet.measure(program, directory, *workspaces, lasts);
        sizes.push(measured.await?);
    }
    Ok(Report { sizes })
}

fn name(workspace: usize) -> String {
    format!("workspace{workspace:04}")
}

impl Fleet {
    /// Starts the mongods and makes the databases.
    async fn start(workspaces: usize) -> Result<Self> {
        let mut mongods = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..MONGODS {
            let mongod = start().await?;
            clients.push(Client::with_uri_str(mongod.uri()).await?);
            mongods.push(mongod);
        }
        let this = Self { mongods, clients };
        say(&format!("making {workspaces} databases"));
        let pattern = this.clients[0].database("pattern");
        workspace::fill(&pattern, &workspace::Size::small(), DateTime::now()).await?;
        let pattern = Pattern::of(&pattern).await?;
        let copies = (0..workspaces).map(|number| {
            let (database, pattern) = (this.database(number), &pattern);
            async move { pattern.copy(&database).await }
        });
        let mut copies = stream::iter(copies).buffer_unordered(COPIES);
        while copies.try_next().await?.is_some() {}
        drop(copies);
        Ok(this)
    }

    fn database(&self, workspace: usize) -> Database {
        self.clients[workspace % MONGODS].database(&name(workspace))
    }

    async fn measure(
        &self,
        program: &Path,
        directory: &Path,
        workspaces: usize,
        lasts: Duration,
    ) -> Result<Measured> {
        let file = self.configure(directory, workspaces)?;
        let address = port::random_address();
        let mut command = exporter::as_service(program)?;
        let log = fs::File::create(directory.join("fleet.log"))?;
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stderr(Stdio::from(log));
        let begun = Instant::now();
        let process = KillOnDrop(command.spawn().context("cannot start the exporter")?);
        let pid = process.0.id();
        while !all_are_read(address, workspaces).await {
            ensure!(
                begun.elapsed() < FIRST_READING_TIMEOUT,
                "{workspaces} workspaces are not read within {FIRST_READING_TIMEOUT:?}"
            );
            sleep(Duration::from_millis(500)).await;
        }
        let first_reading_seconds = begun.elapsed().as_secs_f64();
        let headers = [OPENMETRICS, GZIP];
        http::get_repeatedly(address, "/metrics", &headers, SCRAPES_BEFORE).await?;
        let plain = scrape(address, pid, &[OPENMETRICS]).await?;
        let gzip = Scrape {
            bytes: plain.bytes,
            ..scrape(address, pid, &headers).await?
        };
        let probe = probe(
            address,
            pid,
            (0..PROBES).map(|number| number * 7 % workspaces),
        )
        .await?;
        let mut connections = 0;
        for client in &self.clients {
            connections += exporter_connections(client).await?;
        }
        let pids = || self.mongods.iter().filter_map(Mongod::pid);
        let before: Vec<_> = pids().chain([pid]).map(thread_times).collect();
        sleep(lasts).await;
        let used: Vec<_> = pids()
            .chain([pid])
            .zip(&before)
            .map(|(pid, before)| seconds_between(before, &thread_times(pid)))
            .collect();
        let percent = |used: f64| used / lasts.as_secs_f64() * 100.0;
        let (resident_bytes, own_bytes) = (resident_bytes(pid), own_bytes(pid));
        let stopped = if workspaces >= MONGODS {
            Some(self.stop_one(address, pid, workspaces, lasts).await?)
        } else {
            None
        };
        Ok(Measured {
            workspaces,
            first_reading_seconds,
            resident_bytes,
            own_bytes,
            connections,
            plain,
            gzip,
            probe,
            exporter_percent: percent(used[MONGODS]),
            mongod_percent: percent(used[..MONGODS].iter().sum()),
            stopped,
        })
    }

    /// Stops the last mongod for a while.
    async fn stop_one(
        &self,
        address: SocketAddr,
        pid: u32,
        workspaces: usize,
        lasts: Duration,
    ) -> Result<Stopped> {
        let is_stopped = |workspace: &usize| workspace % MONGODS == MONGODS - 1;
        let stopped: BTreeSet<_> = (0..workspaces).filter(is_stopped).map(name).collect();
        self.mongods[MONGODS - 1].pause()?;
        let begun = Instant::now();
        let mut falsely_down = BTreeSet::new();
        let mut reported_seconds = None;
        while reported_seconds.is_none() || begun.elapsed() < lasts {
            ensure!(
                begun.elapsed() < REPORT_TIMEOUT,
                "not all workspaces of a stopped mongod are reported within {REPORT_TIMEOUT:?}"
            );
            sleep(BETWEEN_SCRAPES).await;
            let metrics = http::get(address, "/metrics", &[OPENMETRICS]).await?.text();
            let up = values(&metrics, "rocketchat_up{workspace=\"");
            let down = up
                .filter(|(_, value)| *value < 1.0)
                .map(|(name, _)| name.to_owned());
            let down: BTreeSet<_> = down.collect();
            falsely_down.extend(down.difference(&stopped).cloned());
            if down.is_superset(&stopped) {
                reported_seconds.get_or_insert(begun.elapsed().as_secs_f64());
            }
        }
        let metrics = http::get(address, "/metrics", &[OPENMETRICS]).await?.text();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let dates = values(
            &metrics,
            "rocketchat_exporter_data_timestamp_seconds{workspace=\"",
        );
        let of_presence = dates.filter(|(labels, _)| {
            labels.ends_with("collector=\"presence")
                && !stopped.iter().any(|name| labels.starts_with(name))
        });
        let oldest = of_presence.map(|(_, date)| date).fold(now, f64::min);
        let healthy = (0..workspaces).filter(|workspace| !is_stopped(workspace));
        let measured = Stopped {
            reported_seconds: reported_seconds.unwrap_or_default(),
            falsely_down: falsely_down.len(),
            oldest_seconds: now - oldest,
            plain: scrape(address, pid, &[OPENMETRICS]).await?,
            probe: probe(address, pid, healthy.cycle().take(PROBES)).await?,
            resident_bytes: resident_bytes(pid),
        };
        self.mongods[MONGODS - 1].resume()?;
        Ok(measured)
    }

    /// Writes the configuration of an exporter.
    fn configure(&self, directory: &Path, workspaces: usize) -> Result<PathBuf> {
        let mut text = "workspaces:\n".to_owned();
        for number in 0..workspaces {
            let uri = self.mongods[number % MONGODS].uri();
            let name = name(number);
            writeln!(
                text,
                "  {name}: {{mongodb: {{uri: '{uri}', database: {name}}}}}"
            )?;
        }
        let file = directory.join("fleet.yml");
        fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
        Ok(file)
    }
}

async fn start() -> Result<Mongod> {
    let parameters = [
        ("ttlMonitorEnabled", "false"),
        ("diagnosticDataCollectionEnabled", "false"),
        ("shutdownTimeoutMillisForSignaledShutdown", "0"),
    ];
    let options = Options {
        replica_set: true,
        cache_megabytes: Some(1024),
        parameters: parameters
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Options::default()
    };
    Mongod::start(&options).await
}

/// The documents of a database. Their indexes are left out: they would take most of an hour and many files, and the collections
/// are small enough to be scanned.
struct Pattern(Vec<(String, Vec<RawDocumentBuf>)>);

impl Pattern {
    async fn of(database: &Database) -> Result<Self> {
        let mut collections = Vec::new();
        for name in database.list_collection_names().await? {
            let collection = database.collection::<RawDocumentBuf>(&name);
            let documents: Vec<_> = collection.find(doc! {}).await?.try_collect().await?;
            if COLLECTIONS.contains(&&*name) && !documents.is_empty() {
                collections.push((name, documents));
            }
        }
        Ok(Self(collections))
    }

    async fn copy(&self, to: &Database) -> Result<()> {
        for (name, documents) in &self.0 {
            let collection = to.collection::<RawDocumentBuf>(name);
            collection.insert_many(documents).await?;
        }
        Ok(())
    }
}

/// The series that begin so: what is left of their labels, and their values.
fn values<'a>(metrics: &'a str, start: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    let series = metrics
        .lines()
        .filter_map(move |line| line.strip_prefix(start));
    series.filter_map(|line| {
        let (labels, value) = line.rsplit_once("\"} ")?;
        Some((labels, value.parse().ok()?))
    })
}

/// Probes workspaces one after the other.
async fn probe(
    address: SocketAddr,
    pid: u32,
    workspaces: impl Iterator<Item = usize>,
) -> Result<Probe> {
    let mut probes = Vec::new();
    let before = thread_times(pid);
    for workspace in workspaces {
        let path = format!("/probe?target={}", name(workspace));
        let begun = Instant::now();
        let response = http::get(address, &path, &[OPENMETRICS]).await?;
        ensure!(response.status == 200, "{path} answers {}", response.status);
        probes.push(begun.elapsed().as_secs_f64());
    }
    Ok(Probe {
        cpu_seconds: seconds_between(&before, &thread_times(pid)) / probes.len() as f64,
        wall_seconds: median(probes),
    })
}

async fn scrape(address: SocketAddr, pid: u32, headers: &[(&str, &str)]) -> Result<Scrape> {
    let mut scrapes = Vec::new();
    for _ in 0..SCRAPES {
        sleep(BETWEEN_SCRAPES).await;
        let before = thread_times(pid);
        let begun = Instant::now();
        let response = http::get(address, "/metrics", headers).await?;
        let wall_seconds = begun.elapsed().as_secs_f64();
        let cpu_seconds = seconds_between(&before, &thread_times(pid));
        ensure!(
            response.status == 200,
            "/metrics answers {}",
            response.status
        );
        scrapes.push((response.body.len(), wall_seconds, cpu_seconds));
    }
    let length = scrapes.last().map(|scrape| scrape.0).unwrap_or_default();
    Ok(Scrape {
        bytes: length,
        sent_bytes: length,
        wall_seconds: median(scrapes.iter().map(|scrape| scrape.1)),
        cpu_seconds: median(scrapes.iter().map(|scrape| scrape.2)),
    })
}

impl Scrape {
    /// Megabytes of the exposition in a second of processor time.
    fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.cpu_seconds
    }
}

impl Report {
    pub(crate) fn print(&self) {
        let mut table = Table::new(&[
            "workspaces",
            "resident",
            "own",
            "connections",
            "first reading",
            "/metrics",
            "wall",
            "CPU",
            "MB/s of CPU",
            "gzip",
            "wall",
            "CPU",
            "MB/s of CPU",
            "/probe",
            "CPU",
            "exporter",
            "mongods",
        ]);
        for size in &self.sizes {
            table.row(vec![
                size.workspaces.to_string(),
                bytes(size.resident_bytes as f64),
                bytes(size.own_bytes as f64),
                size.connections.to_string(),
                seconds(size.first_reading_seconds),
                bytes(size.plain.bytes as f64),
                seconds(size.plain.wall_seconds),
                seconds(size.plain.cpu_seconds),
                format!("{:.0}", size.plain.megabytes_per_second()),
                bytes(size.gzip.sent_bytes as f64),
                seconds(size.gzip.wall_seconds),
                seconds(size.gzip.cpu_seconds),
                format!("{:.0}", size.gzip.megabytes_per_second()),
                seconds(size.probe.wall_seconds),
                seconds(size.probe.cpu_seconds),
                format!("{:.1} %", size.exporter_percent),
                format!("{:.1} %", size.mongod_percent),
            ]);
        }
        table.print(
            "Fleet: workspaces on two replica sets of one member, each a database of its own",
        );
        let mut table = Table::new(&[
            "workspaces",
            "reported after",
            "others down",
            "oldest of the others",
            "/metrics",
            "CPU",
            "/probe",
            "CPU",
            "resident",
        ]);
        let stopped = |size: &Measured| Some((size.workspaces, size.stopped?));
        for (workspaces, stopped) in self.sizes.iter().filter_map(stopped) {
            table.row(vec![
                workspaces.to_string(),
                seconds(stopped.reported_seconds),
                stopped.falsely_down.to_string(),
                seconds(stopped.oldest_seconds),
                seconds(stopped.plain.wall_seconds),
                seconds(stopped.plain.cpu_seconds),
                seconds(stopped.probe.wall_seconds),
                seconds(stopped.probe.cpu_seconds),
                bytes(stopped.resident_bytes as f64),
            ]);
        }
        table.print("One of the two mongods stopped for a minute");
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let Some(largest) = self.sizes.iter().max_by_key(|size| size.workspaces) else {
            return Vec::new();
        };
        let workspaces = largest.workspaces;
        vec![
            Target::new(
                format!("resident memory with {workspaces} workspaces, MiB"),
                Some(largest.resident_bytes as f64 / 1_048_576.0),
                Limit::AtMost(120.0),
            ),
            Target::new(
                format!("/metrics of {workspaces} workspaces, MB/s of CPU"),
                Some(largest.plain.megabytes_per_second()),
                Limit::AtLeast(40.0),
            ),
            Target::new(
                "the same compressed, MB/s of CPU",
                Some(largest.gzip.megabytes_per_second()),
                Limit::AtLeast(20.0),
            ),
            Target::new(
                format!("/probe with {workspaces} workspaces, ms"),
                Some(largest.probe.wall_seconds * 1e3),
                Limit::AtMost(2.0),
            ),
            Target::new(
                "workspaces reported as down because another one's mongod stopped",
                largest.stopped.map(|stopped| stopped.falsely_down as f64),
                Limit::AtMost(0.0),
            ),
        ]
    }
}

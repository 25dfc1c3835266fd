//! `cargo xtask zabbix`: imports the template into a real Zabbix server, and compares what Zabbix makes of the exporter's metrics.
//!
//! One host has the metrics of a real exporter on a generated workspace. The other has the same metrics with values that mean
//! trouble, which raise every trigger of the priorities high and disaster. It needs root and Debian, downloads 300 MB the first
//! time, and takes about eight minutes, so it is not part of the tests.

mod api;

use std::collections::BTreeSet;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mongodb::Client;
use mongodb::bson::DateTime;
use serde_json::json;
use testbed::child_process::{ChildProcess, Output};
use testbed::exporter::Exporter;
use testbed::mongod::{self, Mongod};
use testbed::port;
use testbed::workspace::{self, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tools::command::{exit_code, output_of};
use tools::{progress, workspace_root};

use api::{Api, text};

/// The Debian whose Zabbix the template is for: it has 7.0.
const SUITE: &str = "trixie";
const PACKAGES: &str = "zabbix-server-pgsql,zabbix-frontend-php,postgresql,php-cli,php-pgsql";

const TEMPLATE: &str = "Rocket.Chat by rocketchat-exporter";

/// Loading Zabbix' database takes half a minute.
const START_TIMEOUT: Duration = Duration::from_mins(5);
/// The slowest trigger looks back five minutes.
const TRIGGER_TIMEOUT: Duration = Duration::from_mins(9);

/// Metrics with values that mean trouble: the beginning of a line, and what is exposed instead.
const TROUBLE: &[(&str, &str)] = &[
    ("rocketchat_up ", "rocketchat_up 0"),
    ("rocketchat_instances ", "rocketchat_instances 0"),
    ("rocketchat_last_seen_timestamp_seconds ", ""),
    (
        "rocketchat_mongodb_replica_set_has_primary ",
        "rocketchat_mongodb_replica_set_has_primary 0",
    ),
    (
        "rocketchat_mongodb_majority_lag_seconds ",
        "rocketchat_mongodb_majority_lag_seconds 600",
    ),
    (
        "rocketchat_presence_broadcast_disabled ",
        "rocketchat_presence_broadcast_disabled 1\nrocketchat_read_only_countdown_seconds 0",
    ),
];

/// Alerts that these values raise.
const RAISED: &[&str] = &[
    "DatabaseUnreachable",
    "MajorityLost",
    "PresenceDisabled",
    "ReplicaSetWithoutPrimary",
    "RocketChatDown",
    "WorkspaceReadOnly",
];

/// Import the Zabbix template into a real Zabbix server
#[derive(Parser)]
#[command(name = "cargo xtask zabbix", bin_name = "cargo xtask zabbix")]
struct Options {
    /// The exporter's program
    #[arg(long, value_name = "PATH", hide = true)]
    exporter: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = tokio::runtime::Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(&options.exporter)));
    exit_code(outcome)
}

fn say(text: &str) {
    progress::line(&format!("zabbix: {text}"));
}

async fn run(program: &Path) -> Result<()> {
    mongod::MongodVersion::default().tool().fetch()?;
    tools::MMDEBSTRAP.fetch()?;
    let root = debian()?;
    say("starting Zabbix");
    let frontend: SocketAddr = (Ipv4Addr::LOCALHOST, port::random()).into();
    let mut server = start_server(&root, frontend)?;
    say("starting mongod and the exporter");
    let mongod = Mongod::start(&mongod::Options {
        replica_set: true,
        ..mongod::Options::default()
    })
    .await?;
    let database = Client::with_uri_str(mongod.uri())
        .await?
        .database("rocketchat");
    workspace::fill(&database, &Size::small(), DateTime::now()).await?;
    // Without activity the instances would be gone after a minute. It ends with this process.
    tokio::spawn(workspace::simulate(database.clone(), pending()));
    let mut command = Command::new(program);
    command.env("ROCKETCHAT_EXPORTER_MONGODB_URI", mongod.uri());
    command.arg("--mongodb.database=rocketchat");
    let log = root.with_file_name("exporter.log");
    let mut exporter = Exporter::start(&mut command, port::random_address(), Output::File(&log))?;
    let everything_read = async |exporter: &Exporter| {
        let metrics = exporter.metrics().await;
        metrics.is_ok_and(|metrics| {
            !metrics.contains("rocketchat_exporter_collector_success{collector=\"sessions\"} 0")
        })
    };
    exporter
        .wait_until("has read everything", START_TIMEOUT, everything_read)
        .await?;

    let api = log_in(frontend, &mut server).await?;
    import(&api).await?;
    say("the template is imported");
    let healthy = create_host(
        &api,
        "healthy",
        &format!("http://{}/metrics", exporter.address()),
    )
    .await?;
    let trouble = troubled(&exporter.metrics().await?);
    let address = serve(trouble).await?;
    let troubled = create_host(&api, "troubled", &format!("http://{address}/metrics")).await?;
    check_values(&api, &healthy, &exporter).await?;
    check_alerts(&api, &troubled, RAISED).await?;
    let raised = alerts(&api, &healthy).await?;
    ensure!(
        RAISED.iter().all(|alert| !raised.contains(*alert)) && !raised.contains("ExporterDown"),
        "the healthy workspace has the problems {raised:?}"
    );
    say("a healthy workspace raises none of them");
    exporter.stop().await?;
    check_alerts(&api, &healthy, &["ExporterDown"]).await
}

/// The root directory of a Debian with Zabbix; installs it the first time.
fn debian() -> Result<PathBuf> {
    let root = workspace_root().join("target/zabbix/root");
    if root.join("usr/sbin/zabbix_server").exists() {
        return Ok(root);
    }
    say(&format!(
        "installing Debian {SUITE} with Zabbix, about 300 MB"
    ));
    output_of(
        Command::new("mmdebstrap")
            .args(["--quiet", "--variant=minbase"])
            .arg(format!("--include={PACKAGES}"))
            .arg(SUITE)
            .arg(&root),
    )?;
    Ok(root)
}

/// Starts PostgreSQL, the Zabbix server and its frontend.
fn start_server(root: &Path, frontend: SocketAddr) -> Result<ChildProcess> {
    let script = root.join("trial.sh");
    std::fs::write(&script, include_str!("server.sh"))
        .with_context(|| format!("cannot write `{}`", script.display()))?;
    let log = root.with_file_name("server.log");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--pid", "--fork", "--kill-child", "chroot"])
        .arg(root)
        .args(["sh", "/trial.sh"])
        .args([port::random().to_string(), frontend.port().to_string()]);
    ChildProcess::start(&mut command, None, Output::File(&log))
}

/// Logs in as soon as the frontend responds; fails if the server ends.
async fn log_in(frontend: SocketAddr, server: &mut ChildProcess) -> Result<Api> {
    let begun = Instant::now();
    loop {
        let error = match Api::log_in(frontend).await {
            Ok(api) => return Ok(api),
            Err(error) => error,
        };
        let ended = server.exit_status()?;
        if ended.is_some() || begun.elapsed() > START_TIMEOUT {
            let log = workspace_root().join("target/zabbix/server.log");
            return Err(error.context(format!("Zabbix did not start; see `{}`", log.display())));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn import(api: &Api) -> Result<()> {
    let path = workspace_root().join("deploy/zabbix/rocketchat-exporter.yaml");
    let source = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let all = json!({ "createMissing": true, "updateExisting": true });
    let rules = json!({
        "template_groups": all, "templates": all, "items": all, "discoveryRules": all, "triggers": all, "valueMaps": all,
    });
    let parameters = json!({ "format": "yaml", "rules": rules, "source": source });
    // The second import finds everything there, so it fails if an identifier is used twice.
    api.call("configuration.import", &parameters).await?;
    api.call("configuration.import", &parameters).await?;
    Ok(())
}

/// Creates a host with the template, and returns its identifier.
async fn create_host(api: &Api, name: &str, url: &str) -> Result<String> {
    let templates = json!({ "filter": { "host": TEMPLATE }, "output": ["templateid"] });
    let templates = api.call("template.get", &templates).await?;
    let groups = json!({ "output": ["groupid"], "limit": 1 });
    let groups = api.call("hostgroup.get", &groups).await?;
    let host = json!({
        "host": name,
        "groups": groups,
        "templates": templates,
        "macros": [
            { "macro": "{$ROCKETCHAT.METRICS.URL}", "value": url },
            { "macro": "{$ROCKETCHAT.INTERVAL}", "value": "5s" },
        ],
    });
    let created = api.call("host.create", &host).await?;
    let id = created["hostids"][0].as_str();
    Ok(id.context("Zabbix names no host")?.to_owned())
}

/// Metrics with the values of `TROUBLE`.
fn troubled(metrics: &str) -> String {
    metrics
        .lines()
        .map(|line| {
            let instead = TROUBLE.iter().find(|(begin, _)| line.starts_with(begin));
            instead.map_or(line, |(_, instead)| instead).to_owned() + "\n"
        })
        .collect()
}

/// Serves a text to every request, until this process ends.
async fn serve(body: String) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            // A client that is gone needs no response.
            drop(stream.read(&mut request).await);
            drop(stream.write_all(response.as_bytes()).await);
        }
    });
    Ok(address)
}

/// Waits until Zabbix has discovered instances, jobs and collectors, then checks that it supports every item and that the values
/// are those of the exporter.
async fn check_values(api: &Api, host: &str, exporter: &Exporter) -> Result<()> {
    let request =
        json!({ "hostids": host, "output": ["key_", "state", "error", "lastvalue", "lastclock"] });
    let begun = Instant::now();
    let items = loop {
        let items = api.list("item.get", &request).await?;
        let discovered = |prefix: &str| {
            let mut items = items
                .iter()
                .filter(|item| text(item, "key_").starts_with(prefix));
            items.any(|item| text(item, "lastclock") != "0")
        };
        if [
            "rocketchat.instance.heartbeat[",
            "rocketchat.job.overdue[",
            "rocketchat.collector.success[",
        ]
        .into_iter()
        .all(discovered)
        {
            break items;
        }
        ensure!(
            begun.elapsed() < START_TIMEOUT,
            "Zabbix discovers no instances, jobs or collectors"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let unsupported: Vec<_> = items
        .iter()
        .filter(|item| text(item, "state") != "0")
        .collect();
    ensure!(
        unsupported.is_empty(),
        "Zabbix does not support the items {unsupported:?}"
    );
    let metrics = exporter.metrics().await?;
    for (key, sample) in [
        ("rocketchat.up", "rocketchat_up"),
        ("rocketchat.instances", "rocketchat_instances"),
        ("rocketchat.messages", "rocketchat_messages"),
        ("rocketchat.seats_used", "rocketchat_seats_used"),
        (
            "rocketchat.mongodb.has_primary",
            "rocketchat_mongodb_replica_set_has_primary",
        ),
    ] {
        let exposed = metrics
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        let item = items.iter().find(|item| text(item, "key_") == key);
        let value = item.map(|item| text(item, "lastvalue"));
        ensure!(
            value == exposed && value.is_some(),
            "{key} is {value:?}, and {sample} is {exposed:?}"
        );
    }
    let with_value = items
        .iter()
        .filter(|item| text(item, "lastclock") != "0")
        .count();
    say(&format!(
        "{with_value} of {} items have a value, and none is unsupported",
        items.len()
    ));
    Ok(())
}

/// Waits until a host has the problems of all these alerts.
async fn check_alerts(api: &Api, host: &str, expected: &[&str]) -> Result<()> {
    let begun = Instant::now();
    let expected: BTreeSet<String> = expected.iter().map(|&alert| alert.to_owned()).collect();
    loop {
        let raised = alerts(api, host).await?;
        if expected.is_subset(&raised) {
            say(&format!(
                "raised after {} s: {raised:?}",
                begun.elapsed().as_secs()
            ));
            return Ok(());
        }
        ensure!(
            begun.elapsed() < TRIGGER_TIMEOUT,
            "the problems {:?} are missing among {raised:?}",
            expected.difference(&raised)
        );
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// The alerts of a host's problems, by the tag of their triggers.
async fn alerts(api: &Api, host: &str) -> Result<BTreeSet<String>> {
    let request = json!({ "hostids": host, "output": ["name"], "selectTags": "extend" });
    let problems = api.list("problem.get", &request).await?;
    let tags = problems
        .iter()
        .filter_map(|problem| problem["tags"].as_array());
    let alerts = tags.flatten().filter(|tag| text(tag, "tag") == "alert");
    Ok(alerts.map(|tag| text(tag, "value").to_owned()).collect())
}

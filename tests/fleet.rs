//! Many workspaces on the same servers in one exporter: shared connections, and turns that one workspace cannot take from the
//! others.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use testbed::mongod::Options;
use tokio::time::sleep;

use crate::support::{
    Exporter, Filled, WireProxy, client, eventually, mongod, shared_workspace, uri_of,
};

/// Workspaces of a fleet that answer.
const HEALTHY: usize = 4;

/// Workspaces on the database that stops answering: more than readings of one cluster run at once.
const SILENT: usize = 24;

/// A configuration file with workspaces of these names and connection strings.
fn configuration(workspaces: &[(String, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let mut text = "mongodb: {query-timeout: 1s, live: 'off'}\n\
         collection: {fast-interval: 500ms, max-share: 1}\nrocketchat: {timezone: UTC}\n\
         collector: {disable-defaults: true, presence: true, users: true, sessions: true}\nworkspaces:\n"
        .to_owned();
    for (name, uri) in workspaces {
        writeln!(text, "  {name}: {{mongodb: {{uri: '{uri}'}}}}").expect("a string takes it");
    }
    std::fs::write(folder.path().join("exporter.yml"), text).expect("the file can be written");
    folder
}

fn start(folder: &tempfile::TempDir) -> Exporter {
    let file = folder.path().join("exporter.yml");
    Exporter::start(&[&format!("--config.file={}", file.display())])
}

fn names(kind: &str, count: usize, uri: &str) -> Vec<(String, String)> {
    (0..count)
        .map(|number| (format!("{kind}{number}"), uri.to_owned()))
        .collect()
}

/// The value of a metric of each workspace of a kind.
fn values(exporter: &Exporter, metric: &str, labels: &str, kind: &str, count: usize) -> Vec<f64> {
    let metrics = exporter.metrics();
    let value = |number: usize| {
        let series = format!("{metric}{{workspace=\"{kind}{number}\"{labels}}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
        line.and_then(|value| value.parse().ok())
    };
    (0..count).filter_map(value).collect()
}

/// Fails unless the healthy workspaces are read at their interval, and `/metrics` answers at once.
async fn assert_healthy_are_read(exporter: &Exporter) {
    let readings = || {
        let metric = "rocketchat_exporter_collector_readings_total";
        let collector = ",collector=\"presence\"";
        values(exporter, metric, collector, "healthy", HEALTHY)
    };
    let before = readings();
    let begun = Instant::now();
    let mut scrapes = Vec::new();
    // Longer than a query waits for its reply.
    while begun.elapsed() < Duration::from_secs(8) {
        let asked = Instant::now();
        exporter.metrics();
        scrapes.push(asked.elapsed());
        sleep(Duration::from_millis(400)).await;
    }
    let after = readings();
    assert_eq!(after.len(), HEALTHY);
    for (before, after) in before.iter().zip(&after) {
        // Sixteen at the interval, without waits.
        assert!(after - before >= 8.0, "{before} and {after} readings");
    }
    scrapes.sort();
    let median = scrapes[scrapes.len() / 2];
    assert!(median < Duration::from_millis(500), "{scrapes:?}");
}

fn port(uri: &str) -> u16 {
    let after = uri.split("127.0.0.1:").nth(1).expect("a local server");
    let digits = after.split(|character: char| !character.is_ascii_digit());
    let port = digits.into_iter().next().and_then(|port| port.parse().ok());
    port.expect("a port")
}

fn database(uri: &str) -> &str {
    let path = uri.rsplit('/').next().unwrap_or_default();
    path.split('?').next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn workspaces_on_the_same_servers_share_connections() {
    let workspace = shared_workspace().await;
    let proxy = WireProxy::transparent(port(&workspace.uri)).await;
    let uri = proxy.uri(database(&workspace.uri));
    let folder = configuration(&names("healthy", SILENT, &uri));
    let exporter = start(&folder);
    let sessions = ",collector=\"sessions\"";
    eventually("every workspace is read", || {
        let metric = "rocketchat_exporter_collector_success";
        let read = values(&exporter, metric, sessions, "healthy", SILENT);
        (read.len() == SILENT).then_some(())
    })
    .await;
    // One watches the server, and sixteen readings run at once.
    let connections = proxy.connections();
    assert!((2..=20).contains(&connections), "{connections}");
    let opened = "rocketchat_exporter_mongodb_connections_opened_total";
    let opened = values(&exporter, opened, "", "healthy", SILENT);
    assert_eq!(opened.len(), SILENT);
    let most = opened.into_iter().fold(0.0, f64::max);
    assert!(most <= connections as f64, "{most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_database_takes_no_turn_of_the_others() {
    let (workspace, silent) = (shared_workspace().await, Filled::new().await);
    let proxy = WireProxy::transparent(port(&workspace.uri)).await;
    let of_silent = silent.database.name().to_owned();
    let mut workspaces = names("healthy", HEALTHY, &proxy.uri(database(&workspace.uri)));
    workspaces.extend(names("silent", SILENT, &proxy.uri(&of_silent)));
    assert_eq!(database(&uri_of(&silent.database)), of_silent);
    let folder = configuration(&workspaces);
    let exporter = start(&folder);
    let up = |kind, count| values(&exporter, "rocketchat_up", "", kind, count);
    eventually("every workspace is read", || {
        (up("silent", SILENT) == [1.0; SILENT] && up("healthy", HEALTHY) == [1.0; HEALTHY])
            .then_some(())
    })
    .await;
    proxy.silence(&of_silent);
    eventually("the silent database is reported", || {
        (up("silent", SILENT) == [0.0; SILENT]).then_some(())
    })
    .await;
    assert_eq!(up("healthy", HEALTHY), [1.0; HEALTHY]);
    assert_healthy_are_read(&exporter).await;
    assert_eq!(up("silent", SILENT), [0.0; SILENT]);
    // A new client for the silent workspaces, but not one for each of them.
    let connections = proxy.connections();
    assert!(connections < 300, "{connections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_server_costs_only_its_own_workspaces() {
    let workspace = shared_workspace().await;
    let server = mongod(Options::default()).await;
    let database = client(&server.uri()).await.database("stopped");
    let created = database.create_collection("rocketchat_settings").await;
    created.expect("a collection can be made");
    // By name they come before the healthy ones, so they begin first.
    let mut workspaces = names("down", SILENT, &format!("{}stopped", server.uri()));
    workspaces.extend(names("healthy", HEALTHY, &workspace.uri));
    let folder = configuration(&workspaces);
    server.pause().expect("the server can be stopped");
    let exporter = start(&folder);
    let up = |kind, count| values(&exporter, "rocketchat_up", "", kind, count);
    eventually("the healthy workspaces are read", || {
        (up("healthy", HEALTHY) == [1.0; HEALTHY]).then_some(())
    })
    .await;
    // Before the stopped server was noticed, so nothing has waited for it.
    let success = "rocketchat_exporter_collector_success";
    let presence = ",collector=\"presence\"";
    let tried = values(&exporter, success, presence, "down", SILENT);
    assert_eq!(tried, Vec::<f64>::new());
    server.resume().expect("the server can be continued");
    eventually("every workspace is read", || {
        (up("down", SILENT) == [1.0; SILENT]).then_some(())
    })
    .await;
    server.pause().expect("the server can be stopped");
    eventually("the stopped server is reported", || {
        (up("down", SILENT) == [0.0; SILENT]).then_some(())
    })
    .await;
    assert_healthy_are_read(&exporter).await;
    assert_eq!(up("healthy", HEALTHY), [1.0; HEALTHY]);
    assert_eq!(up("down", SILENT), [0.0; SILENT]);
    let asked = Instant::now();
    let reload = exporter.send("POST", "/-/reload", &[], "");
    assert_eq!(reload.status, 200, "{}", reload.text());
    // Less than the time limit of a single query.
    let waited = asked.elapsed();
    assert!(waited < Duration::from_secs(4), "{waited:?}");
}

//! Secrets that are never shown, after each kind of failure and at the level debug: the password, plain and encoded, and
//! the tokens of requests.

use std::fs;
use std::process::Command;

use crate::support::{Exporter, PASSWORD, READER, eventually, shared_workspace, with_reader};

/// The password, encoded for a connection string.
const ENCODED: &str = "p%40ss%2Fw%3Ard%2541%23%3F";

const TOKEN: &str = "a-secret-token";

/// Everything that an exporter shows: log, responses, and command line.
fn everything(exporter: &Exporter) -> String {
    let mut shown = vec![exporter.log()];
    for path in [
        "/",
        "/metrics",
        "/sd",
        "/-/ready",
        "/api/info",
        "/api/v1/statistics",
        "/api/v1/statistics?access_token=a-secret-token",
        "/statistics.json",
        "/nowhere?access_token=a-secret-token",
    ] {
        let headers = [("X-User-Id", "unknown"), ("X-Auth-Token", TOKEN)];
        let response = exporter.request("GET", path, &headers);
        shown.push(format!("{:?}\n{}", response.headers, response.text()));
    }
    shown.push(exporter.request("POST", "/-/reload", &[]).text());
    let arguments = fs::read(format!("/proc/{}/cmdline", exporter.pid()));
    let arguments = arguments.expect("the process runs");
    shown.push(String::from_utf8_lossy(&arguments).into_owned());
    shown.push(exporter.log());
    shown.join("\n")
}

fn assert_hidden(shown: &str) {
    for secret in [
        PASSWORD,
        ENCODED,
        &format!("{READER}:"),
        TOKEN,
        "p@ss",
        "p%40ss",
    ] {
        let position = shown.find(secret);
        let around =
            position.map(|index| &shown[index.saturating_sub(300)..(index + 100).min(shown.len())]);
        assert!(position.is_none(), "{secret} is shown: {around:?}");
    }
}

fn prepare(command: &mut Command, uri: &str) {
    command
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
        .env("ROCKETCHAT_EXPORTER_MONGODB_CONNECT_TIMEOUT", "500ms")
        .env("ROCKETCHAT_EXPORTER_LOG_LEVEL", "debug");
}

/// Waits until a collector has run.
async fn wait_for_first_run(exporter: &Exporter) {
    eventually("a collector has run", || {
        let metrics = exporter.metrics();
        metrics
            .contains("rocketchat_exporter_collector_readings_total{collector=\"users\"}")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_errors_show_no_secret() {
    let mongod = with_reader().await;
    let at = |user: &str, password: &str, host: &str, options: &str| {
        format!("mongodb://{user}:{password}@{host}/?authSource=admin{options}")
    };
    let port = mongod.port();
    let here = format!("127.0.0.1:{port}");
    let uris = [
        // Valid; wrong password; unknown user; closed port; unknown host; no TLS; wrong replica set; another mechanism.
        at(READER, ENCODED, &here, ""),
        at("admin", ENCODED, &here, ""),
        at("unknown", ENCODED, &here, ""),
        at(READER, ENCODED, "127.0.0.1:9", ""),
        at(READER, ENCODED, "no-such-host.invalid", ""),
        at(READER, ENCODED, &here, "&tls=true"),
        at(READER, ENCODED, &here, "&replicaSet=another"),
        at(READER, ENCODED, &here, "&authMechanism=SCRAM-SHA-1"),
    ];
    let checks = uris.map(|uri| {
        tokio::spawn(async move {
            let mut command = Exporter::command();
            prepare(&mut command, &uri);
            let exporter = Exporter::spawn(&mut command);
            wait_for_first_run(&exporter).await;
            tokio::task::block_in_place(|| assert_hidden(&everything(&exporter)));
        })
    });
    for check in checks {
        check.await.expect("no secret is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subcommands_show_no_secret() {
    let mongod = with_reader().await;
    for (user, port) in [
        (READER, mongod.port()),
        ("admin", mongod.port()),
        (READER, 9),
    ] {
        let uri = format!("mongodb://{user}:{ENCODED}@127.0.0.1:{port}/?authSource=admin");
        for subcommand in [
            &["statistics"][..],
            &["check"],
            &["check", "--format=json"],
            &["--config.check"],
        ] {
            let mut command = Exporter::command();
            prepare(&mut command, &uri);
            let output = command
                .args(subcommand)
                .output()
                .expect("the exporter runs");
            let message = [output.stdout, output.stderr].concat();
            assert_hidden(&String::from_utf8_lossy(&message));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runtime_errors_show_no_secret() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let uri_file = folder.path().join("uri");
    fs::write(&uri_file, &shared.uri).expect("the file can be written");
    let mut command = Exporter::command();
    command
        .env("ROCKETCHAT_EXPORTER_LOG_LEVEL", "debug")
        .arg(format!("--mongodb.uri-file={}", uri_file.display()));
    let exporter = Exporter::spawn(&mut command);
    wait_for_first_run(&exporter).await;
    // Invalid connection strings, read by a reload.
    for uri in [
        format!("mongodb://{READER}:{PASSWORD}@db.example/"),
        format!("mongodb://{READER}:{ENCODED}@db.example/?authMechanism=wrong"),
        format!("mongodb://{READER}:{ENCODED}@/"),
        format!("postgres://{READER}:{ENCODED}@db.example/"),
    ] {
        fs::write(&uri_file, uri).expect("the file can be written");
        assert_hidden(&everything(&exporter));
    }
}

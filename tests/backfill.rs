//! `backfill`: the samples that it writes from stored statistics documents, and how Prometheus reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::json;
use tempfile::TempDir;
use testbed::mongod::Options;
use testbed::tools;

use crate::document_definitions::workspace::licensed_responses;
use crate::support::{
    Exporter, Filled, Prometheus, client, eventually, fresh_database, mongod, strict_parser_error,
    uri_of,
};

/// Monday, 3 April 2023, 12:00 UTC.
const NOON: i64 = 1_680_523_200_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

const TARGET: [&str; 2] = [
    "--label=job=rocketchat-exporter",
    "--label=instance=chat:9459",
];

/// The two target labels at the end of a series.
const WRITTEN_TARGET: &str = r#"job="rocketchat-exporter",instance="chat:9459"}"#;

/// A `backfill` run: its database and the directory of its output file.
struct Backfill {
    folder: TempDir,
    uri: String,
}

impl Backfill {
    fn of(uri: String) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a directory can be created"),
            uri,
        }
    }

    /// A database with these documents and Rocket.Chat's index.
    async fn with(documents: Vec<Document>) -> Self {
        let database = fresh_database().await;
        store(&database, documents).await;
        Self::of(uri_of(&database))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("backfill.om")
    }

    fn leftover(&self) -> PathBuf {
        self.folder.path().join("backfill.om.unfinished")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Exporter::command();
        command
            .arg("backfill")
            .arg(format!("--mongodb.uri={}", self.uri))
            .arg(format!("--output={}", self.file().display()))
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(&[&TARGET, arguments].concat()).output();
        output.expect("the exporter runs")
    }

    /// Runs it successfully and returns its standard output.
    fn write(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(self.files(), ["backfill.om"]);
        String::from_utf8(output.stdout).expect("the output is UTF-8")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("the file can be read")
    }

    /// The names of the files in the directory.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the directory can be listed");
        entries
            .map(|entry| {
                let name = entry.expect("the directory can be listed").file_name();
                name.into_string().expect("file names are UTF-8")
            })
            .collect()
    }
}

async fn store(database: &Database, documents: Vec<Document>) {
    let collection = database.collection::<Document>("rocketchat_statistics");
    let index = mongodb::IndexModel::builder()
        .keys(doc! { "createdAt": -1 })
        .build();
    collection
        .create_index(index)
        .await
        .expect("the index can be created");
    collection
        .insert_many(documents)
        .await
        .expect("the documents can be inserted");
}

fn at(milliseconds: i64) -> DateTime {
    DateTime::from_millis(milliseconds)
}

/// A small document of a Rocket.Chat version.
fn document(version: &str, created: impl Into<Bson>, users: i64) -> Document {
    doc! {
        "version": version,
        "createdAt": created.into(),
        "totalUsers": users,
        "onlineUsers": users,
        "awayUsers": 1,
        "busyUsers": 2,
        "offlineUsers": 3,
        "activeUsers": users + 1,
        "totalChannels": users + 2,
        "totalMessages": users + 3,
        "totalChannelMessages": users + 4,
        "totalDirectMessages": users + 5,
    }
}

/// Samples by series, without the target labels: milliseconds and values.
fn samples(text: &str) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut samples: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.rsplitn(3, ' ');
        let mut word = || words.next().expect("a sample has three parts");
        let (time, value, series) = (word(), word(), word());
        let series = series
            .strip_suffix(WRITTEN_TARGET)
            .expect("a series has the target labels");
        let series = match series.strip_suffix(',') {
            Some(labels) => format!("{labels}}}"),
            None => series.trim_end_matches('{').to_owned(),
        };
        let time: i64 = time
            .replace('.', "")
            .parse()
            .expect("the timestamp is a number");
        let value = value.parse().expect("the value is a number");
        samples.entry(series).or_default().push((time, value));
    }
    samples
}

/// Converts a file to blocks with promtool and returns their directory.
fn blocks(file: &Path, folder: &Path) -> PathBuf {
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let blocks = folder.join("blocks");
    let output = promtool
        .command()
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg("--max-block-duration=486h")
        .args([file, &blocks])
        .output()
        .expect("promtool runs");
    assert!(output.status.success(), "{output:?}");
    let count = fs::read_dir(&blocks).map_or(0, Iterator::count);
    assert!(count > 0, "{output:?}");
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn backfilled_series_continue_into_scraped_series() {
    let filled = Filled::new().await;
    let database = filled.database.clone();
    let workspace = filled.start(&[]).await;
    let response = workspace.get("/api/v1/statistics?shape=flat").json();
    let today = mongodb::bson::serialize_to_document(&response).expect("JSON is BSON");
    let stored = database.collection::<Document>("rocketchat_statistics");
    stored.drop().await.expect("the collection can be dropped");
    let now = DateTime::now().timestamp_millis();
    let documents = (1..=12).rev().map(|number| {
        let mut document = today.clone();
        document.insert("_id", number.to_string());
        document.insert("createdAt", at(now - number * 10 * MINUTE));
        document
    });
    store(&database, documents.collect()).await;

    let backfill = Backfill::of(uri_of(&database));
    let instance = format!("--label=instance={}", workspace.exporter.address());
    let written = backfill
        .command(&["--label=job=rocketchat-exporter", &instance, "--fill=1m"])
        .output()
        .expect("the exporter runs");
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let finished = SystemTime::now().duration_since(UNIX_EPOCH);
    let finished = finished.unwrap_or(Duration::ZERO).as_secs_f64();
    let blocks = blocks(&backfill.file(), backfill.folder.path());

    let configuration = json!({
        "global": { "scrape_interval": "1s" },
        "scrape_configs": [{
            "job_name": "rocketchat-exporter",
            "static_configs": [{ "targets": [workspace.exporter.address()] }],
        }],
    });
    let prometheus =
        Prometheus::start_on_blocks(tools::PROMETHEUS_3, &configuration.to_string(), &blocks).await;
    eventually("the exporter is scraped", || {
        let series = prometheus
            .query("rocketchat_up")
            .expect("the query is valid");
        series.first().map(|series| series.points[0].1)
    })
    .await;

    // Samples of both, backfilled and scraped.
    let all = prometheus
        .query("{job='rocketchat-exporter',__name__=~'rocketchat_.+'}[3h]")
        .expect("the query is valid");
    let mut continued = 0;
    for series in &all {
        let (labels, points) = (&series.labels, &series.points);
        let backfilled = points.partition_point(|(at, _)| *at < finished);
        if backfilled == 0 {
            // No document has this series, so it began with the first scrape.
            continue;
        }
        continued += 1;
        // Ten minutes between documents, a minute between the samples.
        assert!(backfilled >= 120, "{labels:?}: {points:?}");
        assert!(backfilled < points.len(), "{labels:?} is not scraped");
        // The workspace does not change, so backfilled and scraped values are equal, except for instances, whose
        // heartbeats stop, and for the document's date.
        let varies = [
            "rocketchat_instances",
            "rocketchat_statistics_document_timestamp_seconds",
        ];
        if !varies.contains(&&*labels["__name__"]) {
            let values = points.iter().map(|point| point.1);
            let (min, max) = values.fold((f64::MAX, f64::MIN), |(min, max), value| {
                (min.min(value), max.max(value))
            });
            // Dates that are strings have no milliseconds.
            assert!(max - min < 1.0, "{labels:?}: {min} to {max}");
        }
    }
    let written = series_count(&backfill.text());
    assert!(written > 60, "{written}");
    assert_eq!(continued, written);
}

/// The number of series in a file.
fn series_count(text: &str) -> usize {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplitn(3, ' ').nth(2));
    series.collect::<BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_equal_the_metrics_in_every_version() {
    // Versions before and after each change of a definition.
    let versions = [
        "0.51.0", "0.74.1", "1.3.0", "2.4.9", "3.1.0", "3.8.0", "3.11.0", "3.12.0", "4.8.0",
        "6.0.0", "6.3.0", "6.4.0", "6.5.0", "6.10.0", "7.2.0", "8.3.0", "9.0.0",
    ];
    let mut stored = Vec::new();
    let mut expected = Vec::new();
    for (hour, version) in (0..).zip(versions) {
        let responses = licensed_responses(version);
        let mut document =
            mongodb::bson::serialize_to_document(&responses.document).expect("JSON is BSON");
        document.insert("_id", version);
        document.insert("version", version);
        document.insert("createdAt", at(NOON + hour * HOUR));
        stored.push(document);
        expected.push((version, NOON + hour * HOUR, responses));
    }
    let backfill = Backfill::with(stored).await;
    let report = backfill.write(&[]);
    assert!(!report.contains("Left out"), "{report}");
    let samples = samples(&backfill.text());
    let mut counts = Vec::new();
    for (version, time, responses) in &expected {
        let mut count = 0;
        for (series, samples) in &samples {
            let Some((_, value)) = samples.iter().find(|(at, _)| at == time) else {
                continue;
            };
            // The test sets this date.
            if series == "rocketchat_statistics_document_timestamp_seconds" {
                continue;
            }
            count += 1;
            let line = responses.metrics.lines().find_map(|line| {
                line.strip_prefix(series.as_str())?
                    .strip_prefix(' ')?
                    .parse::<f64>()
                    .ok()
            });
            assert_eq!(line, Some(*value), "{series} in {version}");
        }
        counts.push(count);
    }
    assert!(counts[0] >= 10, "{counts:?}");
    assert!(counts.last() >= Some(&80), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_with_another_definition_are_omitted_or_become_another_metric() {
    let backfill = Backfill::with(vec![
        document("3.0.0", at(NOON), 10),
        document("3.11.0", at(NOON + HOUR), 20),
        document("6.3.0", at(NOON + 2 * HOUR), 30),
        document("6.4.0", at(NOON + 3 * HOUR), 40),
        document("6.5.0", at(NOON + 4 * HOUR), 50),
    ])
    .await;
    backfill.write(&[]);
    let samples = samples(&backfill.text());
    let of = |series: &str| {
        let samples = samples.get(series).into_iter().flatten();
        samples
            .map(|(at, value)| ((at - NOON) / HOUR, *value))
            .collect::<Vec<_>>()
    };
    let connected = of(r#"rocketchat_users_connected{connection="online"}"#);
    assert_eq!(connected, [(0, 10.0), (1, 20.0)]);
    let online = of(r#"rocketchat_users{presence="online"}"#);
    assert_eq!(online, [(2, 30.0), (3, 40.0), (4, 50.0)]);
    assert_eq!(of("rocketchat_seats_used"), [(3, 41.0), (4, 51.0)]);
    assert_eq!(of("rocketchat_messages"), [(0, 13.0)]);
    let channels = of(r#"rocketchat_room_messages{kind="channel"}"#);
    assert_eq!(channels, [(0, 14.0), (1, 24.0), (2, 34.0), (3, 44.0)]);
    assert_eq!(of(r#"rocketchat_room_messages{kind="direct"}"#).len(), 5);
    assert_eq!(of(r#"rocketchat_rooms{kind="channel"}"#).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_valid_for_the_strict_parser_and_promtool() {
    let documents = (0..60).map(|hour| {
        let mut document = document("6.4.0", at(NOON + hour * HOUR + 7), 100 + hour);
        document.insert("mongoVersion", if hour < 30 { "4.4.2" } else { "6.0.5" });
        document.insert("mongoStorageEngine", "a\"b\\c\nd");
        document.insert("uncaughtExceptionsCount", hour);
        document.insert("uploadsTotalSize", 1.5e15);
        document
    });
    let backfill = Backfill::with(documents.collect()).await;
    let report = backfill.write(&[]);
    assert!(
        report.contains("promtool tsdb create-blocks-from openmetrics"),
        "{report}"
    );
    let known = "len(families['rocketchat_seats_used'].samples) == 60 \
                 and families['rocketchat_uploads_size_bytes'].unit == 'bytes' \
                 and families['rocketchat_uncaught_exceptions'].type == 'counter' \
                 and len({str(sample.labels) for sample in families['rocketchat_mongodb'].samples}) == 2";
    assert_eq!(strict_parser_error(backfill.text().as_bytes(), known), None);
    blocks(&backfill.file(), backfill.folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_values_are_left_out_and_counted() {
    let mut invalid = document("6.4.0", at(NOON + HOUR), 2);
    invalid.insert("totalChannels", "many");
    invalid.insert("totalDirectMessages", f64::NAN);
    invalid.insert("activeUsers", -3);
    invalid.insert("migration", 7);
    invalid.insert("uniqueUsersOfYesterday", doc! { "data": "none" });
    invalid.insert("lastLogin", "soon");
    invalid.insert("mongoVersion", "x".repeat(5_000));
    invalid.insert("mongoStorageEngine", "wiredTiger");
    let mut unversioned = document("six", at(NOON + 3 * HOUR), 4);
    unversioned.insert("huge", "x".repeat(1_000_000));
    let backfill = Backfill::with(vec![
        document("6.4.0", at(NOON + 2 * HOUR), 3),
        document("6.4.0", at(NOON), 1),
        invalid,
        document("6.4.0", at(NOON + 2 * HOUR), 3),
        // It does not replace the valid document of the same date.
        document("six", at(NOON), 9),
        unversioned,
        document("6.4.0", "2023-04-03T12:00:00Z", 9),
        document("6.4.0", Bson::Null, 9),
        doc! { "totalUsers": 9 },
        document("6.4.0", at(i64::MAX), 9),
    ])
    .await;
    let report = backfill.write(&[]);
    for expected in [
        "from 3 documents, 2023-04-03 to 2023-04-03,",
        "documents of the same date as another one: 1.",
        "documents without a readable version: 2.",
        "Instead of a version they have: `six` in 2.",
        "documents whose createdAt is not a date: 3.",
        "invalid values of totalChannels, in documents: 1.",
        "invalid values of totalDirectMessages, in documents: 1.",
        "invalid values of activeUsers, in documents: 1.",
        "invalid values of uniqueUsersOfYesterday, in documents: 1.",
        "invalid values of lastLogin, in documents: 1.",
        "invalid values of mongoVersion, in documents: 1.",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    let samples = samples(&backfill.text());
    let hours = |series: &str| {
        let samples = samples[series].iter();
        samples
            .map(|(at, _)| (at - NOON) / HOUR)
            .collect::<Vec<_>>()
    };
    assert_eq!(hours(r#"rocketchat_users{presence="online"}"#), [0, 1, 2]);
    assert_eq!(hours(r#"rocketchat_rooms{kind="channel"}"#), [0, 2]);
    assert_eq!(hours("rocketchat_seats_used"), [0, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_a_readable_version_are_reported_and_not_written() {
    let with = |version: Bson, hour: i64| {
        let mut document = document("", at(NOON + hour * HOUR), 4);
        document.insert("version", version);
        document
    };
    let mut versionless = document("", at(NOON + 4 * HOUR), 4);
    versionless.remove("version");
    let backfill = Backfill::with(vec![
        with("six".into(), 0),
        with("six".into(), 1),
        with(6.4.into(), 2),
        with("v".repeat(50).into(), 3),
        versionless,
        doc! { "version": "6.4.0", "totalUsers": 9 },
    ])
    .await;
    let output = backfill.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    for expected in [
        "none of the 5 stored statistics documents from 1970-01-01 to ",
        "`six` in 2",
        "not a string in 1",
        &format!("`{}` in 1", "v".repeat(40)),
        "nothing, or something else, in 1",
    ] {
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    assert!(backfill.files().is_empty(), "{:?}", backfill.files());

    let backfill = Backfill::with(vec![doc! { "version": "6.4.0", "totalUsers": 9 }]).await;
    let output = backfill.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("; the createdAt of 1 is not a date"),
        "{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn from_until_step_and_fill_choose_the_samples() {
    let documents =
        (0..12).map(|number| document("6.4.0", at(NOON + number * 30 * MINUTE), number));
    let backfill = Backfill::with(documents.collect()).await;
    let minutes = |arguments: &[&str]| {
        backfill.write(arguments);
        let samples = samples(&backfill.text());
        fs::remove_file(backfill.file()).expect("the path can be removed");
        let samples = samples[r#"rocketchat_users{presence="online"}"#].iter();
        samples
            .map(|(at, value)| ((at - NOON) / MINUTE, *value))
            .collect::<Vec<_>>()
    };
    let between = [
        "--from=2023-04-03T13:00:00Z",
        "--until=2023-04-03T14:30:00Z",
    ];
    assert_eq!(minutes(&between), [(60, 2.0), (90, 3.0), (120, 4.0)]);
    let thinned = minutes(&["--step=2h", "--until=2023-04-04"]);
    assert_eq!(thinned, [(0, 0.0), (120, 4.0), (240, 8.0)]);
    let filled = minutes(&[&between[..], &["--fill=20m"]].concat());
    let expected = [
        (60, 2.0),
        (80, 2.0),
        (90, 3.0),
        (110, 3.0),
        (120, 4.0),
        (140, 4.0),
    ];
    assert_eq!(filled, expected);
    // The last value is repeated for 26 hours, not until now.
    let filled = minutes(&["--fill=1h"]);
    assert_eq!(filled.last(), Some(&(330 + 25 * 60, 11.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_run_leaves_no_file() {
    // Not on the shared server, because this one fails on purpose.
    let mongod = mongod(Options::default()).await;
    let client = client(&mongod.uri()).await;
    let documents = (0..2_000).map(|number| document("6.4.0", at(NOON + number * MINUTE), number));
    store(&client.database("rocketchat"), documents.collect()).await;
    let uri = format!("{}/rocketchat", mongod.uri().trim_end_matches('/'));
    let backfill = Backfill::of(uri);
    let admin = client.database("admin");
    // The server fails in the third page.
    let fail = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "skip": 2 },
        "data": {
            "failCommands": ["find"],
            "namespace": "rocketchat.rocketchat_statistics",
            "errorCode": 2,
        },
    };
    admin
        .run_command(fail)
        .await
        .expect("the fail point can be set");
    let output = backfill.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("no file was written"), "{stderr}");
    assert_eq!(backfill.files(), [] as [&str; 0]);
    let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    admin
        .run_command(off)
        .await
        .expect("the fail point can be removed");
    // A killed run leaves such a file.
    fs::write(backfill.leftover(), "rocketchat_users 1 1.000\n").expect("the file can be written");
    backfill.write(&["--until=2023-05-01"]);
    let samples = samples(&backfill.text());
    let users = &samples[r#"rocketchat_users{presence="online"}"#];
    assert_eq!(users.len(), 2_000);
}

#[test]
fn signal_stops_the_run_and_leaves_no_file() {
    // The server accepts the connection and never responds.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = silent
        .local_addr()
        .expect("a listener has an address")
        .port();
    let backfill = Backfill::of(format!("mongodb://127.0.0.1:{port}/rocketchat"));
    let process = backfill
        .command(&[&TARGET[..], &["--mongodb.connect-timeout=10m"]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the exporter runs");
    let _connection = silent.accept().expect("the exporter connects");
    let second = backfill.run(&[]);
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert!(stderr.contains("another process is writing"), "{stderr}");
    // `kill` is a builtin of the shell; a minimal Debian has no such program.
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", process.id())])
        .status();
    assert!(sent.expect("the shell runs").success());
    let output = process
        .wait_with_output()
        .expect("the exporter can be waited for");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("interrupted; no file was written"),
        "{stderr}"
    );
    assert_eq!(backfill.files(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_reported_and_leave_no_file() {
    let backfill = Backfill::with(vec![document("6.4.0", at(NOON), 1)]).await;
    let assert_fails = |backfill: &Backfill, arguments: &[&str], status: i32| {
        let output = backfill
            .command(arguments)
            .output()
            .expect("the exporter runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert_eq!(backfill.files(), [] as [&str; 0], "{stderr}");
        stderr
    };
    let [job, instance] = TARGET;
    for (arguments, expected) in [
        (&[job][..], "--label instance=... is missing"),
        (
            &[job, instance, "--label=kind=x"],
            "metrics have a label of this name",
        ),
        (&[job, instance, job], "it is given twice"),
        (
            &[job, instance, "--until=2023-04-03"],
            "no stored statistics documents",
        ),
        (&[job, instance, "--workspace=a"], "no workspace `a`"),
    ] {
        let stderr = assert_fails(&backfill, arguments, 1);
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    for (arguments, expected) in [
        (&[][..], "--label"),
        (&["--label=0x=1"], "NAME=VALUE"),
        (&[job, instance, "--from=yesterday"], "2024-01-31"),
        (&[job, instance, "--step=500ms"], "whole seconds"),
    ] {
        let stderr = assert_fails(&backfill, arguments, 2);
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    backfill.write(&[]);
    let output = backfill.run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("exists; remove it"), "{stderr}");

    let many = fresh_database().await;
    let documents = (0..10_001).map(|hour| doc! { "createdAt": at(NOON + hour * HOUR) });
    many.collection("rocketchat_statistics")
        .insert_many(documents)
        .await
        .expect("the documents can be inserted");
    let stderr = assert_fails(&Backfill::of(uri_of(&many)), &TARGET, 1);
    assert!(stderr.contains("createIndex({createdAt: -1})"), "{stderr}");
}

#[test]
fn links_are_not_followed_and_directories_not_created() {
    let backfill = Backfill::of("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100".to_owned());
    let other = tempfile::tempdir().expect("a directory can be created");
    let target = other.path().join("target");
    fs::write(&target, "kept").expect("the file can be written");
    let assert_fails = |backfill: &Backfill, expected: &str| {
        let output = backfill.run(&["--mongodb.connect-timeout=100ms"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
        let content = fs::read_to_string(&target).expect("the file can be read");
        assert_eq!(content, "kept", "{expected}");
    };
    let leftover = backfill.leftover();
    symlink(&target, &leftover).expect("the link can be created");
    assert_fails(&backfill, "is a symbolic link, so it is not overwritten");
    fs::remove_file(&leftover).expect("the path can be removed");
    fs::hard_link(&target, &leftover).expect("the link can be created");
    assert_fails(&backfill, "is a file with another hard link");
    fs::remove_file(&leftover).expect("the path can be removed");
    fs::create_dir(&leftover).expect("the directory can be created");
    assert_fails(&backfill, "cannot write");
    fs::remove_dir(&leftover).expect("the path can be removed");
    symlink(other.path().join("nowhere"), backfill.file()).expect("the link can be created");
    assert_fails(&backfill, "exists");
    fs::remove_dir_all(backfill.folder.path()).expect("the path can be removed");
    assert_fails(&backfill, "does not exist; create it");
    assert!(!backfill.folder.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_workspaces_has_its_label() {
    let database = fresh_database().await;
    store(&database, vec![document("6.4.0", at(NOON), 1)]).await;
    let backfill = Backfill::of(uri_of(&database));
    let configuration = json!({
        "workspaces": { "acme": { "mongodb": { "uri": backfill.uri } } },
    });
    let other = tempfile::tempdir().expect("a directory can be created");
    let file = other.path().join("exporter.yml");
    fs::write(&file, configuration.to_string()).expect("the file can be written");
    let output = Exporter::command()
        .args(["backfill", "--workspace=acme"])
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--output={}", backfill.file().display()))
        .args(TARGET)
        .output()
        .expect("the exporter runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let expected = format!(
        "rocketchat_users{{workspace=\"acme\",presence=\"online\",{WRITTEN_TARGET} 1 1680523200.000\n"
    );
    assert!(backfill.text().contains(&expected), "{}", backfill.text());
}

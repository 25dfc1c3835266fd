//! Every followed value in the catalogue against the read value.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fastrand::Rng;
use rocketchat_exporter::followed_rows;
use serde_json::{Value, json};

use super::writer::{Writer, impatient_client};
use super::{differences, is_of, only_followed_collectors, replica_set, value};
use crate::support::{Exporter, Filled, eventually, seed};

/// Custom OAuth services depend on settings, so the collector is read for versions with this field.
const NOT_FOLLOWED: [&str; 1] = ["services.oauth.custom"];

/// Fields that are always 0 in Rocket.Chat, and the first version of that definition.
const ALWAYS_ZERO: [(&str, &str); 1] = [("enterprise.omnichannelPdfTranscriptRequested", "7.0.0")];

/// Versions of Rocket.Chat that together cover every definition of every followed document field.
fn versions() -> Vec<String> {
    let rows = followed_rows();
    let fields = rows.iter().flat_map(|rows| &rows.fields);
    let mut ranges: Vec<_> = fields
        .filter(|field| !NOT_FOLLOWED.contains(&field.path))
        .map(|field| field.versions)
        .collect();
    // Open ranges last.
    ranges.sort_by_key(|range| (range.end.is_none(), range.end));
    let mut chosen = Vec::new();
    for range in &ranges {
        if !chosen.iter().any(|version| range.contains(*version)) {
            let firsts = ranges.iter().map(|other| other.first);
            chosen.extend(firsts.filter(|first| range.contains(*first)).max());
        }
    }
    chosen.iter().map(ToString::to_string).collect()
}

/// The name of the workspace of a version.
fn name_of(version: &str) -> String {
    format!("v{}", version.replace('.', "-"))
}

/// Starts an exporter with a workspace for each version, all on the same database, that runs each collector once.
fn exporter(folder: &Path, uri: &str, live: &str) -> Exporter {
    let workspaces: serde_json::Map<_, _> = versions()
        .iter()
        .map(|version| {
            let workspace = json!({
                "mongodb": { "uri": uri, "live": live },
                "rocketchat": {
                    "version": version,
                    "timezone": "UTC",
                    "license-modules": ["abac", "livechat-enterprise"],
                },
            });
            (name_of(version), workspace)
        })
        .collect();
    let file = folder.join(format!("{live}.yml"));
    // JSON is YAML.
    let text = json!({ "workspaces": workspaces }).to_string();
    fs::write(&file, text).expect("the file can be written");
    let mut command = Exporter::command();
    command
        .arg(format!("--config.file={}", file.display()))
        .args([
            // The exporter spreads the starts of the workspaces over this interval.
            "--collection.fast-interval=5s",
            "--collection.normal-interval=1h",
            "--collection.slow-interval=1h",
            "--collection.max-share=1",
        ])
        .args(only_followed_collectors());
    Exporter::spawn(&mut command)
}

/// The series of the followed metrics in a workspace, without its label.
fn series(exporter: &Exporter, workspace: &str) -> BTreeMap<String, String> {
    let metrics = exporter.metrics();
    let label = format!("workspace=\"{workspace}\"");
    let rows = followed_rows();
    let names: Vec<_> = rows.iter().flat_map(|rows| &rows.metrics).collect();
    let lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .filter(|(series, _)| names.iter().any(|name| is_of(series, name)))
        .filter(|(series, _)| series.contains(&label))
        .map(|(series, value)| {
            let series = series.replace(&format!("{label},"), "");
            (
                series.replace(&format!("{{{label}}}"), ""),
                value.to_owned(),
            )
        })
        .collect()
}

/// The document of a workspace after a refresh, which runs the collectors that are not followed.
fn document(exporter: &Exporter, filled: &Filled, workspace: &str) -> Value {
    let admin = &filled.credentials.admin;
    let headers = [
        ("X-User-Id", &*admin.user_id),
        ("X-Auth-Token", &*admin.token),
    ];
    let path = format!("/workspaces/{workspace}/api/v1/statistics?refresh=true&shape=flat");
    let response = exporter.request("GET", &path, &headers);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

fn field<'a>(document: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(document, |value, name| &value[name])
}

fn is_nonzero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Object(fields) => fields.values().any(is_nonzero),
        _ => false,
    }
}

/// The number of runs of each followed collector in a workspace.
fn readings(exporter: &Exporter, workspace: &str) -> Vec<(&'static str, f64)> {
    let names = followed_rows().into_iter().map(|rows| rows.collector);
    names
        .map(|collector| {
            let series = format!(
                "rocketchat_exporter_collector_readings_total{{workspace=\"{workspace}\",collector=\"{collector}\"}}"
            );
            (collector, value(exporter, &series))
        })
        .collect()
}

/// Waits until both exporters show the same series of a workspace, and returns them.
async fn agreed_series(
    following: &Exporter,
    polling: &Exporter,
    workspace: &str,
) -> BTreeMap<String, String> {
    for rows in followed_rows() {
        let succeeded = format!(
            "rocketchat_exporter_collector_success{{workspace=\"{workspace}\",collector=\"{}\"}}",
            rows.collector
        );
        eventually(&succeeded, || {
            polling.value(&succeeded).filter(|state| *state > 0.0)
        })
        .await;
    }
    let expected = series(polling, workspace);
    let mut followed = BTreeMap::new();
    for _ in 0..300 {
        followed = series(following, workspace);
        if followed == expected {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let differences = differences(&expected, &followed);
    assert!(differences.is_empty(), "{workspace}: {differences:#?}");
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn every_followed_value_equals_the_read_value_and_is_not_zero() {
    let seed = seed();
    let mongod = replica_set().await;
    let filled = Filled::at(&mongod.uri()).await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let live = exporter(folder.path(), &mongod.uri(), "on");
    let names: Vec<_> = versions().iter().map(|version| name_of(version)).collect();
    for name in &names {
        let following =
            format!("rocketchat_exporter_live_state{{workspace=\"{name}\",state=\"following\"}}");
        eventually(&following, || {
            live.value(&following).filter(|state| *state > 0.0)
        })
        .await;
    }
    let mut writer = Writer {
        random: Rng::with_seed(seed),
        database: impatient_client(&mongod.uri()).await.database("rocketchat"),
        ids: 1_500,
    };
    writer.fill().await;
    for _ in 0..300 {
        writer.write().await;
    }
    writer.settle().await;
    let read = exporter(folder.path(), &mongod.uri(), "off");
    let rows = followed_rows();
    let mut nonzero_series = BTreeSet::new();
    let mut all_series = BTreeSet::new();
    let mut unseen: BTreeSet<_> = rows
        .iter()
        .flat_map(|rows| &rows.fields)
        .filter(|field| !NOT_FOLLOWED.contains(&field.path))
        .map(|field| (field.path, field.versions.first.to_string()))
        .collect();
    for (path, first) in ALWAYS_ZERO {
        unseen.remove(&(path, first.to_owned()));
    }
    for (version, name) in versions().iter().zip(&names) {
        let expected = agreed_series(&live, &read, name).await;
        let nonzero = expected.iter().filter(|(_, value)| *value != "0");
        nonzero_series.extend(nonzero.map(|(series, _)| series.clone()));
        all_series.extend(expected.into_keys());
        let before = readings(&live, name);
        let (followed, expected) = (
            document(&live, &filled, name),
            document(&read, &filled, name),
        );
        assert_eq!(
            readings(&live, name),
            before,
            "{version}: a collector was read instead of followed"
        );
        for rows in &rows {
            let version = version.parse().expect("the version is valid");
            let fields = rows.fields.iter();
            for row in fields.filter(|row| row.versions.contains(version)) {
                let value = field(&expected, row.path);
                assert_eq!(field(&followed, row.path), value, "{version}: {}", row.path);
                if is_nonzero(value) {
                    unseen.remove(&(row.path, row.versions.first.to_string()));
                }
            }
        }
    }
    assert!(
        unseen.is_empty(),
        "fields that were always zero: {unseen:?}"
    );
    let zero: Vec<_> = all_series.difference(&nonzero_series).collect();
    assert!(zero.is_empty(), "series that were always zero: {zero:?}");
    for name in rows.iter().flat_map(|rows| &rows.metrics) {
        let has_series = all_series.iter().any(|series| is_of(series, name));
        assert!(has_series, "{name} has no series");
    }
}

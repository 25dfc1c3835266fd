//! The conditions of the Info page against the shipped alerting rules: names, severities, waits and thresholds, and what
//! page and Prometheus find in the same workspaces.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use regex_lite::Regex;
use rocketchat_exporter::CONDITIONS;
use serde_json::{Value, json};
use testbed::tools;

use crate::rules::{RULES, alerts, rule_files, seconds, text};
use crate::support::license::{v3, with};
use crate::support::{Exporter, Filled, Prometheus, uri_of};

/// Alerts that compare with the past, which only Prometheus knows.
const OF_THE_PAST: [&str; 9] = [
    "CollectionDoubled",
    "ExporterRestarting",
    "InstanceLost",
    "InstancesRestarting",
    "MessagesStopped",
    "OplogWindowShort",
    "UncaughtExceptions",
    "UploadsGrowingFast",
    "UsersOnlineAnomaly",
];

/// Alerts about the exporter's process, which serves the page, and not about a workspace.
const OF_THE_EXPORTER: [&str; 5] = [
    "ExporterDown",
    "ExporterReloadFailed",
    "ShardMissing",
    "ShardsDisagree",
    "WorkspaceFileInvalid",
];

/// The constant that an expression is, in the syntax tree that Prometheus returns.
fn constant(expression: &Value) -> Option<f64> {
    match text(&expression["type"]) {
        "numberLiteral" => text(&expression["val"]).parse().ok(),
        "parenExpr" => constant(&expression["expr"]),
        "binaryExpr" => {
            let left = constant(&expression["lhs"])?;
            let right = constant(&expression["rhs"])?;
            match text(&expression["op"]) {
                "*" => Some(left * right),
                "^" => Some(left.powf(right)),
                other => panic!("{other} between constants"),
            }
        }
        _ => None,
    }
}

/// The constants in an expression, in its order.
fn constants(expression: &Value, found: &mut Vec<f64>) {
    if let Some(number) = constant(expression) {
        found.push(number);
        return;
    }
    for part in ["lhs", "rhs", "expr"] {
        if expression[part].is_object() {
            constants(&expression[part], found);
        }
    }
    for argument in expression["args"].as_array().into_iter().flatten() {
        constants(argument, found);
    }
}

#[tokio::test]
async fn every_condition_agrees_with_its_rule() {
    let prometheus = Prometheus::start(tools::PROMETHEUS_3, "global: {}\n").await;
    let alerts = alerts();
    for row in CONDITIONS {
        let name = row.alert;
        let rule = alerts
            .get(name)
            .unwrap_or_else(|| panic!("there is no alert {name}"));
        let severity = text(&rule["labels"]["severity"]);
        assert_eq!(severity, row.severity.name(), "{name}");
        assert_eq!(seconds(text(&rule["for"])), row.wait, "{name}");
        let expression = text(&rule["expr"]);
        let parsed = prometheus.api("parse_query", &[("query", expression)]);
        let mut found = Vec::new();
        constants(&parsed.expect("it is valid"), &mut found);
        assert_eq!(found, row.thresholds, "{name}: {expression}");
        let looks_back = expression.contains('[');
        assert_eq!(looks_back, row.past.is_some(), "{name}: {expression}");
        assert_eq!(text(&rule["annotations"]["runbook_url"]), row.runbook());
    }
}

#[test]
fn alerts_without_a_condition_need_the_past_or_are_about_the_exporter() {
    let rows: BTreeSet<&str> = CONDITIONS.iter().map(|row| row.alert).collect();
    let alerts = alerts();
    let without: BTreeSet<&str> = alerts
        .keys()
        .map(String::as_str)
        .filter(|name| !rows.contains(name))
        .collect();
    let expected = OF_THE_PAST.into_iter().chain(OF_THE_EXPORTER).collect();
    assert_eq!(without, expected);
    for name in OF_THE_PAST {
        let expression = text(&alerts[name]["expr"]);
        let compares = ["[", "offset", ":usual"];
        assert!(
            compares.iter().any(|part| expression.contains(part)),
            "{name}"
        );
    }
}

/// Draws from a fixed sequence, so that each run has the same workspaces.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn is_drawn(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// The time until page and Prometheus have to agree.
const TIMEOUT: Duration = Duration::from_secs(135);

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The time so many seconds ago.
fn ago(seconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - seconds * 1000)
}

/// An instance with a heartbeat of this age.
fn instance(id: &str, age: i64, node: &str, connections: i64) -> Document {
    doc! {
        "_id": id, "pid": 7, "_createdAt": ago(DAY), "_updatedAt": ago(age),
        "extraInformation": { "host": id, "port": "3000", "nodeVersion": node, "conns": connections },
    }
}

/// The ids of the instances that run until the test ends.
const RUNNING: [&str; 2] = ["one", "two"];

/// Writes the heartbeats that the running instances of a workspace write.
async fn write_heartbeats(workspace: &Filled) {
    let running = doc! { "_id": { "$in": RUNNING.as_slice() } };
    let heartbeat = doc! { "$currentDate": { "_updatedAt": true } };
    let instances = workspace.collection("instances");
    instances
        .update_many(running, heartbeat)
        .await
        .expect("instances can be updated");
}

/// A workspace with some faults, and the version that it is said to have.
async fn faulty(draws: &mut Draws) -> (Filled, &'static str) {
    let filled = Filled::new().await;
    let all = doc! {};
    let instances = filled.collection("instances");
    // Without it MongoDB does not remove records that are not alive.
    instances
        .drop_indexes()
        .await
        .expect("the indexes can be dropped");
    instances
        .delete_many(all.clone())
        .await
        .expect("instances can be deleted");
    let records = match draws.below(4) {
        0 => vec![instance("gone", 10 * MINUTE, "v22.1.0", 10)],
        1 => vec![
            instance("one", 5, "v22.1.0", 150),
            instance("gone", 10 * MINUTE, "v22.1.0", 9),
        ],
        2 => vec![
            instance("one", 5, "v22.1.0", 100),
            instance("two", 5, "v20.1.0", 75),
        ],
        _ => vec![
            instance("one", 5, "v22.1.0", 170),
            instance("ahead", -HOUR, "v22.1.0", 0),
        ],
    };
    instances
        .insert_many(records)
        .await
        .expect("instances can be inserted");
    let set_all = async |collection: &str, field: &str, value: DateTime| {
        filled
            .collection(collection)
            .update_many(doc! {}, doc! { "$set": { field: value } })
            .await
            .expect("the documents can be updated");
    };
    let seen = if draws.is_drawn() { HOUR } else { 10 };
    set_all("rocketchat_subscription", "ls", ago(seen)).await;
    let age = [HOUR, 60 * HOUR, 40 * DAY][usize::try_from(draws.below(3)).unwrap_or_default()];
    set_all("rocketchat_statistics", "createdAt", ago(age)).await;
    let waits = if draws.is_drawn() {
        20 * MINUTE
    } else {
        MINUTE
    };
    set_all("rocketchat_livechat_inquiry", "ts", ago(waits)).await;
    set_all("rocketchat_notification_queue", "ts", ago(waits)).await;
    filled.set("Livechat_enabled", draws.is_drawn()).await;
    if draws.is_drawn() {
        filled
            .collection("users")
            .update_many(all, doc! { "$set": { "statusLivechat": "not-available" } })
            .await
            .expect("users can be updated");
    }
    if draws.is_drawn() {
        filled.lock_migration(ago(HOUR)).await;
    }
    filled
        .set("Presence_broadcast_disabled", draws.is_drawn())
        .await;
    let days = [-1, 0, 4, 8][usize::try_from(draws.below(4)).unwrap_or_default()];
    filled
        .set(
            "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
            days,
        )
        .await;
    if let Some(license) = license(draws) {
        filled.set("Site_Url", "https://chat.example.com").await;
        filled.set("Enterprise_License", license).await;
        filled.set("Enterprise_License_Status", "Valid").await;
    }
    let held = [0, 2 * HOUR, 8 * DAY][usize::try_from(draws.below(3)).unwrap_or_default()];
    if held > 0 {
        let held = doc! { "$set": { "lockedAt": ago(held), "nextRunAt": ago(held) } };
        let jobs = filled.collection("rocketchat_cron");
        jobs.update_many(doc! { "name": { "$in": ["statistics", "NPS"] } }, held)
            .await
            .expect("jobs can be updated");
    }
    let version = ["9.0.0", "6.4.0", "8.5.0"][usize::try_from(draws.below(3)).unwrap_or_default()];
    (filled, version)
}

/// No license, or one that ends soon, later, or has ended, with many seats or too few.
fn license(draws: &mut Draws) -> Option<String> {
    let days = [-2, 3, 100];
    let days = days[usize::try_from(draws.below(4)).ok()?.min(2)];
    if draws.below(4) == 0 {
        return None;
    }
    let end = ago(-days * DAY)
        .try_to_rfc3339_string()
        .expect("the time can be written");
    let mut content = with("/validation/validPeriods/0/validUntil", json!(end));
    let seats = if draws.is_drawn() { 500 } else { 61 };
    content["limits"]["activeUsers"] = json!([{ "max": seats, "behavior": "prevent_action" }]);
    Some(v3(&content))
}

/// The alerts of each workspace that are pending or firing in Prometheus.
fn alerts_of(prometheus: &Prometheus) -> BTreeMap<String, BTreeSet<String>> {
    let data = prometheus
        .api("alerts", &[])
        .expect("alerts can be queried");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for alert in data["alerts"].as_array().expect("alerts are a list") {
        let labels = &alert["labels"];
        if let (Some(workspace), Some(name)) =
            (labels["workspace"].as_str(), labels["alertname"].as_str())
        {
            found
                .entry(workspace.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
    }
    found
}

/// The alerts that a workspace's page names.
fn alerts_on_page(exporter: &Exporter, workspace: &str) -> BTreeSet<String> {
    let page = exporter.get(&format!("/info/{workspace}")).text();
    let name = Regex::new("data-alert=\"([A-Za-z]+)\"").expect("the expression is valid");
    name.captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect()
}

/// A Prometheus with the shipped rules that scrapes the exporter every three seconds.
async fn prometheus_on(exporter: &Exporter) -> Prometheus {
    let rules: Vec<String> = rule_files()
        .iter()
        .map(|file| format!("{}/{RULES}/{file}", env!("CARGO_MANIFEST_DIR")))
        .collect();
    let configuration = json!({
        "global": { "scrape_interval": "3s", "evaluation_interval": "1s" },
        "rule_files": rules,
        "scrape_configs": [{
            "job_name": "rocketchat-exporter",
            "static_configs": [{ "targets": [exporter.address()] }],
        }],
    });
    Prometheus::start(tools::PROMETHEUS_3, &configuration.to_string()).await
}

/// Exporter on faulty workspaces and one whose database is down.
///
/// The other results are the faulty workspaces, and the names of all.
async fn exporter_on_faulty_workspaces(folder: &Path) -> (Exporter, Vec<Filled>, Vec<String>) {
    let mut draws = Draws(21);
    let down = "{uri: 'mongodb://127.0.0.1:9', connect-timeout: 500ms}";
    let mut text = format!("workspaces:\n  down: {{mongodb: {down}}}\n");
    let mut names = vec!["down".to_owned()];
    let mut workspaces = Vec::new();
    for number in 0..8 {
        let (filled, version) = faulty(&mut draws).await;
        let (name, uri) = (format!("w{number}"), uri_of(&filled.database));
        writeln!(
            text,
            "  {name}: {{mongodb: {{uri: '{uri}'}}, rocketchat: {{version: {version}}}}}"
        )
        .expect("a string can be written to");
        names.push(name);
        workspaces.push(filled);
    }
    let file = folder.join("exporter.yml");
    std::fs::write(&file, text).expect("the file can be written");
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--rocketchat.timezone=UTC",
        "--collection.fast-interval=2s",
        "--collection.normal-interval=4s",
    ]);
    (exporter, workspaces, names)
}

/// The alerts that some workspace has in the test, and another has not.
const EXPECTED: [&str; 20] = [
    "BackgroundJobHung",
    "BackgroundJobOverdue",
    "DatabaseUnreachable",
    "InstanceHeartbeatInFuture",
    "InstanceHeartbeatStale",
    "LicenseExpiring",
    "LivechatWaitingTooLong",
    "MigrationLocked",
    "MongoDBUnsupported",
    "NoAgentsAvailable",
    "PresenceDisabled",
    "PresenceLimitNear",
    "PushQueueStuck",
    "ReadOnlySoon",
    "RocketChatDown",
    "SeatsNearLimit",
    "StatisticsStale",
    "SupportEnding",
    "VersionSkew",
    "WorkspaceReadOnly",
];

#[tokio::test(flavor = "multi_thread")]
async fn page_names_the_alerts_that_prometheus_evaluates() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let (exporter, workspaces, names) = exporter_on_faulty_workspaces(folder.path()).await;
    let prometheus = prometheus_on(&exporter).await;
    let without_past = CONDITIONS.iter().filter(|row| row.past.is_none());
    let compared: BTreeSet<&str> = without_past.map(|row| row.alert).collect();
    let by_workspace =
        |of: &dyn Fn(&str) -> BTreeSet<String>| -> BTreeMap<String, BTreeSet<String>> {
            let of = |name: &String| {
                let alerts = of(name).into_iter();
                alerts
                    .filter(|alert| compared.contains(alert.as_str()))
                    .collect()
            };
            names.iter().map(|name| (name.clone(), of(name))).collect()
        };
    let begun = Instant::now();
    let (shown, evaluated) = loop {
        for workspace in &workspaces {
            write_heartbeats(workspace).await;
        }
        let shown = by_workspace(&|name| alerts_on_page(&exporter, name));
        let alerts = alerts_of(&prometheus);
        let evaluated = by_workspace(&|name| alerts.get(name).cloned().unwrap_or_default());
        let is_read = names.iter().all(|name| {
            let page = exporter.get(&format!("/info/{name}")).text();
            !page.contains("First reading")
        });
        if begun.elapsed() > TIMEOUT || is_read && shown == evaluated {
            break (shown, evaluated);
        }
        // Ten pages and a query take much of a busy machine.
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    assert_eq!(shown, evaluated);
    for name in EXPECTED {
        let with = shown
            .values()
            .filter(|alerts| alerts.contains(name))
            .count();
        assert!(with > 0, "no workspace has {name}");
        assert!(with < names.len(), "every workspace has {name}");
    }
}

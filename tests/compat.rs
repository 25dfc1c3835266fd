//! `--compat-metrics`: the names of Rocket.Chat's built-in exporter.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{
    Exporter, complaint_of_promtool, complaint_of_strict_parser, dump, fresh_database,
    shared_exporter, uri_of,
};

/// Names of the built-in exporter's numbers that are not re-emitted: only Rocket.Chat's process knows them.
const OF_THE_PROCESS: [&str; 13] = [
    "rocketchat_callbacks",
    "rocketchat_ddp_rate_limit_exceeded",
    "rocketchat_hooks",
    "rocketchat_message_sent",
    "rocketchat_meteor_facts",
    "rocketchat_meteor_methods",
    "rocketchat_meteor_subscriptions",
    "rocketchat_metrics_requests",
    "rocketchat_metrics_size",
    "rocketchat_notification_sent",
    "rocketchat_oplog",
    "rocketchat_oplog_queue",
    "rocketchat_rest_api",
];

/// Series by name and labels, with their values.
fn series(exposition: &str) -> BTreeMap<&str, f64> {
    exposition
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series, value.parse().ok()?))
        })
        .collect()
}

/// Names of the families of one type, or of all.
fn families<'a>(exposition: &'a str, kind: Option<&str>) -> BTreeSet<&'a str> {
    exposition
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(_, of)| kind.is_none_or(|kind| kind == *of))
        .map(|(name, _)| name)
        .collect()
}

fn name(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

/// The names that the reference lists as those of the built-in exporter.
fn of_the_reference(reference: &str) -> BTreeSet<&str> {
    let (_, section) = reference
        .split_once("### The built-in exporter's names\n")
        .expect("the reference has the section");
    let section = section.split("\n#").next().unwrap_or(section);
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_are_there_without_a_type_and_pass_promtool_and_the_strict_parser() {
    let workspace = shared_exporter(&["--compat-metrics"]).await;
    let exporter = &workspace.exporter;
    let classic = exporter.metrics();
    let names = families(&classic, Some("untyped"));
    let reference = rocketchat_exporter::statistics_reference();
    assert_eq!(names, of_the_reference(&reference));
    assert_eq!(complaint_of_promtool(classic.as_bytes()), None);

    let accept = [("Accept", "application/openmetrics-text; version=1.0.0")];
    let openmetrics = exporter.request("GET", "/metrics", &accept).text();
    assert_eq!(families(&openmetrics, Some("unknown")), names);
    let complaint = complaint_of_strict_parser(
        openmetrics.as_bytes(),
        &format!(
            "sum(family.type == 'unknown' for family in families.values()) == {}",
            names.len()
        ),
    );
    assert_eq!(complaint, None);
}

/// Every name in panels of the official dashboard (grafana.com 23428) that can be served whole, and in its variables.
const OF_THE_DASHBOARD: [&str; 13] = [
    "rocketchat_apps_enabled",
    "rocketchat_apps_failed",
    "rocketchat_apps_installed",
    "rocketchat_ddp_connected_users",
    "rocketchat_ddp_sessions_auth",
    "rocketchat_ddp_sessions_count",
    "rocketchat_info",
    "rocketchat_messages_total",
    "rocketchat_push_queue",
    "rocketchat_rooms_total",
    "rocketchat_users_away",
    "rocketchat_users_online",
    "rocketchat_users_total",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_the_official_dashboard_asks_for_has_a_series() {
    let workspace = shared_exporter(&["--compat-metrics"]).await;
    let exporter = &workspace.exporter;
    let metrics = exporter.metrics();
    let shown: BTreeSet<_> = series(&metrics).into_keys().map(name).collect();
    for name in OF_THE_DASHBOARD {
        assert!(shown.contains(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_are_only_there_when_they_are_asked_for() {
    let workspace = shared_exporter(&[]).await;
    let exporter = &workspace.exporter;
    assert!(families(&exporter.metrics(), Some("untyped")).is_empty());
}

#[test]
fn the_switch_has_a_variable_that_is_true_or_false_in_words_or_numbers() {
    for (value, accepted) in [("1", true), ("false", true), ("perhaps", false)] {
        let output = Exporter::command()
            .env("ROCKETCHAT_EXPORTER_COMPAT_METRICS", value)
            .arg("--print-statistics")
            .output()
            .expect("the exporter runs");
        assert_eq!(output.status.success(), accepted, "{value}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.contains("--compat-metrics"), !accepted, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_equals_what_the_exporter_of_rocket_chat_3_4_0_said() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let alpha = truth.join("alpha");
    let scrape = std::fs::read_to_string(alpha.join("metrics-9458.txt"))
        .expect("the capture of the metrics is there");
    let database = fresh_database().await;
    dump::load(&alpha.join("dump"), &database).await;
    let exporter = Exporter::on(
        &uri_of(&database),
        &["--debug.now=2026-11-21T00:16:51.225Z", "--compat-metrics"],
    );
    exporter.whole().await;
    let metrics = exporter.metrics();

    let names = families(&metrics, Some("untyped"));
    let (ours, theirs) = (series(&metrics), series(&scrape));
    let mut compared = BTreeSet::new();
    for (series, value) in &theirs {
        let name = name(series);
        if names.contains(name) || name == "rocketchat_info" {
            assert_eq!(ours.get(series), Some(value), "{series}");
            compared.insert(name);
        }
    }
    // The names that later versions brought have values too, and nothing to be compared with.
    let later: Vec<_> = names.difference(&compared).copied().collect();
    assert_eq!(
        later,
        [
            "rocketchat_agents_total",
            "rocketchat_apps_enabled",
            "rocketchat_apps_installed",
            "rocketchat_visitors_total"
        ]
    );
    // An instance tells its number of connections from 6.0 on.
    let mut missing: BTreeSet<_> = families(&scrape, None)
        .into_iter()
        .filter(|name| name.starts_with("rocketchat_") && !compared.contains(name))
        .collect();
    assert!(missing.remove("rocketchat_ddp_sessions_count"));
    assert_eq!(missing, BTreeSet::from(OF_THE_PROCESS));
}

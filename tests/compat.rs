//! `--compat-metrics`: the names of Rocket.Chat's built-in exporter.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{
    Exporter, dump, fresh_database, promtool_error, shared_exporter, strict_parser_error, uri_of,
};

/// Metrics of the built-in exporter that are not emitted, because only Rocket.Chat's process has their values.
const PROCESS_METRICS: [&str; 13] = [
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

/// The value of each series.
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

/// The names of the metric families of a type, or of all.
fn families<'a>(exposition: &'a str, kind: Option<&str>) -> BTreeSet<&'a str> {
    exposition
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(_, found)| kind.is_none_or(|kind| kind == *found))
        .map(|(name, _)| name)
        .collect()
}

fn name(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

/// The names of the built-in exporter that the statistics reference lists.
fn reference_names(reference: &str) -> BTreeSet<&str> {
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
async fn compat_metrics_are_untyped_and_pass_promtool_and_the_strict_parser() {
    let workspace = shared_exporter(&["--compat-metrics"]).await;
    let exporter = &workspace.exporter;
    let classic = exporter.metrics();
    let names = families(&classic, Some("untyped"));
    let reference = rocketchat_exporter::statistics_reference();
    assert_eq!(names, reference_names(&reference));
    assert_eq!(promtool_error(classic.as_bytes()), None);

    let accept = [("Accept", "application/openmetrics-text; version=1.0.0")];
    let openmetrics = exporter.request("GET", "/metrics", &accept).text();
    assert_eq!(families(&openmetrics, Some("unknown")), names);
    let error = strict_parser_error(
        openmetrics.as_bytes(),
        &format!(
            "sum(family.type == 'unknown' for family in families.values()) == {}",
            names.len()
        ),
    );
    assert_eq!(error, None);
}

/// The metrics in panels and variables of the official dashboard (grafana.com 23428) that the exporter can provide.
const DASHBOARD_METRICS: [&str; 13] = [
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
async fn every_metric_of_the_official_dashboard_has_a_series() {
    let workspace = shared_exporter(&["--compat-metrics"]).await;
    let exporter = &workspace.exporter;
    let metrics = exporter.metrics();
    let shown: BTreeSet<_> = series(&metrics).into_keys().map(name).collect();
    for name in DASHBOARD_METRICS {
        assert!(shown.contains(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_metrics_are_off_by_default() {
    let workspace = shared_exporter(&[]).await;
    let exporter = &workspace.exporter;
    assert!(families(&exporter.metrics(), Some("untyped")).is_empty());
}

#[test]
fn compat_variable_accepts_booleans_as_words_and_numbers() {
    for (value, accepted) in [("1", true), ("false", true), ("perhaps", false)] {
        let output = Exporter::command()
            .env("ROCKETCHAT_EXPORTER_COMPAT_METRICS", value)
            .arg("--print-statistics")
            .output()
            .expect("the exporter runs");
        assert_eq!(output.status.success(), accepted, "{value}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.contains("--compat-metrics"), !accepted, "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_values_equal_those_of_rocket_chat_3_4_0() {
    let Some(recordings) = dump::recordings() else {
        eprintln!("skipped: the recording of a real workspace is not next to the project");
        return;
    };
    let alpha = recordings.join("alpha");
    let scrape = std::fs::read_to_string(alpha.join("metrics-9458.txt"))
        .expect("the recorded metrics can be read");
    let database = fresh_database().await;
    dump::load(&alpha.join("dump"), &database).await;
    let exporter = Exporter::on(
        &uri_of(&database),
        &["--debug.now=2026-11-21T00:16:51.225Z", "--compat-metrics"],
    );
    exporter.wait_for_collectors().await;
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
    // Later versions added these names, so the recording has no values for them.
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
    // Instances store their number of connections since 6.0.
    let mut missing: BTreeSet<_> = families(&scrape, None)
        .into_iter()
        .filter(|name| name.starts_with("rocketchat_") && !compared.contains(name))
        .collect();
    assert!(missing.remove("rocketchat_ddp_sessions_count"));
    assert_eq!(missing, BTreeSet::from(PROCESS_METRICS));
}

//! `--collector.profile`: the collectors and the metrics of a profile.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::rules::{alerts, metrics_of, text};
use crate::support::{Exporter, eventually, printed_role, shared_workspace};

/// The most series of a workspace in the profile `minimal`.
const MAX_MINIMAL_SERIES: usize = 70;

/// The number of series in an exposition.
fn series(exposition: &str) -> usize {
    let is_series = |line: &&str| !line.is_empty() && !line.starts_with('#');
    exposition.lines().filter(is_series).count()
}

/// The collectors that were read.
fn collectors(exposition: &str) -> BTreeSet<&str> {
    let prefix = "rocketchat_exporter_collector_success{collector=\"";
    let outcomes = exposition
        .lines()
        .filter_map(|line| line.strip_prefix(prefix));
    outcomes.filter_map(|line| line.split('"').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn minimal_profile_has_at_most_70_series_and_switches_win_over_it() {
    let shared = shared_workspace().await;
    shared.keep_alive().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let mongodb = json!({ "uri": shared.uri });
    // Nothing listens there: the probe fails, and has its series.
    let rocketchat = json!({ "url": "http://127.0.0.1:9" });
    // JSON is YAML.
    let configuration = json!({
        "collector": { "profile": "minimal" },
        "rocketchat": rocketchat,
        "workspaces": {
            "small": { "mongodb": mongodb },
            "switched": { "mongodb": mongodb, "collector": { "rooms": true, "probe": false } },
            "whole": { "mongodb": mongodb, "collector": { "profile": "default" } },
            "full": { "mongodb": mongodb, "collector": { "profile": "full" } },
        },
    });
    fs::write(&file, configuration.to_string()).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    let probe = async |name: &str, count: usize| {
        let expected = format!("{count} collectors of `{name}` are read");
        eventually(&expected, || {
            let exposition = exporter.get(&format!("/probe?target={name}")).text();
            (collectors(&exposition).len() == count).then_some(exposition)
        })
        .await
    };
    let small = probe("small", 9).await;
    let number = series(&small);
    assert!(number <= MAX_MINIMAL_SERIES, "{number}: {small}");
    assert!(small.contains("\nrocketchat_instances "), "{small}");
    assert!(!small.contains("rocketchat_instance_info"), "{small}");
    let switched = probe("switched", 9).await;
    assert!(collectors(&switched).contains("rooms"), "{switched}");
    assert!(!collectors(&switched).contains("probe"), "{switched}");
    // All metrics of a collector that its own switch enables.
    assert!(
        switched.contains("\nrocketchat_room_messages{"),
        "{switched}"
    );
    // The host is no part of a workspace.
    let all = rocketchat_exporter::COLLECTORS;
    let whole = series(&probe("whole", all).await);
    assert_eq!(series(&probe("full", all).await), whole);
    let enabled = |text: &str| collectors(text).len();
    assert_documented(
        (enabled(&small), number),
        (enabled(&probe("whole", all).await), whole),
    );
    // With `collect[]` too.
    let selected = exporter
        .get("/probe?target=small&collect[]=instances")
        .text();
    assert!(!selected.contains("rocketchat_instance_info"), "{selected}");
}

/// The table of profiles in the docs has these numbers of collectors and of series.
fn assert_documented(minimal: (usize, usize), default: (usize, usize)) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let page = fs::read_to_string(page).expect("the page can be read");
    let documented = |profile: &str| {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{profile}` |")));
        let row = row.unwrap_or_else(|| panic!("no row of `{profile}`"));
        let mut numbers = row.split('|').filter_map(|cell| cell.trim().parse().ok());
        let mut next = || -> usize { numbers.next().unwrap_or_else(|| panic!("no number: {row}")) };
        (next(), next())
    };
    assert_eq!(documented("minimal"), minimal);
    // The state of the shared server decides about a few series.
    for profile in ["default", "full"] {
        let (collectors, series) = documented(profile);
        assert_eq!(collectors, default.0, "{profile}");
        let difference = series.abs_diff(default.1);
        assert!(difference <= default.1 / 20, "{profile}: {}", default.1);
    }
}

#[test]
fn minimal_profile_has_the_metrics_of_every_critical_alert() {
    let table = rocketchat_exporter::minimal_profile();
    let mut checked = 0;
    for (name, alert) in alerts() {
        if alert["labels"]["severity"] != "critical" {
            continue;
        }
        for (_, metric) in metrics_of(text(&alert["expr"])) {
            // Prometheus' own metric, and those of the exporter itself.
            let own = [
                "up",
                "rocketchat_exporter_build_info",
                "rocketchat_exporter_shard",
                "rocketchat_exporter_total_shards",
            ];
            if own.contains(&metric) {
                continue;
            }
            assert!(table.contains(&format!("`{metric}`")), "{name}: {metric}");
            checked += 1;
        }
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn role_of_the_minimal_profile_has_fewer_privileges() {
    let role = printed_role(&["--collector.profile=minimal", "--format=json"]);
    assert!(role.contains("rocketchat_message"), "{role}");
    for collection in [
        "rocketchat_room",
        "rocketchat_uploads",
        "rocketchat_sessions",
    ] {
        assert!(!role.contains(&format!("\"{collection}\"")), "{role}");
    }
}

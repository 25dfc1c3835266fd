//! Rules for all dashboards, after Grafana's dashboard-linter, and the targets of their links.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::promql::{Selector, parsed_queries};
use super::{boards, list, text};

/// The Grafana units that panels may use.
const UNITS: [&str; 10] = [
    "bool_yes_no",
    "Bps",
    "bytes",
    "dateTimeAsIso",
    "none",
    "percentunit",
    "reqps",
    "s",
    "short",
    "string",
];

/// Prefixes of metrics without the label `workspace`.
const WITHOUT_WORKSPACE: [&str; 11] = [
    "process_",
    "rocketchat_exporter_build_info",
    "rocketchat_exporter_config_",
    "rocketchat_exporter_http_",
    "rocketchat_exporter_log_",
    "rocketchat_exporter_shard",
    "rocketchat_exporter_task_",
    "rocketchat_exporter_total_shards",
    "rocketchat_exporter_workspace_file",
    "rocketchat_host_",
    "rocketchat_process_",
];

/// The data source that the variable selects.
fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

#[test]
fn all_dashboards_have_the_same_variables() {
    for board in boards() {
        let names: Vec<&str> = board
            .variables()
            .iter()
            .map(|variable| text(&variable["name"]))
            .collect();
        assert_eq!(
            names,
            ["datasource", "job", "instance", "workspace"],
            "{}",
            board.file
        );
        let by_name: BTreeMap<&str, &Value> = board
            .variables()
            .iter()
            .map(|variable| (text(&variable["name"]), variable))
            .collect();
        assert_eq!(by_name["datasource"]["query"], "prometheus");
        for name in ["job", "instance", "workspace"] {
            let variable = by_name[name];
            assert_eq!(
                variable["datasource"],
                data_source(),
                "{}: {name}",
                board.file
            );
            // 2 means: when the time range changes. New workspaces are found without a reload.
            assert_eq!(variable["refresh"], 2, "{}: {name}", board.file);
            assert!(text(&variable["query"]).starts_with("label_values(rocketchat_up"));
        }
        // `.*` also matches an absent label, as a single workspace has none.
        assert_eq!(by_name["workspace"]["allValue"], ".*");
        assert_eq!(by_name["workspace"]["current"]["value"], "$__all");
        assert_eq!(by_name["job"]["allValue"], ".+");
    }
}

#[test]
fn every_panel_has_a_description_and_a_unit() {
    for board in boards() {
        let mut ids = BTreeSet::new();
        for panel in board.panels() {
            let place = format!("{}: {}", board.file, panel["title"]);
            assert!(!text(&panel["title"]).is_empty(), "{place}");
            let description = text(&panel["description"]);
            assert!(description.ends_with('.'), "{place}: {description}");
            assert!(
                UNITS.contains(&text(&panel["fieldConfig"]["defaults"]["unit"])),
                "{place}"
            );
            assert!(ids.insert(panel["id"].as_u64()), "{place}: duplicate id");
            assert_eq!(panel["datasource"], data_source(), "{place}");
            assert!(!list(&panel["targets"]).is_empty(), "{place}");
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"], data_source(), "{place}");
            }
        }
    }
}

#[test]
fn panels_do_not_overlap() {
    for board in boards() {
        let mut taken = BTreeSet::new();
        for panel in list(&board.json["panels"]) {
            let side = |name: &str| {
                panel["gridPos"][name]
                    .as_u64()
                    .expect("a panel has a position")
            };
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    let place = format!("{}: {} at {x}, {y}", board.file, panel["title"]);
                    assert!(x < 24 && taken.insert((x, y)), "{place}");
                }
            }
        }
    }
}

#[test]
fn every_line_has_a_legend() {
    for board in boards() {
        for panel in board.panels().filter(|panel| panel["type"] == "timeseries") {
            for target in list(&panel["targets"]) {
                let place = format!("{}: {}", board.file, panel["title"]);
                assert!(!text(&target["legendFormat"]).is_empty(), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn every_query_selects_the_chosen_exporter_and_workspace() {
    for parsed in parsed_queries().await {
        let query = &parsed.query;
        for Selector { metric, matchers } in parsed.selectors() {
            let matches = |label: &str, value: &str| {
                let expected = (label, "=~", value);
                matchers
                    .iter()
                    .any(|found| (found.label, found.operator, found.value) == expected)
            };
            assert!(
                matches("job", ".+") && matches("instance", "host:9459"),
                "{query:?}"
            );
            let is_unlabelled = WITHOUT_WORKSPACE
                .iter()
                .any(|prefix| metric.starts_with(prefix));
            assert_eq!(
                matches("workspace", ".*"),
                !is_unlabelled,
                "{metric} in {query:?}"
            );
        }
    }
}

#[tokio::test]
async fn exactly_counters_are_shown_as_rates() {
    for parsed in parsed_queries().await {
        let query = &parsed.query;
        let rated = parsed.selectors_in(&["rate", "increase"]).into_iter();
        let rated: Vec<&str> = rated.map(|selector| selector.metric).collect();
        let is_counter = |name: &&str| name.ends_with("_total");
        let counters: Vec<&str> = parsed.metrics().filter(is_counter).collect();
        assert_eq!(counters, rated, "{query:?}");
        let windows = query.expression.matches("rate(").count();
        let chosen = query.expression.matches("[$__rate_interval]").count();
        assert_eq!(
            windows, chosen,
            "a rate must use `$__rate_interval`: {query:?}"
        );
    }
}

#[test]
fn links_point_to_existing_dashboards_and_runbooks() {
    let boards = boards();
    let uids: BTreeSet<&str> = boards.iter().map(super::Board::uid).collect();
    let variables: BTreeSet<&str> = boards[0]
        .variables()
        .iter()
        .map(|variable| text(&variable["name"]))
        .collect();
    let runbooks = format!("{}/blob/main/docs/runbooks/", env!("CARGO_PKG_REPOSITORY"));
    let mut seen = [0, 0];
    for board in &boards {
        // Every dashboard links to the others by this tag.
        let link = &board.json["links"][0];
        assert!(
            list(&board.json["tags"]).contains(&link["tags"][0]),
            "{}",
            board.file
        );
        assert_eq!(
            (&link["includeVars"], &link["keepTime"]),
            (&json!(true), &json!(true))
        );
        for url in urls(&board.json["panels"]) {
            if let Some(address) = url.strip_prefix("/d/") {
                let (uid, parameters) = address
                    .split_once('?')
                    .expect("the link passes the variables");
                assert!(uids.contains(uid), "{}: {url}", board.file);
                for name in parameters
                    .split("var-")
                    .skip(1)
                    .filter_map(|parameter| parameter.split('=').next())
                {
                    assert!(variables.contains(name), "{}: {url}", board.file);
                }
                seen[0] += 1;
            } else {
                let page = url.strip_prefix(&runbooks).unwrap_or_default();
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks");
                assert!(file.join(page).is_file(), "{}: {url}", board.file);
                seen[1] += 1;
            }
        }
    }
    assert!(seen[0] >= 1 && seen[1] >= 50, "{seen:?}");
}

/// Every `url` in a JSON value.
fn urls(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().flat_map(urls).collect(),
        Value::Object(fields) => {
            let own = fields.get("url").and_then(Value::as_str);
            own.into_iter()
                .chain(fields.values().flat_map(urls))
                .collect()
        }
        _ => Vec::new(),
    }
}

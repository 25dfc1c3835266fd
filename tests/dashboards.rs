//! The Grafana dashboards: generated from their source, valid for Grafana's models, of one style, and with data in every
//! panel.

mod live;
mod promql;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testbed::tools::dashboards;

use promql::{Matcher, ParsedQuery, parsed_queries};

use crate::support::Exporter;

/// A dashboard's file.
struct Board {
    file: String,
    json: Value,
}

/// A query of a panel or an annotation.
#[derive(Debug)]
struct Query {
    board: String,
    panel: String,
    /// The panel's id; an annotation has none.
    id: Option<u64>,
    /// Grafana's `refId`.
    reference: String,
    /// Contains Grafana's variables.
    expression: String,
    legend: String,
    /// Whether only the newest value is queried.
    instant: bool,
}

#[test]
fn dashboards_are_generated_from_their_source() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    dashboards::generate(folder.path()).expect("the dashboards can be generated");
    let generated = json_files(folder.path());
    let committed = json_files(&dashboards::folder());
    let names =
        |files: &[PathBuf]| -> Vec<_> { files.iter().map(|file| file_name(file)).collect() };
    assert_eq!(
        names(&committed),
        names(&generated),
        "remove obsolete files from dashboards/"
    );
    for (committed, generated) in committed.iter().zip(&generated) {
        let is_current = fs::read(committed).ok() == fs::read(generated).ok();
        let name = file_name(committed);
        assert!(
            is_current,
            "dashboards/{name} differs from its source; run\n    cargo xtask dashboards"
        );
    }
}

#[test]
fn every_dashboard_key_is_known_to_grafana() {
    let result = dashboards::check(&json_files(&dashboards::folder()));
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn unknown_dashboard_key_is_reported() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("misspelt.json");
    let text = fs::read_to_string(dashboards::folder().join("rocketchat-fleet.json"));
    let text = text.expect("the dashboard can be read");
    fs::write(&file, text.replace("\"lineWidth\"", "\"lineWdth\""))
        .expect("the file can be written");
    let error = dashboards::check(&[file]).expect_err("the key is unknown");
    assert!(format!("{error:#}").contains("lineWdth"), "{error:#}");
}

#[tokio::test]
async fn dashboards_show_exactly_the_metrics_of_the_catalogue() {
    let catalogue = catalogue();
    let known: BTreeSet<&str> = catalogue.keys().map(String::as_str).collect();
    let queries = parsed_queries().await.iter();
    let shown: BTreeSet<&str> = queries.flat_map(ParsedQuery::metrics).collect();
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "on no dashboard: {missing:?}");
}

#[tokio::test]
async fn every_label_in_a_selector_or_legend_exists() {
    let known = catalogue();
    for parsed in parsed_queries().await {
        let query = &parsed.query;
        let mut labels: BTreeSet<&str> = ["job", "instance", "workspace"].into();
        for selector in parsed.selectors() {
            let own = &known[selector.metric];
            for Matcher { label, .. } in selector.matchers {
                let is_known = labels.contains(label) || own.contains(label);
                assert!(is_known, "`{label}` in {query:?}");
            }
            labels.extend(own.iter().map(String::as_str));
        }
        // The fleet dashboard creates the label `name`.
        if query.expression.contains("label_replace(") {
            labels.insert("name");
        }
        for label in labels_of(&query.legend) {
            assert!(labels.contains(label), "`{label}` in {query:?}");
        }
    }
}

/// Rocket.Chat's own exporter serves the workspace's identity under the same name, and any program `process_...`.
#[tokio::test]
async fn fleet_dashboards_exclude_metrics_of_other_programs() {
    let mut checked = 0;
    for board in boards() {
        let mut variables = board.variables().iter();
        let instance = variables.find(|variable| variable["name"] == "instance");
        if instance.is_none_or(|variable| variable["includeAll"] != true) {
            continue;
        }
        let queries = parsed_queries().await.iter();
        for parsed in queries.filter(|parsed| parsed.query.board == board.uid()) {
            let names: BTreeSet<&str> = parsed.metrics().collect();
            let is_shared =
                |name: &&str| *name == "rocketchat_info" || name.starts_with("process_");
            if names.iter().any(is_shared) {
                assert!(
                    names.contains("rocketchat_exporter_build_info"),
                    "{:?}",
                    parsed.query
                );
                checked += 1;
            }
        }
    }
    assert!(checked >= 2, "too few queries of shared metrics: {checked}");
}

#[test]
fn provisioning_has_a_data_source_and_the_folder_of_the_readme() {
    let read = |file: &str| {
        let path = dashboards::folder().join(file);
        fs::read_to_string(path).expect("the file can be read")
    };
    let parsed =
        |file: &str| -> Value { serde_saphyr::from_str(&read(file)).expect("the file is YAML") };
    let source = &parsed("provisioning/datasources/rocketchat.yaml")["datasources"][0];
    assert_eq!(
        (text(&source["type"]), text(&source["access"])),
        ("prometheus", "proxy")
    );
    let provider = &parsed("provisioning/dashboards/rocketchat.yaml")["providers"][0];
    assert_eq!(text(&provider["type"]), "file");
    let folder = text(&provider["options"]["path"]);
    let filled = format!(" {folder} dashboards/*.json\n");
    assert!(
        folder.starts_with('/') && read("README.md").contains(&filled),
        "{folder}"
    );
}

impl Board {
    fn uid(&self) -> &str {
        self.json["uid"].as_str().expect("a dashboard has a uid")
    }

    /// All panels except rows.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = list(&self.json["panels"]);
        panels.iter().filter(|panel| panel["type"] != "row")
    }

    fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }
}

impl Query {
    /// The expression as Grafana sends it for one exporter and one workspace. The choice "All" of a variable is its
    /// `allValue`.
    fn filled(&self, instance: &str, workspace: &str) -> String {
        self.expression
            .replace("$__rate_interval", "1m")
            .replace("$__interval", "15s")
            .replace("$job", ".+")
            .replace("$instance", instance)
            .replace("$workspace", workspace)
    }
}

/// All dashboards.
fn boards() -> Vec<Board> {
    let files = json_files(&dashboards::folder());
    assert!(files.len() >= 6, "{files:?}");
    let board = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("the dashboard can be read");
        Board {
            file: file_name(path),
            json: serde_json::from_str(&text).expect("the dashboard is JSON"),
        }
    };
    files.iter().map(board).collect()
}

/// The queries of all panels and annotations.
fn queries() -> Vec<Query> {
    boards().iter().flat_map(queries_of).collect()
}

fn queries_of(board: &Board) -> Vec<Query> {
    let query = |panel: &Value, title: &str, target: &Value| Query {
        board: board.uid().to_owned(),
        panel: text(&panel[title]).to_owned(),
        id: panel["id"].as_u64(),
        reference: text(&target["refId"]).to_owned(),
        expression: text(&target["expr"]).to_owned(),
        legend: text(&target["legendFormat"]).to_owned(),
        instant: target["instant"] == true,
    };
    let of_panels = board.panels().flat_map(|panel| {
        let targets = list(&panel["targets"]);
        targets.iter().map(|target| query(panel, "title", target))
    });
    let annotations = list(&board.json["annotations"]["list"]);
    let of_annotations = annotations
        .iter()
        .map(|annotation| query(annotation, "name", annotation));
    of_panels.chain(of_annotations).collect()
}

/// The labels of each native metric, from the first column of the tables in the reference.
fn catalogue() -> BTreeMap<String, BTreeSet<String>> {
    let output = Exporter::command().arg("--print-statistics").output();
    let reference = String::from_utf8(output.expect("the exporter runs").stdout);
    let reference = reference.expect("the output is UTF-8");
    let (native, _) = reference
        .split_once("\n### The built-in exporter's names")
        .expect("the names of the built-in exporter have a section");
    let metric = |line: &str| {
        let cell = line.strip_prefix("| `")?.split('`').next()?;
        let (name, labels) = cell.split_once('{').unwrap_or((cell, ""));
        let labels = labels.trim_end_matches('}').split(", ");
        let is_metric = name.starts_with("rocketchat_") || name.starts_with("process_");
        is_metric.then(|| (name.to_owned(), labels.map(str::to_owned).collect()))
    };
    native.lines().filter_map(metric).collect()
}

/// The labels that a legend names.
fn labels_of(legend: &str) -> impl Iterator<Item = &str> {
    legend
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split("}}").next())
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the directory can be listed");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the directory can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A string; empty if the value is something else.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list; empty if the value is something else.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

//! The dashboards for Grafana: made from their source, known to Grafana's models, of one style, and with data in every
//! panel.

mod live;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use promql_parser::parser::{Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use testbed::tools::dashboards;

use crate::support::Exporter;

/// A dashboard's file.
struct Board {
    file: String,
    json: Value,
}

/// A question that a panel or a mark asks.
#[derive(Debug)]
struct Query {
    board: String,
    panel: String,
    /// The panel's number; a mark has none.
    id: Option<u64>,
    /// Grafana's letter for it.
    reference: String,
    /// With Grafana's variables in it.
    expression: String,
    legend: String,
    /// Whether only the newest value is asked for.
    instant: bool,
}

#[test]
fn the_dashboards_are_those_that_their_source_makes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    dashboards::generate(folder.path()).expect("they can be made");
    let made = json_files(folder.path());
    let kept = json_files(&dashboards::folder());
    let names = |files: &[PathBuf]| -> Vec<_> { files.iter().map(|it| file_name(it)).collect() };
    assert_eq!(
        names(&kept),
        names(&made),
        "remove what is left over from dashboards/"
    );
    for (kept, made) in kept.iter().zip(&made) {
        let is_new = fs::read(kept).ok() == fs::read(made).ok();
        let name = file_name(kept);
        assert!(
            is_new,
            "dashboards/{name} is not what its source makes; run\n    cargo xtask dashboards"
        );
    }
}

#[test]
fn grafanas_models_know_every_key() {
    let told = dashboards::check(&json_files(&dashboards::folder()));
    assert!(told.is_ok(), "{told:?}");
}

#[test]
fn a_key_that_grafana_does_not_know_is_told() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("misspelt.json");
    let text = fs::read_to_string(dashboards::folder().join("rocketchat-fleet.json"));
    let text = text.expect("the dashboard can be read");
    fs::write(&file, text.replace("\"lineWidth\"", "\"lineWdth\"")).expect("it can be written");
    let told = dashboards::check(&[file]).expect_err("the key is unknown");
    assert!(format!("{told:#}").contains("lineWdth"), "{told:#}");
}

#[test]
fn every_metric_of_a_dashboard_is_in_the_catalogue_and_every_metric_is_on_a_dashboard() {
    let known: BTreeSet<String> = catalogue().into_keys().collect();
    let shown: BTreeSet<String> = queries()
        .iter()
        .flat_map(|query| selectors(&query.parsed()))
        .filter_map(|selector| selector.name)
        .collect();
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "on no dashboard: {missing:?}");
}

#[test]
fn every_label_of_a_selector_or_legend_is_one_of_the_metrics() {
    let known = catalogue();
    for query in queries() {
        let mut labels: BTreeSet<&str> = ["job", "instance", "workspace"].into();
        for selector in selectors(&query.parsed()) {
            let own = &known[&selector.name.unwrap_or_default()];
            for matcher in selector.matchers.matchers {
                let is_known = labels.contains(&*matcher.name) || own.contains(&matcher.name);
                assert!(is_known, "`{}` in {query:?}", matcher.name);
            }
            labels.extend(own.iter().map(String::as_str));
        }
        // The fleet calls workspaces by a name of its own.
        if query.expression.contains("label_replace(") {
            labels.insert("name");
        }
        for label in labels_of(&query.legend) {
            assert!(labels.contains(label), "`{label}` in {query:?}");
        }
    }
}

/// Rocket.Chat's own exporter serves the workspace's identity under the same name, and any program `process_...`.
#[test]
fn a_dashboard_of_many_exporters_shows_nothing_that_other_programs_serve() {
    let mut checked = 0;
    for board in boards() {
        let instance = board.variables().iter().find(|it| it["name"] == "instance");
        if instance.is_none_or(|it| it["includeAll"] != true) {
            continue;
        }
        for query in queries_of(&board) {
            let names = selectors(&query.parsed())
                .into_iter()
                .filter_map(|selector| selector.name);
            let names: BTreeSet<String> = names.collect();
            let is_shared =
                |name: &String| name == "rocketchat_info" || name.starts_with("process_");
            if names.iter().any(is_shared) {
                assert!(
                    names.contains("rocketchat_exporter_build_info"),
                    "{query:?}"
                );
                checked += 1;
            }
        }
    }
    assert!(
        checked >= 2,
        "the fleet's versions, and the mark of a new one"
    );
}

#[test]
fn provisioning_brings_a_prometheus_and_reads_the_folder_that_the_readme_fills() {
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

    /// All but the rows' titles.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = list(&self.json["panels"]);
        panels.iter().filter(|panel| panel["type"] != "row")
    }

    fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }
}

impl Query {
    /// As Grafana would send it, for one exporter and one workspace; the choice "All" of a variable is its `allValue`.
    fn filled(&self, instance: &str, workspace: &str) -> String {
        self.expression
            .replace("$__rate_interval", "1m")
            .replace("$__interval", "15s")
            .replace("$job", ".+")
            .replace("$instance", instance)
            .replace("$workspace", workspace)
    }

    /// What it means; a failure names what is wrong with it, also with the types of its parts.
    fn parsed(&self) -> Expr {
        promql_parser::parser::parse(&self.filled("host:9459", ".*"))
            .unwrap_or_else(|fault| panic!("{self:?}: {fault}"))
    }
}

/// Every dashboard that is kept.
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

/// What all panels and marks of all dashboards ask.
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
    let marks = list(&board.json["annotations"]["list"]);
    let of_marks = marks.iter().map(|mark| query(mark, "name", mark));
    of_panels.chain(of_marks).collect()
}

/// The selectors of an expression, wherever they stand.
fn selectors(expression: &Expr) -> Vec<VectorSelector> {
    struct Found(Vec<VectorSelector>);
    impl ExprVisitor for Found {
        type Error = ();
        fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
            match expression {
                Expr::VectorSelector(selector) => self.0.push(selector.clone()),
                Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
                _ => {}
            }
            Ok(true)
        }
    }
    let mut found = Found(Vec::new());
    walk_expr(&mut found, expression).expect("nothing fails");
    found.0
}

/// The labels of each native metric, from the first column of the reference's tables.
fn catalogue() -> BTreeMap<String, BTreeSet<String>> {
    let output = Exporter::command().arg("--print-statistics").output();
    let reference = String::from_utf8(output.expect("the exporter runs").stdout);
    let reference = reference.expect("it prints UTF-8");
    let (native, _) = reference
        .split_once("\n### The built-in exporter's names")
        .expect("the other exporter's names stand apart");
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
    let entries = fs::read_dir(folder).expect("the folder can be listed");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
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

/// A text, or nothing where there is none.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list, or an empty one where there is none.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

//! The shipped rules: Prometheus accepts them, their tests pass, each alert is tested and documented, and every metric in
//! them exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use regex_lite::Regex;
use serde_json::{Value, json};
use testbed::tools;

use crate::support::{Exporter, assert_golden};

pub const RULES: &str = "deploy/prometheus/rules";
const TESTS: &str = "deploy/prometheus/tests";
const RUNBOOKS: &str = "docs/runbooks";

/// Labels that every scraped series has; `workspace` only with several workspaces.
const TARGET_LABELS: [&str; 4] = ["job", "instance", "workspace", "namespace"];

/// Alerts about the exporters that share the workspaces, and so about no single target.
const ALERTS_OF_ALL_SHARDS: [&str; 2] = ["ShardMissing", "ShardsDisagree"];

/// Alerts that fire on missing series, and so have no target labels.
const ABSENCE_ALERTS: [&str; 1] = ["ExporterDown"];

const SECTIONS: [&str; 5] = [
    "\n## Meaning\n",
    "\n## Impact\n",
    "\n## Diagnosis\n",
    "\n## Mitigation\n",
    "\n## False alarms\n",
];

#[test]
fn promtool_accepts_the_rules() {
    let files = rule_files()
        .into_iter()
        .map(|file| format!("{RULES}/{file}"));
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], files);
}

#[test]
fn promtool_tests_of_every_rule_pass() {
    let files = files_of(TESTS)
        .into_iter()
        .map(|file| format!("{TESTS}/{file}"));
    promtool(&["test", "rules"], files);
}

#[test]
fn alertmanager_accepts_the_example_and_its_alerts_exist() {
    let amtool = tools::AMTOOL.find().expect("amtool is installed");
    run(amtool
        .command()
        .args(["check-config", "deploy/prometheus/alertmanager.yml"]));
    let alerts = alerts();
    let configuration = parsed("deploy/prometheus/alertmanager.yml");
    let mut checked = 0;
    for rule in list(&configuration["inhibit_rules"]) {
        for matcher in list(&rule["source_matchers"])
            .iter()
            .chain(list(&rule["target_matchers"]))
        {
            let matcher = text(matcher);
            if !matcher.starts_with("alertname") {
                continue;
            }
            let names = matcher.split('"').nth(1).expect("a value is quoted");
            for name in names.split('|') {
                let prefix = name.trim_end_matches(".*");
                let exists = alerts
                    .keys()
                    .any(|alert| alert == name || (prefix != name && alert.starts_with(prefix)));
                assert!(exists, "{matcher}: {name}");
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked}");
}

/// For Alertmanager a label that both alerts lack is equal, so an alert without a target would inhibit unrelated alerts.
#[test]
fn alert_without_a_target_inhibits_no_other() {
    let configuration = parsed("deploy/prometheus/alertmanager.yml");
    let mut checked = 0;
    for rule in list(&configuration["inhibit_rules"]) {
        let sources: Vec<&str> = list(&rule["source_matchers"]).iter().map(text).collect();
        let is_named = |alert: &&str| {
            sources
                .iter()
                .any(|matcher| matcher.contains(&format!("\"{alert}\"")))
        };
        if ABSENCE_ALERTS.iter().any(is_named) {
            assert!(sources.contains(&"instance!=\"\""), "{sources:?}");
            checked += 1;
        }
    }
    assert_eq!(checked, ABSENCE_ALERTS.len());
}

#[test]
fn every_alert_has_severity_summary_description_and_runbook() {
    let evaluation =
        text(&parsed("deploy/prometheus/prometheus.yml")["global"]["evaluation_interval"])
            .to_owned();
    let repository = env!("CARGO_PKG_REPOSITORY");
    for (name, alert) in alerts() {
        let camel_case = name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(camel_case, "{name}");
        let severity = text(&alert["labels"]["severity"]);
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        let wait = seconds(text(&alert["for"]));
        assert!(
            wait >= 2 * seconds(&evaluation),
            "{name}: `for` is {wait:?}"
        );
        let annotation = |key: &str| text(&alert["annotations"][key]);
        assert!(annotation("summary").ends_with('.'), "{name}");
        assert!(annotation("description").ends_with('.'), "{name}");
        let runbook = format!("{repository}/blob/main/{RUNBOOKS}/{name}.md");
        assert_eq!(annotation("runbook_url"), runbook);
    }
}

#[test]
fn every_alert_has_tests_that_fire_stay_quiet_and_lack_data() {
    let mut seen: BTreeSet<(String, &str)> = BTreeSet::new();
    for file in files_of(TESTS) {
        let tests = parsed(&format!("{TESTS}/{file}"));
        for test in list(&tests["tests"]) {
            let name = text(&test["name"]);
            let (alert, rest) = name.split_once(' ').expect("a test has a long name");
            let check = &test["alert_rule_test"][0];
            assert_eq!(check["alertname"], alert, "{name}");
            let fires = !list(&check["exp_alerts"]).is_empty();
            let (kind, expected) = [
                ("fires: ", true),
                ("does not fire: ", false),
                ("without data: ", ABSENCE_ALERTS.contains(&alert)),
            ]
            .into_iter()
            .find(|(kind, _)| rest.starts_with(kind))
            .unwrap_or_else(|| panic!("{name}"));
            assert_eq!(fires, expected, "{name}");
            seen.insert((alert.to_owned(), kind));
        }
    }
    let tested: BTreeSet<&String> = seen.iter().map(|(alert, _)| alert).collect();
    let alerts = alerts();
    assert_eq!(tested, alerts.keys().collect());
    assert_eq!(seen.len(), 3 * alerts.len(), "{seen:?}");
}

#[test]
fn every_rule_uses_existing_metrics_and_labels() {
    let mut known = catalogue();
    known.insert("up".to_owned(), BTreeSet::new());
    let rules = rules();
    for rule in &rules {
        if let Some(record) = rule.get("record") {
            let labels = labels_of(text(&rule["expr"]), &known);
            known.insert(text(record).to_owned(), labels);
        }
    }
    for rule in &rules {
        let expression = text(&rule["expr"]);
        let labels = labels_of(expression, &known);
        for (position, name) in metrics_of(expression) {
            let own = known
                .get(name)
                .unwrap_or_else(|| panic!("{expression}: unknown metric {name}"));
            let rest = expression[position + name.len()..].strip_prefix('{');
            let matchers = rest
                .and_then(|rest| rest.split('}').next())
                .unwrap_or_default();
            for label in matchers
                .split(',')
                .filter_map(|matcher| matcher.split(['=', '!']).next())
            {
                let label = label.trim();
                let exists =
                    label.is_empty() || own.contains(label) || TARGET_LABELS.contains(&label);
                assert!(exists, "{expression}: {name} has no {label}");
            }
        }
        for grouping in ["by (", "without (", "on (", "ignoring (", "group_left ("] {
            for part in expression.split(grouping).skip(1) {
                let names = part.split(')').next().unwrap_or_default();
                let labels_in_group = names.split(',').map(str::trim);
                for label in labels_in_group.filter(|label| !label.is_empty()) {
                    let added = expression.contains(&format!("\"{label}\""));
                    let exists = labels.contains(label) || TARGET_LABELS.contains(&label) || added;
                    assert!(exists, "{expression}: no metric has {label}");
                }
            }
        }
        let annotations = rule
            .get("annotations")
            .map(Value::to_string)
            .unwrap_or_default();
        for part in annotations.split("$labels.").skip(1) {
            let label = part
                .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .next();
            let label = label.unwrap_or_default();
            let exists = labels.contains(label) || TARGET_LABELS.contains(&label);
            assert!(exists, "{annotations}: no metric has {label}");
        }
    }
}

/// The same Prometheus often scrapes Rocket.Chat's own exporter too.
#[test]
fn no_rule_matches_metrics_that_rocket_chat_serves_itself() {
    let printed = printed_catalogue();
    let (_, theirs) = printed
        .split_once("\n### The built-in exporter's names")
        .expect("the names of the built-in exporter have a section");
    let theirs = theirs.split("\n#").next().unwrap_or_default();
    let theirs = metrics_of_tables(theirs);
    assert!(theirs.len() > 20, "{theirs:?}");
    let is_shared = |name: &str| {
        theirs.contains_key(name) || name == "rocketchat_info" || name.starts_with("process_")
    };
    for rule in rules() {
        let expression = text(&rule["expr"]);
        let is_distinguished =
            expression.contains("and on (job, instance) rocketchat_exporter_build_info");
        for (_, name) in metrics_of(expression) {
            assert!(!is_shared(name) || is_distinguished, "{expression}: {name}");
        }
    }
}

#[test]
fn every_rule_keeps_the_workspace_label() {
    for rule in rules() {
        let alert = rule["alert"].as_str().unwrap_or_default();
        if ALERTS_OF_ALL_SHARDS.contains(&alert) {
            continue;
        }
        let expression = text(&rule["expr"]);
        // `by` drops every label that it does not name, so rules use `without`.
        assert!(!expression.contains(" by ("), "{expression}");
        for part in expression.split("without (").skip(1) {
            let names = part.split(')').next().unwrap_or_default();
            for label in names.split(',').map(str::trim) {
                assert!(!TARGET_LABELS.contains(&label), "{expression}");
            }
        }
    }
}

#[test]
fn alerts_and_runbooks_match_and_runbooks_are_complete() {
    let alerts = alerts();
    let mut files: BTreeSet<String> = files_of(RUNBOOKS).into_iter().collect();
    assert!(files.remove("README.md"), "the index is missing");
    let expected: BTreeSet<String> = alerts.keys().map(|name| format!("{name}.md")).collect();
    assert_eq!(files, expected);
    for name in alerts.keys() {
        let runbook = read(&format!("{RUNBOOKS}/{name}.md"));
        assert!(runbook.starts_with(&format!("# {name}\n")), "{name}");
        let mut rest = &*runbook;
        for section in SECTIONS {
            let (_, after) = rest
                .split_once(section)
                .unwrap_or_else(|| panic!("{name} has no{section}"));
            let content = after.split("\n## ").next().unwrap_or_default();
            assert!(!content.trim().is_empty(), "{name}:{section}");
            rest = after;
        }
    }
}

#[test]
fn every_diagnosis_begins_with_a_command() {
    for name in alerts().keys() {
        let runbook = read(&format!("{RUNBOOKS}/{name}.md"));
        let (_, steps) = runbook.split_once("## Diagnosis\n").unwrap_or_default();
        let first: Vec<&str> = steps.trim_start().split("\n\n").take(2).collect();
        let step = first[0].split("\n2. ").next().unwrap_or_default();
        let is_query =
            step.starts_with("```") || step.ends_with(':') && first[1].starts_with("```");
        assert!(is_query || step.contains("`curl "), "{name}: {step}");
    }
}

/// The texts that runbooks search in the log must occur in the source.
#[test]
fn every_log_message_in_a_runbook_exists() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the directory can be listed") {
            let path = entry.expect("the directory can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs::read_to_string(path).expect("the file can be read");
            }
        }
    }
    let mut checked = 0;
    for name in alerts().keys() {
        let runbook = read(&format!("{RUNBOOKS}/{name}.md"));
        for line in runbook
            .lines()
            .filter(|line| line.contains("journalctl -u rocketchat-exporter"))
        {
            let Some((_, pattern)) = line.split_once("grep ") else {
                continue;
            };
            let pattern = pattern.split('\'').nth(1).expect("the pattern is quoted");
            assert!(sources.contains(pattern), "{name}: {pattern}");
            checked += 1;
        }
    }
    assert!(checked >= 2, "{checked}");
}

#[test]
fn every_query_in_a_runbook_is_valid_and_names_known_metrics() {
    let mut known: BTreeSet<String> = catalogue().into_keys().collect();
    let records = rules()
        .into_iter()
        .filter_map(|rule| rule.get("record").cloned());
    known.extend(records.map(|record| text(&record).to_owned()));
    let mut queries = Vec::new();
    for name in files_of(RUNBOOKS) {
        let runbook = read(&format!("{RUNBOOKS}/{name}"));
        for block in runbook.split("```promql\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            for query in block.lines() {
                for (_, metric) in metrics_of(query) {
                    assert!(known.contains(metric), "{name}: unknown metric {metric}");
                }
                queries.push(query.to_owned());
            }
        }
    }
    assert!(queries.len() > 50, "{queries:?}");
    let rules: Vec<Value> = (0..)
        .zip(queries)
        .map(|(number, query): (usize, _)| {
            json!({ "record": format!("runbook:{number}"), "expr": query })
        })
        .collect();
    // JSON is YAML.
    let rules = json!({ "groups": [{ "name": "runbooks", "rules": rules }] });
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("rules.yml");
    fs::write(&file, rules.to_string()).expect("the file can be written");
    promtool(
        &["check", "rules"],
        [file.display().to_string()].into_iter(),
    );
}

/// The first sentence of a runbook's meaning, on one line and without the targets of links.
fn meaning_of(alert: &str) -> String {
    let runbook = read(&format!("{RUNBOOKS}/{alert}.md"));
    let (_, rest) = runbook.split_once("## Meaning\n").unwrap_or_default();
    let paragraph = rest.trim_start().split("\n\n").next().unwrap_or_default();
    let meaning = paragraph.replace('\n', " ");
    let sentence = meaning
        .split_once(". ")
        .map_or(&*meaning, |(first, _)| first);
    let link = Regex::new(r"\[([^\]]+)\]\([^)]+\)").expect("the pattern is valid");
    let plain = link.replace_all(sentence, "$1");
    format!("{}.", plain.trim_end_matches('.'))
}

#[test]
fn alerts_page_lists_every_alert() {
    let mut list =
        "\n| Alert and runbook | Severity | For | Rules | Meaning |\n|---|---|---|---|---|\n"
            .to_owned();
    for file in rule_files() {
        for rule in rules_of(&file) {
            let Some(name) = rule.get("alert") else {
                continue;
            };
            let name = text(name);
            let cells = [
                &format!("[{name}](runbooks/{name}.md)"),
                text(&rule["labels"]["severity"]),
                text(&rule["for"]),
                &format!("[{file}](../{RULES}/{file})"),
                &meaning_of(name),
            ];
            list.extend(["| ", &cells.join(" | "), " |\n"]);
        }
    }
    let markers = ("<!-- alerts: begin -->", "<!-- alerts: end -->");
    assert_golden("docs/alerts.md", Some(markers), &list);
}

/// The names of the rule files.
pub fn rule_files() -> Vec<String> {
    files_of(RULES)
}

/// A shipped YAML file.
pub fn parsed(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn rules_of(file: &str) -> Vec<Value> {
    let file = parsed(&format!("{RULES}/{file}"));
    let groups = list(&file["groups"]);
    groups
        .iter()
        .flat_map(|group| list(&group["rules"]).iter().cloned())
        .collect()
}

fn rules() -> Vec<Value> {
    rule_files()
        .iter()
        .flat_map(|file| rules_of(file))
        .collect()
}

/// All alerts by name.
pub fn alerts() -> BTreeMap<String, Value> {
    let rules = rules()
        .into_iter()
        .filter(|rule| rule.get("alert").is_some());
    let alerts: BTreeMap<_, _> = rules
        .map(|rule| (text(&rule["alert"]).to_owned(), rule))
        .collect();
    assert!(alerts.len() > 30, "{alerts:?}");
    alerts
}

/// The labels of every metric in the catalogue.
fn catalogue() -> BTreeMap<String, BTreeSet<String>> {
    metrics_of_tables(&printed_catalogue())
}

fn printed_catalogue() -> String {
    let output = Exporter::command()
        .arg("--print-statistics")
        .output()
        .expect("the exporter runs");
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// The metrics in the first column of tables, with their labels.
fn metrics_of_tables(printed: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics = BTreeMap::new();
    for cell in printed.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cell = cell.split('`').next().unwrap_or_default();
        let (name, labels) = cell.split_once('{').unwrap_or((cell, ""));
        let labels = labels.trim_end_matches('}').split(", ");
        metrics.insert(name.to_owned(), labels.map(str::to_owned).collect());
    }
    metrics
}

/// The labels of all metrics that an expression names.
fn labels_of(expression: &str, known: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let metrics = metrics_of(expression).filter_map(|(_, name)| known.get(name));
    metrics.flatten().cloned().collect()
}

/// The metrics that an expression names, and their positions.
pub fn metrics_of(expression: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let starts = expression
        .char_indices()
        .filter(move |&(at, letter)| is_part(letter) && !expression[..at].ends_with(is_part));
    starts.filter_map(move |(at, _)| {
        let rest = &expression[at..];
        let name = &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())];
        let quoted = expression[..at].ends_with(['"', '|']);
        let is_metric = ["rocketchat_", "process_", "workspace:"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        ((is_metric || name == "up") && !quoted).then_some((at, name))
    })
}

fn promtool(arguments: &[&str], files: impl Iterator<Item = String>) {
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    run(promtool.command().args(arguments).args(files));
}

/// Runs a program in the project's directory, and panics with its output if it fails.
fn run(program: &mut Command) {
    let output = program
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success(), "{printed}");
}

fn files_of(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the directory can be listed")
        .map(|entry| entry.expect("the directory can be listed").file_name())
        .map(|name| name.into_string().expect("names are UTF-8"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
}

/// A duration in Prometheus' notation with a single unit.
pub fn seconds(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().expect("a duration is a number");
    match unit {
        "s" => Duration::from_secs(number),
        "m" => Duration::from_mins(number),
        "h" => Duration::from_hours(number),
        _ => panic!("{text}"),
    }
}

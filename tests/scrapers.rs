//! Configurations for scrapers other than Prometheus, and the template for Zabbix.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testbed::child_process::{ChildProcess, Output};
use testbed::{port, tools};

use crate::support::{custom_resource_error, eventually, files_below, shared_exporter};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn vmagent_scrapes_the_exporter_with_the_shipped_configuration() {
    let workspace = shared_exporter(&[]).await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let configuration = read("deploy/scrapers/vmagent.yml")
        .replace("localhost:9459", workspace.exporter.address())
        .replace("15s", "1s");
    let file = folder.path().join("vmagent.yml");
    fs::write(&file, configuration).expect("the configuration can be written");
    let address = port::random_address();
    let vmagent = tools::VMAGENT.find().expect("vmagent is installed");
    let mut command = vmagent.command();
    command
        .arg(format!("-promscrape.config={}", file.display()))
        .arg(format!("-httpListenAddr={address}"))
        // It wants a destination. Nothing listens there.
        .arg("-remoteWrite.url=http://127.0.0.1:1/")
        .arg(format!(
            "-remoteWrite.tmpDataPath={}",
            folder.path().display()
        ));
    let log = folder.path().join("log");
    let _process =
        ChildProcess::start(&mut command, None, Output::File(&log)).expect("vmagent starts");
    let url = format!("http://{address}/api/v1/targets");
    eventually("vmagent has scraped the exporter", || {
        let output = Command::new("curl")
            .args(["-s", &url])
            .output()
            .expect("curl runs");
        let targets: Value = serde_json::from_slice(&output.stdout).ok()?;
        let target = &targets["data"]["activeTargets"][0];
        (target["health"] == "up" && target["lastSamplesScraped"].as_u64()? > 400).then_some(())
    })
    .await;
}

#[test]
fn promtool_accepts_the_configuration_of_the_opentelemetry_receiver() {
    let configuration = yaml("deploy/scrapers/otel-collector.yml");
    let receiver = &configuration["receivers"]["prometheus"]["config"];
    assert!(receiver["scrape_configs"][0].is_object(), "{configuration}");
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("prometheus.yml");
    // JSON is YAML.
    fs::write(&file, receiver.to_string()).expect("the file can be written");
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let output = promtool
        .command()
        .args(["check", "config"])
        .arg(&file)
        .output();
    let output = output.expect("promtool runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn scrape_config_fits_the_model_of_the_operator() {
    let resource = yaml("deploy/scrapers/scrapeconfig.yaml");
    assert_eq!(custom_resource_error(&[resource]), None);
}

/// An object of the template: an item, a trigger, a discovery rule, or another.
struct Object<'a> {
    kind: &'static str,
    value: &'a Value,
}

/// All objects of the template that have a `uuid`.
fn objects<'a>(value: &'a Value, kind: &'static str, found: &mut Vec<Object<'a>>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| objects(value, kind, found)),
        Value::Object(map) => {
            if map.contains_key("uuid") {
                found.push(Object { kind, value });
            }
            for (name, value) in map {
                let kind = match &**name {
                    "items" | "item_prototypes" => "item",
                    "triggers" | "trigger_prototypes" => "trigger",
                    "discovery_rules" => "rule",
                    _ => "other",
                };
                objects(value, kind, found);
            }
        }
        _ => {}
    }
}

fn template() -> Value {
    yaml("deploy/zabbix/rocketchat-exporter.yaml")
}

/// Whether an expression's reference, such as `KEY,5m)=0` or `KEY)`, is to this item.
fn refers_to(reference: &str, key: &str) -> bool {
    let rest = reference.strip_prefix(key);
    rest.is_some_and(|rest| rest.starts_with([',', ')']))
}

#[test]
fn identifiers_and_keys_in_the_zabbix_template_are_unique() {
    let template = template();
    let mut found = Vec::new();
    objects(&template, "other", &mut found);
    let mut seen = BTreeMap::new();
    for Object { value, .. } in &found {
        let uuid = value["uuid"].as_str().expect("a uuid is a text");
        assert_eq!(
            (uuid.len(), &uuid[12..13]),
            (32, "4"),
            "{uuid} is no UUID of version 4"
        );
        let other = seen.insert(uuid, value);
        assert!(other.is_none(), "{uuid} is used twice");
    }
    let mut keys = BTreeSet::new();
    for Object { value, .. } in found.iter().filter(|object| object.kind != "trigger") {
        if let Some(key) = value["key"].as_str() {
            assert!(keys.insert(key), "{key} is used twice");
        }
    }
    for Object { value, .. } in found.iter().filter(|object| object.kind == "trigger") {
        let expression = value["expression"]
            .as_str()
            .expect("an expression is a text");
        let references = expression
            .split("(/Rocket.Chat by rocketchat-exporter/")
            .skip(1);
        for reference in references {
            let exists = keys.iter().any(|key| refers_to(reference, key));
            assert!(exists, "no item for `{reference}` in {expression}");
        }
    }
}

#[test]
fn every_metric_in_the_zabbix_template_exists() {
    let statistics = read("docs/statistics.md");
    let template = template();
    let mut found = Vec::new();
    objects(&template, "other", &mut found);
    let mut patterns = 0;
    for Object { value, .. } in &found {
        let Some(step) = value["preprocessing"].get(0) else {
            continue;
        };
        let pattern = step["parameters"][0].as_str().expect("a pattern is a text");
        let (name, labels) = pattern.split_once('{').unwrap_or((pattern, ""));
        let row = statistics
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}")));
        let row = row.unwrap_or_else(|| panic!("{name} is no metric"));
        if let Some((label, _)) = labels.split_once('=') {
            assert!(row.contains(label), "{name} has no label {label}: {row}");
        }
        patterns += 1;
    }
    assert!(patterns > 40, "{patterns}");
}

#[test]
fn every_critical_alert_has_a_zabbix_trigger_with_its_runbook() {
    let template = template();
    let mut found = Vec::new();
    objects(&template, "other", &mut found);
    let mut severe = BTreeSet::new();
    for Object { value, .. } in found.iter().filter(|object| object.kind == "trigger") {
        let alert = value["tags"][0]["value"]
            .as_str()
            .expect("the first tag names the alert");
        let runbook = format!("docs/runbooks/{alert}.md");
        assert!(
            value["url"]
                .as_str()
                .is_some_and(|url| url.ends_with(&runbook)),
            "{value}"
        );
        read(&runbook);
        if value["priority"] == "HIGH" || value["priority"] == "DISASTER" {
            severe.insert(alert.to_owned());
        }
    }
    let mut critical = BTreeSet::new();
    for file in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules"))
    {
        let rules: Value =
            serde_saphyr::from_str(&fs::read_to_string(&file).expect("rules can be read"))
                .expect("rules are YAML");
        let groups = rules["groups"].as_array().expect("there are groups");
        let rules = groups
            .iter()
            .filter_map(|group| group["rules"].as_array())
            .flatten();
        let rules = rules.filter(|rule| rule["labels"]["severity"] == "critical");
        critical.extend(rules.filter_map(|rule| rule["alert"].as_str().map(str::to_owned)));
    }
    // To Zabbix each exporter is a host of its own, of which ExporterDown reports what this alert does.
    critical.remove("ShardMissing");
    assert_eq!(severe, critical);
}

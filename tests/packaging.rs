//! Files of the package: systemd and Prometheus accept them, and every metric and variable in them exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testbed::tools;

use crate::support::Exporter;

const UNIT: &str = "systemd/rocketchat-exporter.service";
const SOCKET: &str = "systemd/rocketchat-exporter.socket";
const ENVIRONMENT: &str = "systemd/rocketchat-exporter.default";

#[test]
fn every_expression_in_watching_md_is_valid_and_names_known_metrics() {
    let known = catalogue();
    let list = fs::read_to_string(shipped("docs/watching.md")).expect("the list can be read");
    let expressions: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"))
        .map(|(_, expression)| expression)
        .collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    for metric in expressions
        .iter()
        .flat_map(|expression| metrics_of(expression))
    {
        assert!(known.contains(metric), "{metric}");
    }
    let rules: Vec<Value> = (0..)
        .zip(&expressions)
        .map(|(number, expression): (usize, _)| {
            serde_json::json!({ "record": format!("watched:{number}"), "expr": expression })
        })
        .collect();
    // JSON is YAML.
    let rules = serde_json::json!({ "groups": [{ "name": "watched", "rules": rules }] });
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("rules.yml");
    fs::write(&file, rules.to_string()).expect("the file can be written");
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let output = promtool
        .command()
        .args(["check", "rules"])
        .arg(file)
        .output()
        .expect("promtool runs");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success(), "{printed}");
}

#[test]
fn systemd_accepts_the_service_unit() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let unit = unit_of_the_built_binary(folder.path());
    // `no` ignores errors in other units of this machine, and makes an unknown key an error.
    let result = systemd_analyze(&["verify", "--recursive-errors=no"], &unit);
    assert_eq!(result, Ok(()));
}

#[test]
fn systemd_accepts_the_socket_unit_and_finds_its_service() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let service = unit_of_the_built_binary(folder.path());
    let socket = service.with_extension("socket");
    fs::copy(shipped(SOCKET), &socket).expect("the socket can be copied");
    let result = systemd_analyze(&["verify", "--recursive-errors=no"], &socket);
    assert_eq!(result, Ok(()));
    // The socket unit and the flag have the same default address.
    let text = fs::read_to_string(&socket).expect("the socket can be read");
    assert!(text.contains("\nListenStream=127.0.0.1:9459\n"));
    assert!(stdout("--help").contains("[default: 127.0.0.1:9459]"));
}

#[test]
fn service_unit_has_low_exposure() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let unit = unit_of_the_built_binary(folder.path());
    // The threshold is ten times the exposure: 1.5 of 10.
    let result = systemd_analyze(
        &["security", "--no-pager", "--offline=true", "--threshold=15"],
        &unit,
    );
    assert_eq!(result, Ok(()));
}

#[test]
fn every_variable_in_the_environment_file_exists() {
    let help = stdout("--help");
    let known: BTreeSet<&str> = words(&help).collect();
    let environment = fs::read_to_string(shipped(ENVIRONMENT)).expect("the file can be read");
    let named: BTreeSet<&str> = words(&environment)
        .filter(|word| word.starts_with("ROCKETCHAT_EXPORTER_"))
        .collect();
    assert!(!named.is_empty(), "{ENVIRONMENT} names no variable");
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "{ENVIRONMENT}: {unknown:?}");
}

#[test]
fn prometheus_accepts_the_scrape_configuration() {
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let output = promtool
        .command()
        .args(["check", "config"])
        .arg(shipped("deploy/prometheus/prometheus.yml"))
        .output()
        .expect("promtool runs");
    let printed = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&printed)
    );
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn stdout(flag: &str) -> String {
    let output = Exporter::command()
        .arg(flag)
        .output()
        .expect("the exporter runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// The names of all metrics, from the first column of the tables in the reference.
fn catalogue() -> BTreeSet<String> {
    stdout("--print-statistics")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .flat_map(metrics_of)
        .map(str::to_owned)
        .collect()
}

/// The exporter's metrics that a text names.
fn metrics_of(text: &str) -> impl Iterator<Item = &str> {
    words(text).filter(|word| word.starts_with("rocketchat_") || word.starts_with("process_"))
}

/// The identifiers of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
}

/// A copy of the service unit that starts the built program, because it is not installed on this machine.
fn unit_of_the_built_binary(folder: &Path) -> PathBuf {
    let unit = fs::read_to_string(shipped(UNIT)).expect("the unit can be read");
    let installed = "ExecStart=/usr/local/bin/rocketchat-exporter\n";
    assert!(unit.contains(installed), "{UNIT} has no `{installed}`");
    let built = concat!(
        "ExecStart=",
        env!("CARGO_BIN_EXE_rocketchat-exporter"),
        "\n"
    );
    let path = folder.join("rocketchat-exporter.service");
    fs::write(&path, unit.replace(installed, built)).expect("the unit can be written");
    path
}

/// Checks a unit with systemd-analyze; its output is the error.
fn systemd_analyze(arguments: &[&str], unit: &Path) -> Result<(), String> {
    let program = tools::SYSTEMD_ANALYZE
        .find()
        .expect("systemd-analyze is installed");
    let output = program
        .command()
        .args(arguments)
        .arg(unit)
        .output()
        .expect("systemd-analyze runs");
    let printed = [output.stdout, output.stderr].concat();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&printed).into_owned())
    }
}

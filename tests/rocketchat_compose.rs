//! `deploy/rocketchat-compose`: merged by docker compose with files in the shape of Rocket.Chat's own, its commands run, and
//! its connection string on a replica set whose member has a name that only its network knows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::mongod::Options;
use testbed::tools;

use crate::connecting::fill;
use crate::rules::rule_files;
use crate::support::{Exporter, eventually, mongod};

const FOLDER: &str = "deploy/rocketchat-compose";
const SERVICE: &str = "rocketchat-exporter";

/// The files that the README's command names, with the services that matter here.
const OFFICIAL: [(&str, &str); 5] = [
    (
        "compose.yml",
        r#"
services:
  rocketchat:
    image: registry.rocket.chat/rocketchat/rocket.chat:9.0.0
    restart: always
    environment:
      MONGO_URL: ${MONGO_URL:-mongodb://mongodb:27017/rocketchat?replicaSet=rs0}
    expose: [3000, 9458]
    ports: ["127.0.0.1:3000:3000", "127.0.0.1:9458:9458"]
"#,
    ),
    (
        "compose.database.yml",
        r#"
services:
  mongodb:
    image: docker.io/mongodb/mongodb-community-server:8.2-ubi8
    restart: always
    command: [mongod, --replSet, rs0, --bind_ip_all]
    volumes: ["mongodb_data:/data/db:rw"]
    ports: ["127.0.0.1:27017:27017"]
volumes:
  mongodb_data: {driver: local}
"#,
    ),
    (
        "compose.monitoring.yml",
        r#"
services:
  prometheus:
    image: docker.io/prom/prometheus:v3.4.2
    user: root
    command: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/prometheus/data]
    volumes: ["prometheus_tsdb:/prometheus:rw", "./files/prometheus:/etc/prometheus:Z"]
    ports: ["127.0.0.1:9000:9090"]
  grafana:
    image: docker.io/grafana/grafana:12.0.2
    volumes: ["./files/grafana/dashboards:/dashboards:Z"]
volumes:
  prometheus_tsdb: {driver: local}
"#,
    ),
    (
        "compose.traefik.yml",
        "services: {traefik: {image: 'docker.io/traefik:v3.4'}}\n",
    ),
    ("docker.yml", "services: {rocketchat: {init: true}}\n"),
];

/// What Prometheus has there before: the files of targets, and its own configuration.
const OFFICIAL_TARGETS: &str = "- targets: [rocketchat:9458]\n  labels: {job: rocketchat}\n";

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(file: &str) -> String {
    fs::read_to_string(project().join(FOLDER).join(file)).expect("the file can be read")
}

/// A folder with Rocket.Chat's compose files, and this project beside it.
struct Checkouts(TempDir);

impl Checkouts {
    fn new() -> Self {
        let parent = tempfile::tempdir().expect("a directory can be created");
        symlink(project(), parent.path().join("rocketchat-exporter")).expect("a link can be made");
        let checkouts = Self(parent);
        let official = checkouts.official();
        for folder in ["file_sd_configs", "file_sd_configs.d"] {
            fs::create_dir_all(official.join("files/prometheus").join(folder))
                .expect("a directory can be created");
        }
        for (name, text) in OFFICIAL {
            fs::write(official.join(name), text).expect("the file can be written");
        }
        let targets = official.join("files/prometheus/file_sd_configs/rocketchat.yml");
        fs::write(targets, OFFICIAL_TARGETS).expect("the file can be written");
        checkouts
    }

    fn official(&self) -> PathBuf {
        self.0.path().join("rocketchat-compose")
    }

    /// The configuration that docker compose makes of a list of files.
    fn composed(&self, files: &[&str], variables: &[(&str, &str)]) -> Value {
        let compose = tools::DOCKER_COMPOSE.find();
        let mut command = compose.expect("docker compose is installed").command();
        for file in files {
            command.args(["--file", file]);
        }
        command.args(["config", "--format=json"]);
        command.envs(variables.iter().copied());
        let output = self.run(command);
        serde_json::from_slice(&output).expect("docker compose prints JSON")
    }

    /// Runs a command successfully in the folder of Rocket.Chat's files.
    fn run(&self, mut command: Command) -> Vec<u8> {
        let output = command
            .current_dir(self.official())
            .output()
            .expect("the command runs");
        assert!(output.status.success(), "{command:?}: {output:?}");
        output.stdout
    }
}

/// The files of the README's commands, in their order.
fn files_of(command: &str) -> Vec<&str> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let named = words.windows(2).filter(|pair| pair[0] == "-f");
    named.map(|pair| pair[1]).collect()
}

/// The commands of the README's first block, and of the one with alerts, each on one line.
fn commands() -> (Vec<String>, String) {
    let readme = shipped("README.md").replace("\\\n", " ");
    let blocks: Vec<Vec<String>> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| {
            Some(
                rest.split_once("```")?
                    .0
                    .lines()
                    .map(str::to_owned)
                    .collect(),
            )
        })
        .collect();
    let alerts = blocks
        .iter()
        .flatten()
        .find(|line| line.contains("compose.alerts.yml"));
    (
        blocks[0].clone(),
        alerts.expect("a command has alerts").clone(),
    )
}

#[test]
fn three_commands_add_the_service_the_target_and_the_dashboards() {
    let checkouts = Checkouts::new();
    let (commands, _) = commands();
    let [target, dashboards, up] = &commands[..] else {
        panic!("{commands:?}");
    };
    for line in [target, dashboards] {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]);
        checkouts.run(shell);
    }
    let files = checkouts.official().join("files");
    let targets =
        fs::read_to_string(files.join("prometheus/file_sd_configs.d/rocketchat-exporter.yml"));
    let targets: Value =
        serde_saphyr::from_str(&targets.expect("the target is there")).expect("it is YAML");
    assert_eq!(targets[0]["labels"]["job"], "rocketchat-exporter");
    assert_eq!(targets[0]["targets"], json!([format!("{SERVICE}:9459")]));
    let copied = fs::read_dir(files.join("grafana/dashboards/rocketchat-exporter"));
    assert_eq!(copied.expect("dashboards are there").count(), 6);

    assert!(
        up.starts_with("docker compose ") && up.ends_with(" up -d"),
        "{up}"
    );
    let merged = checkouts.composed(&files_of(up), &[]);
    let before = checkouts.composed(&OFFICIAL.map(|(name, _)| name), &[]);
    let exporter = &merged["services"][SERVICE];
    assert!(exporter["ports"].is_null(), "{exporter}");
    assert_eq!(
        exporter["networks"],
        merged["services"]["mongodb"]["networks"]
    );
    let source = exporter["build"]["context"].as_str().expect("it is built");
    assert!(Path::new(source).join("deploy/docker/Dockerfile").is_file());
    // Nothing else changes.
    let mut others = merged["services"].clone();
    others
        .as_object_mut()
        .expect("services have names")
        .remove(SERVICE);
    assert_eq!(others, before["services"]);
    assert_eq!(merged["volumes"], before["volumes"]);
}

#[test]
fn exporter_is_confined_and_has_the_connection_string_of_rocket_chat() {
    let checkouts = Checkouts::new();
    let file = format!("../rocketchat-exporter/{FOLDER}/compose.exporter.yml");
    let own = "mongodb://db.example/chat?replicaSet=rs7";
    for variables in [&[][..], &[("MONGO_URL", own)]] {
        let merged = checkouts.composed(&["compose.yml", &file], variables);
        let exporter = &merged["services"][SERVICE];
        assert_eq!(exporter["read_only"], true);
        assert_eq!(exporter["cap_drop"], json!(["ALL"]));
        assert_eq!(exporter["security_opt"], json!(["no-new-privileges:true"]));
        assert_eq!(exporter["user"], "65532:65532");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(exporter["image"], format!("rocketchat-exporter:{version}"));
        let of_exporter = &exporter["environment"]["ROCKETCHAT_EXPORTER_MONGODB_URI"];
        let of_rocket_chat = &merged["services"]["rocketchat"]["environment"]["MONGO_URL"];
        assert_eq!(of_exporter, of_rocket_chat);
    }
}

#[test]
fn alerts_keep_the_targets_of_prometheus_and_add_rules() {
    let checkouts = Checkouts::new();
    let (_, up) = commands();
    let merged = checkouts.composed(&files_of(&up), &[]);
    let before = checkouts.composed(&OFFICIAL.map(|(name, _)| name), &[]);
    let prometheus = &merged["services"]["prometheus"];
    let mounts = |service: &Value| service["volumes"].as_array().cloned().unwrap_or_default();
    let source = |path: &str| {
        let mount = mounts(prometheus).into_iter();
        let mut mount = mount.filter(|mount| mount["target"] == path);
        let mount = mount
            .next()
            .unwrap_or_else(|| panic!("{path} is not mounted"));
        PathBuf::from(mount["source"].as_str().expect("a mount has a source"))
    };
    let official = &before["services"]["prometheus"];
    for mount in mounts(official) {
        assert!(mounts(prometheus).contains(&mount), "{mount}");
    }
    assert_eq!(prometheus["command"], official["command"]);
    let alertmanager = &merged["services"]["alertmanager"];
    assert_eq!(alertmanager["read_only"], true);
    assert!(alertmanager["ports"].is_null(), "{alertmanager}");
    for mount in mounts(alertmanager)
        .iter()
        .filter(|mount| mount["type"] == "bind")
    {
        let source = mount["source"].as_str().expect("a mount has a source");
        assert!(Path::new(source).is_file(), "{source}");
    }

    // The configuration as Prometheus sees it there.
    let rules = source("/etc/rocketchat-exporter/rules");
    let config = fs::read_to_string(source("/etc/prometheus/prometheus.yml"))
        .expect("the configuration can be read")
        .replace(
            "/etc/rocketchat-exporter/rules",
            &rules.display().to_string(),
        )
        .replace(
            "/etc/prometheus/",
            &format!("{}/", source("/etc/prometheus").display()),
        );
    fs::copy(
        project().join(FOLDER).join("rocketchat-exporter.yml"),
        checkouts
            .official()
            .join("files/prometheus/file_sd_configs.d/rocketchat-exporter.yml"),
    )
    .expect("the file can be copied");
    let file = checkouts.official().join("prometheus.yml");
    fs::write(&file, config).expect("the file can be written");
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let mut command = promtool.command();
    command
        .args(["check", "config", "--lint=all", "--lint-fatal"])
        .arg(&file);
    let report = String::from_utf8_lossy(&checkouts.run(command)).into_owned();
    let found = format!("{} rule files found", rule_files().len());
    assert!(report.contains(&found), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exporter_reads_a_set_whose_member_only_its_network_knows() {
    let set = mongod(Options {
        replica_set: true,
        private_name: Some("mongodb"),
        ..Options::default()
    })
    .await;
    fill(&set, "rocketchat").await;
    let checkouts = Checkouts::new();
    let file = format!("../rocketchat-exporter/{FOLDER}/compose.exporter.yml");
    let merged = checkouts.composed(&["compose.yml", &file], &[]);
    let environment = merged["services"][SERVICE]["environment"].as_object();
    let environment = environment.expect("the service has variables");
    let mut command = Exporter::command();
    for (name, value) in environment {
        // The server of the test has another port.
        let value = value.as_str().expect("a variable is text");
        command.env(name, value.replace(":27017", &format!(":{}", set.port())));
    }
    let inside = Exporter::spawn(&mut set.share_name(&command));
    eventually("the workspace is read", || {
        inside.value("rocketchat_up").filter(|up| *up > 0.0)
    })
    .await;
    let outside = Exporter::spawn(&mut command);
    eventually("the workspace cannot be read", || {
        let log = outside.log();
        log.contains("its name cannot be resolved").then_some(())
    })
    .await;
    assert_eq!(outside.value("rocketchat_up"), Some(0.0));
}

//! The files in `deploy/`: the tool that reads each file accepts it, and every flag, variable and path in it exists.
//! `reverse_proxy.rs` tests the reverse proxies.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testbed::tools;

use crate::support::{Exporter, assert_golden, files_below};

const DOCKERFILE: &str = "deploy/docker/Dockerfile";
const COMPOSE: &str = "deploy/compose/compose.yml";
const WORKSPACE: &str = "deploy/compose/compose.workspace.yml";
const BASE: &str = "deploy/kubernetes/base";
const OPERATOR: &str = "deploy/kubernetes/operator";
const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// Services that only serve to try out a workspace.
const TRIAL_SERVICES: [&str; 2] = ["mongodb", "rocketchat"];

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(shipped(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Runs a command successfully and returns its standard output.
fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the command runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}\n{}{stderr}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// The words of a text: letters, digits and the characters in `also`.
fn words<'a>(text: &'a str, also: &str) -> impl Iterator<Item = &'a str> {
    text.split(move |letter: char| !letter.is_ascii_alphanumeric() && !also.contains(letter))
}

fn help() -> String {
    printed(Exporter::command().arg("--help"))
}

#[test]
fn every_variable_in_deploy_exists() {
    let help = help();
    let known: BTreeSet<&str> = words(&help, "_").collect();
    let mut count = 0;
    for path in files_below(&shipped("deploy")) {
        let text = fs::read_to_string(&path).expect("the file can be read");
        for word in words(&text, "_").filter(|word| word.starts_with("ROCKETCHAT_EXPORTER_")) {
            assert!(known.contains(word), "{}: {word}", path.display());
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn every_exporter_flag_in_deploy_exists() {
    let help = help();
    let known: BTreeSet<&str> = words(&help, "-.").collect();
    let mut count = 0;
    for path in files_below(&shipped("deploy")) {
        // These files also have flags of Prometheus and Alertmanager.
        let folders = ["deploy/compose", "deploy/rocketchat-compose"];
        if folders
            .iter()
            .any(|folder| path.starts_with(shipped(folder)))
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the file can be read");
        let flags = words(&text, "-.").map(|word| word.trim_end_matches('.'));
        for flag in flags.filter(|flag| flag.starts_with("--") && flag.contains('.')) {
            assert!(known.contains(flag), "{}: {flag}", path.display());
            count += 1;
        }
    }
    assert!(count > 2, "{count}");
}

#[test]
fn every_file_names_the_package_version() {
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("rocketchat-exporter:{version}");
    assert!(text(DOCKERFILE).contains(&format!("--tag {image} ")));
    assert!(text(COMPOSE).contains(&format!("image: {image}\n")));
    assert!(kustomized(BASE).contains(&format!("image: {image}\n")));
    let newest = format!("rocketchat-exporter ({version}-1) ");
    assert!(text("deploy/debian/changelog").starts_with(&newest));
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert!(text(DOCKERFILE).contains(&format!("FROM rust:{rust}.")));
}

#[test]
fn hadolint_accepts_the_dockerfile() {
    let hadolint = tools::HADOLINT.find().expect("hadolint is installed");
    printed(
        hadolint
            .command()
            .arg("--failure-threshold=style")
            .arg(shipped(DOCKERFILE)),
    );
}

#[test]
fn image_has_the_memory_settings_of_the_service() {
    let variables = |file: &str| -> BTreeSet<String> {
        let text = text(file);
        let words = text
            .split([' ', '\n'])
            .map(|word| word.trim_start_matches("Environment="));
        let malloc = words.filter(|word| word.starts_with("MALLOC_"));
        malloc.map(str::to_owned).collect()
    };
    let of_service = variables("systemd/rocketchat-exporter.service");
    assert!(of_service.contains("MALLOC_ARENA_MAX=2"), "{of_service:?}");
    assert_eq!(variables(DOCKERFILE), of_service);
}

/// The configuration that docker compose reads from files.
fn composed(files: &[&str]) -> Value {
    let mut command = tools::DOCKER_COMPOSE
        .find()
        .expect("docker compose is installed")
        .command();
    for file in files {
        command.arg("--file").arg(shipped(file));
    }
    let json = printed(command.args(["config", "--format=json"]));
    serde_json::from_str(&json).expect("docker compose prints JSON")
}

fn services(files: &[&str]) -> Vec<(String, Value)> {
    let composed = composed(files);
    let services = composed["services"]
        .as_object()
        .expect("there are services");
    services
        .iter()
        .map(|(name, service)| (name.clone(), service.clone()))
        .collect()
}

#[test]
fn docker_compose_accepts_every_key_and_finds_every_file() {
    let names = |files: &[&str]| -> Vec<String> {
        services(files).into_iter().map(|(name, _)| name).collect()
    };
    let monitoring = ["alertmanager", "exporter", "grafana", "prometheus"];
    assert_eq!(names(&[COMPOSE]), monitoring);
    let all = services(&[COMPOSE, WORKSPACE]);
    assert_eq!(all.len(), monitoring.len() + TRIAL_SERVICES.len());
    for (name, service) in all {
        let volumes = service["volumes"].as_array().cloned().unwrap_or_default();
        for volume in volumes.iter().filter(|volume| volume["type"] == "bind") {
            let source = volume["source"].as_str().expect("a volume has a source");
            assert!(Path::new(source).exists(), "{name}: {source}");
            assert_eq!(volume["read_only"], true, "{name}: {source}");
        }
    }
}

#[test]
fn every_compose_service_is_confined_and_pins_its_image() {
    for (name, service) in services(&[COMPOSE, WORKSPACE]) {
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        let options = serde_json::json!(["no-new-privileges:true"]);
        assert_eq!(service["security_opt"], options, "{name}");
        let image = service["image"].as_str().expect("a service has an image");
        let (_, tag) = image.rsplit_once(':').expect("an image has a tag");
        assert!(tag.split('.').count() == 3, "{name}: {image}");
        if name != "rocketchat" {
            assert_eq!(service["read_only"], true, "{name}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
        }
    }
}

#[test]
fn prometheus_accepts_the_compose_configuration() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let rules = shipped("deploy/prometheus/rules").display().to_string();
    let config = text("deploy/compose/prometheus.yml");
    assert!(config.contains("/etc/prometheus/rules/"), "{config}");
    let file = folder.path().join("prometheus.yml");
    let config = config.replace("/etc/prometheus/rules", &rules);
    fs::write(&file, config).expect("the file can be written");
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let report = printed(promtool.command().args(["check", "config"]).arg(&file));
    assert!(report.contains("rules found"), "{report}");
    // The targets are service names of the compose file.
    for target in ["alertmanager:9093", "exporter:9459"] {
        assert!(text("deploy/compose/prometheus.yml").contains(target));
    }
}

/// The manifests that kustomize builds from a directory, as YAML.
pub fn kustomized(folder: &str) -> String {
    let kubectl = tools::KUBECTL.find().expect("kubectl is installed");
    printed(
        kubectl
            .command()
            .arg("kustomize")
            .arg(shipped(folder))
            .env("HOME", "/nonexistent"),
    )
}

fn manifests(folder: &str) -> Vec<Value> {
    kustomized(folder)
        .split("\n---\n")
        .map(|manifest| serde_saphyr::from_str(manifest).expect("the manifest is YAML"))
        .collect()
}

fn manifest(folder: &str, kind: &str) -> Value {
    let mut manifests = manifests(folder).into_iter();
    let manifest = manifests.find(|manifest| manifest["kind"] == kind);
    manifest.unwrap_or_else(|| panic!("{folder} has no {kind}"))
}

#[test]
fn every_manifest_key_exists_in_the_kubernetes_schema() {
    for manifests in [BASE, OPERATOR] {
        let report = kubernetes_validate(&kustomized(manifests), None);
        for kind in ["deployment", "service", "networkpolicy"] {
            let passed = format!("passed for resource {kind}/rocketchat-exporter");
            assert!(report.contains(&passed), "{report}");
        }
    }
}

/// Validates manifests with the schemas of a version of Kubernetes, by default the newest, and returns the report.
pub fn kubernetes_validate(manifests: &str, version: Option<&str>) -> String {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("manifests.yaml");
    fs::write(&file, manifests).expect("the file can be written");
    let modules = tools::KUBERNETES_VALIDATE
        .find()
        .expect("kubernetes-validate is installed");
    let mut command = Command::new("python3");
    command
        .args(["-m", "kubernetes_validate", "--strict"])
        .env("PYTHONPATH", modules.path());
    if let Some(version) = version {
        command.args(["-k", version]);
    }
    let output = command.arg(&file).output().expect("python3 runs");
    let report = [output.stdout, output.stderr].concat();
    let report = String::from_utf8_lossy(&report).into_owned();
    assert!(output.status.success(), "{report}");
    report
}

#[test]
fn pod_meets_the_restricted_pod_security_standard() {
    let deployment = manifest(BASE, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let profile = &pod["securityContext"]["seccompProfile"]["type"];
    assert_eq!(profile, "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[forbidden].is_null(), "{forbidden}");
    }
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
    // The image runs as the same user.
    let user = &pod["securityContext"]["runAsUser"];
    assert!(text(DOCKERFILE).contains(&format!("USER {user}:{user}\n")));
}

#[test]
fn paths_and_ports_in_manifests_exist() {
    let deployment = manifest(BASE, "Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let monitor = manifest(OPERATOR, "ServiceMonitor");
    let endpoint = &monitor["spec"]["endpoints"][0];
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    for (path, status) in [
        (&container["livenessProbe"]["httpGet"]["path"], 200),
        // The exporter is not ready without a database.
        (&container["readinessProbe"]["httpGet"]["path"], 503),
        (&endpoint["path"], 200),
    ] {
        let path = path.as_str().expect("the path is a string");
        assert_eq!(exporter.get(path).status, status, "{path}");
    }
    let port = &container["ports"][0];
    let service = manifest(BASE, "Service");
    let name = port["name"].as_str().expect("the port has a name");
    for named in [
        &container["livenessProbe"]["httpGet"]["port"],
        &container["readinessProbe"]["httpGet"]["port"],
        &endpoint["port"],
        &service["spec"]["ports"][0]["name"],
        &service["spec"]["ports"][0]["targetPort"],
        &manifest(BASE, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"],
    ] {
        assert_eq!(named, name);
    }
    let number = format!(":{}", port["containerPort"]);
    let served = &container["env"][0]["value"];
    assert_eq!(served, number.as_str());
    assert!(text(DOCKERFILE).contains(&format!("WEB_LISTEN_ADDRESS={number}\n")));
}

#[test]
fn every_manifest_selector_matches_the_pod() {
    let labels = &manifest(BASE, "Deployment")["spec"]["template"]["metadata"]["labels"];
    let of = |kind: &str| manifest(OPERATOR, kind)["spec"].clone();
    assert!(labels.is_object(), "{labels}");
    assert_eq!(&of("Deployment")["selector"]["matchLabels"], labels);
    assert_eq!(&of("Service")["selector"], labels);
    assert_eq!(&of("NetworkPolicy")["podSelector"]["matchLabels"], labels);
    let service = &manifest(OPERATOR, "Service")["metadata"]["labels"];
    assert_eq!(&of("ServiceMonitor")["selector"]["matchLabels"], service);
    // The alert ExporterDown matches jobs by this name.
    let label = of("ServiceMonitor")["jobLabel"].clone();
    let job = &service[label.as_str().expect("the monitor has a job label")];
    assert_eq!(job, "rocketchat-exporter");
}

#[test]
fn operator_rules_are_generated_from_prometheus_rules() {
    let mut rules = files_below(&shipped("deploy/prometheus/rules"));
    rules.sort();
    let rules: Vec<String> = rules
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "yml"))
        .map(|file| prometheus_rule(file))
        .collect();
    assert!(!rules.is_empty(), "there are no rules");
    let note = "# Generated from deploy/prometheus/rules by the tests; change the rules there and run\n\
                #   UPDATE_GOLDEN=1 cargo test --test exporter -- operator_rules\n";
    let expected = format!("{note}{}", rules.concat());
    assert_golden(
        "deploy/kubernetes/operator/prometheusrule.yaml",
        None,
        &expected,
    );
}

/// A rule file as a `PrometheusRule` of the Prometheus operator.
fn prometheus_rule(file: &Path) -> String {
    let name = file.file_stem().and_then(|stem| stem.to_str());
    let name = name.expect("the rules have a name");
    let text = fs::read_to_string(file).expect("the rules can be read");
    let spec: String = text
        .lines()
        .map(|line| match line {
            "" => "\n".to_owned(),
            line => format!("  {line}\n"),
        })
        .collect();
    format!(
        "---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: rocketchat-exporter-{name}\n  labels:\n    app.kubernetes.io/name: rocketchat-exporter\nspec:\n{}\n",
        spec.trim_end_matches('\n')
    )
}

#[test]
fn operator_rules_parse_to_the_prometheus_rules() {
    let objects: Vec<Value> = manifests(OPERATOR)
        .into_iter()
        .filter(|object| object["kind"] == "PrometheusRule")
        .collect();
    assert!(!objects.is_empty(), "there are no rules");
    for object in objects {
        let name = object["metadata"]["name"]
            .as_str()
            .expect("the rules have a name");
        let (_, file) = name
            .split_once("exporter-")
            .expect("the object is named after a file");
        let rules = text(&format!("deploy/prometheus/rules/{file}.yml"));
        let rules: Value = serde_saphyr::from_str(&rules).expect("the rules are YAML");
        assert_eq!(object["spec"], rules, "{file}");
    }
}

#[test]
fn example_configuration_is_valid_as_is_and_uncommented() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let shipped = text("deploy/debian/config.yml");
    let uncommented: String = shipped
        .lines()
        .map(|line| match line.strip_prefix('#') {
            // Prose has exactly one space after the `#`.
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(uncommented.contains("\nworkspaces:\n"), "{uncommented}");
    let credentials = "/run/credentials/rocketchat-exporter.service";
    assert!(uncommented.contains(credentials), "{uncommented}");
    let uncommented = uncommented.replace(credentials, &folder.path().display().to_string());
    for uri in ["acme.uri", "example.uri"] {
        fs::write(folder.path().join(uri), "mongodb://127.0.0.1:9/")
            .expect("the file can be written");
    }
    for config in [shipped, uncommented] {
        let file = folder.path().join("config.yml");
        fs::write(&file, &config).expect("the file can be written");
        let printed = self::printed(
            Exporter::command()
                .args(["--config.check", "--config.file"])
                .arg(&file),
        );
        assert_eq!(printed, "All settings can be used.\n", "{config}");
    }
    let uri = text("deploy/debian/mongodb.uri");
    let printed =
        printed(Exporter::command().args(["--config.check", "--mongodb.uri", uri.trim()]));
    assert_eq!(printed, "All settings can be used.\n");
}

//! What is shipped below `deploy/`: each file is accepted by the tool that will read it, and names only what the program
//! has. The reverse proxies have a file of their own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testbed::tools;

use crate::support::{Exporter, assert_golden};

const DOCKERFILE: &str = "deploy/docker/Dockerfile";
const COMPOSE: &str = "deploy/compose/compose.yml";
const WORKSPACE: &str = "deploy/compose/compose.workspace.yml";
const BASE: &str = "deploy/kubernetes/base";
const OPERATOR: &str = "deploy/kubernetes/operator";
const NOBODY: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// The names of services that only try a workspace out.
const TRIED_OUT: [&str; 2] = ["mongodb", "rocketchat"];

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(shipped(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What a command prints; it must succeed.
fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}\n{}{said}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Words of a text that may be part of a name.
fn words<'a>(text: &'a str, also: &str) -> impl Iterator<Item = &'a str> {
    text.split(move |it: char| !it.is_ascii_alphanumeric() && !also.contains(it))
}

fn help() -> String {
    printed(Exporter::command().arg("--help"))
}

#[test]
fn every_variable_below_deploy_is_one_of_the_program() {
    let help = help();
    let known: BTreeSet<&str> = words(&help, "_").collect();
    let mut count = 0;
    for path in files(&shipped("deploy")) {
        let text = fs::read_to_string(&path).expect("the file can be read");
        for word in words(&text, "_").filter(|it| it.starts_with("ROCKETCHAT_EXPORTER_")) {
            assert!(known.contains(word), "{}: {word}", path.display());
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn every_flag_of_the_exporter_below_deploy_is_one_of_the_program() {
    let help = help();
    let known: BTreeSet<&str> = words(&help, "-.").collect();
    let mut count = 0;
    for path in files(&shipped("deploy")) {
        // Prometheus and Alertmanager have flags that look alike.
        if path.starts_with(shipped("deploy/compose")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the file can be read");
        let flags = words(&text, "-.").map(|it| it.trim_end_matches('.'));
        for flag in flags.filter(|it| it.starts_with("--") && it.contains('.')) {
            assert!(known.contains(flag), "{}: {flag}", path.display());
            count += 1;
        }
    }
    assert!(count > 2, "{count}");
}

#[test]
fn every_file_names_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("rocketchat-exporter:{version}");
    assert!(text(DOCKERFILE).contains(&format!("--tag {image} ")));
    assert!(text(COMPOSE).contains(&format!("image: {image}\n")));
    assert!(rendered(BASE).contains(&format!("image: {image}\n")));
    let newest = format!("rocketchat-exporter ({version}-1) ");
    assert!(text("deploy/debian/changelog").starts_with(&newest));
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert!(text(DOCKERFILE).contains(&format!("FROM rust:{rust}.")));
}

#[test]
fn hadolint_accepts_the_dockerfile() {
    let hadolint = tools::HADOLINT.find().expect("hadolint is there");
    printed(
        hadolint
            .command()
            .arg("--failure-threshold=style")
            .arg(shipped(DOCKERFILE)),
    );
}

/// What docker compose makes of files.
#[test]
fn the_image_keeps_memory_as_the_service_does() {
    let variables = |file: &str| -> BTreeSet<String> {
        let text = text(file);
        let words = text
            .split([' ', '\n'])
            .map(|it| it.trim_start_matches("Environment="));
        let kept = words.filter(|it| it.starts_with("MALLOC_"));
        kept.map(str::to_owned).collect()
    };
    let of_service = variables("systemd/rocketchat-exporter.service");
    assert!(of_service.contains("MALLOC_ARENA_MAX=2"), "{of_service:?}");
    assert_eq!(variables(DOCKERFILE), of_service);
}

fn composed(files: &[&str]) -> Value {
    let mut command = tools::DOCKER_COMPOSE
        .find()
        .expect("docker compose is there")
        .command();
    for file in files {
        command.arg("--file").arg(shipped(file));
    }
    let json = printed(command.args(["config", "--format=json"]));
    serde_json::from_str(&json).expect("it is JSON")
}

fn services(files: &[&str]) -> Vec<(String, Value)> {
    let composed = composed(files);
    let services = composed["services"].as_object().expect("there are some");
    services
        .iter()
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect()
}

#[test]
fn docker_compose_accepts_every_line_and_finds_every_file() {
    let names = |files: &[&str]| -> Vec<String> {
        services(files).into_iter().map(|(name, _)| name).collect()
    };
    let monitoring = ["alertmanager", "exporter", "grafana", "prometheus"];
    assert_eq!(names(&[COMPOSE]), monitoring);
    let whole = services(&[COMPOSE, WORKSPACE]);
    assert_eq!(whole.len(), monitoring.len() + TRIED_OUT.len());
    for (name, service) in whole {
        let volumes = service["volumes"].as_array().cloned().unwrap_or_default();
        for volume in volumes.iter().filter(|it| it["type"] == "bind") {
            let source = volume["source"].as_str().expect("it has a source");
            assert!(Path::new(source).exists(), "{name}: {source}");
            assert_eq!(volume["read_only"], true, "{name}: {source}");
        }
    }
}

#[test]
fn every_service_of_the_compose_files_is_confined_and_has_a_pinned_image() {
    for (name, service) in services(&[COMPOSE, WORKSPACE]) {
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        let options = serde_json::json!(["no-new-privileges:true"]);
        assert_eq!(service["security_opt"], options, "{name}");
        let image = service["image"].as_str().expect("it has an image");
        let (_, tag) = image.rsplit_once(':').expect("it has a tag");
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
fn prometheus_accepts_the_configuration_of_the_compose_file() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let rules = shipped("deploy/prometheus/rules").display().to_string();
    let config = text("deploy/compose/prometheus.yml");
    assert!(config.contains("/etc/prometheus/rules/"), "{config}");
    let file = folder.path().join("prometheus.yml");
    let config = config.replace("/etc/prometheus/rules", &rules);
    fs::write(&file, config).expect("the file can be written");
    let promtool = tools::PROMTOOL.find().expect("promtool is there");
    let said = printed(promtool.command().args(["check", "config"]).arg(&file));
    assert!(said.contains("rules found"), "{said}");
    // The names in it are those of the compose file.
    for target in ["alertmanager:9093", "exporter:9459"] {
        assert!(text("deploy/compose/prometheus.yml").contains(target));
    }
}

/// The manifests that kustomize makes of a folder.
fn rendered(folder: &str) -> String {
    let kubectl = tools::KUBECTL.find().expect("kubectl is there");
    printed(
        kubectl
            .command()
            .arg("kustomize")
            .arg(shipped(folder))
            .env("HOME", "/nonexistent"),
    )
}

fn manifests(folder: &str) -> Vec<Value> {
    rendered(folder)
        .split("\n---\n")
        .map(|it| serde_saphyr::from_str(it).expect("it is YAML"))
        .collect()
}

fn manifest(folder: &str, kind: &str) -> Value {
    let found = manifests(folder).into_iter().find(|it| it["kind"] == kind);
    found.unwrap_or_else(|| panic!("{folder} has no {kind}"))
}

#[test]
fn kubernetes_knows_every_key_of_the_manifests() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("manifests.yaml");
    let modules = tools::KUBERNETES_VALIDATE
        .find()
        .expect("kubernetes-validate is there");
    for manifests in [BASE, OPERATOR] {
        fs::write(&file, rendered(manifests)).expect("the file can be written");
        let mut command = Command::new("python3");
        command
            .args(["-m", "kubernetes_validate", "--strict"])
            .arg(&file)
            .env("PYTHONPATH", modules.path());
        let output = command.output().expect("python3 runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{said}");
        for kind in ["deployment", "service", "networkpolicy"] {
            let passed = format!("passed for resource {kind}/rocketchat-exporter");
            assert!(said.contains(&passed), "{said}");
        }
    }
}

#[test]
fn the_pod_keeps_to_the_restricted_standard() {
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
    // The same user as in the image.
    let user = &pod["securityContext"]["runAsUser"];
    assert!(text(DOCKERFILE).contains(&format!("USER {user}:{user}\n")));
}

#[test]
fn what_the_manifests_ask_the_exporter_for_is_there() {
    let deployment = manifest(BASE, "Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let monitor = manifest(OPERATOR, "ServiceMonitor");
    let endpoint = &monitor["spec"]["endpoints"][0];
    let exporter = Exporter::start(&[NOBODY]);
    for (path, status) in [
        (&container["livenessProbe"]["httpGet"]["path"], 200),
        // Without a database it is not ready.
        (&container["readinessProbe"]["httpGet"]["path"], 503),
        (&endpoint["path"], 200),
    ] {
        let path = path.as_str().expect("there is a path");
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
fn every_selector_of_the_manifests_finds_the_pod() {
    let labels = &manifest(BASE, "Deployment")["spec"]["template"]["metadata"]["labels"];
    let of = |kind: &str| manifest(OPERATOR, kind)["spec"].clone();
    assert!(labels.is_object(), "{labels}");
    assert_eq!(&of("Deployment")["selector"]["matchLabels"], labels);
    assert_eq!(&of("Service")["selector"], labels);
    assert_eq!(&of("NetworkPolicy")["podSelector"]["matchLabels"], labels);
    let service = &manifest(OPERATOR, "Service")["metadata"]["labels"];
    assert_eq!(&of("ServiceMonitor")["selector"]["matchLabels"], service);
    // The job, which ExporterDown knows by the beginning of its name.
    let label = of("ServiceMonitor")["jobLabel"].clone();
    let job = &service[label.as_str().expect("it has a label")];
    assert_eq!(job, "rocketchat-exporter");
}

#[test]
fn the_rules_for_the_operator_are_those_for_prometheus() {
    let mut rules = files(&shipped("deploy/prometheus/rules"));
    rules.sort();
    let rules: Vec<String> = rules
        .iter()
        .filter(|it| it.extension().is_some_and(|it| it == "yml"))
        .map(|it| prometheus_rule(it))
        .collect();
    assert!(!rules.is_empty(), "there are no rules");
    let note = "# Made of deploy/prometheus/rules, where changes belong, by the tests:\n\
                #   UPDATE_GOLDEN=1 cargo test --test exporter -- the_rules_for_the_operator\n";
    let whole = format!("{note}{}", rules.concat());
    assert_golden(
        "deploy/kubernetes/operator/prometheusrule.yaml",
        None,
        &whole,
    );
}

/// A file of rules as an object of the Prometheus operator's.
fn prometheus_rule(file: &Path) -> String {
    let name = file.file_stem().and_then(|it| it.to_str());
    let name = name.expect("it has a name");
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
fn the_rules_for_the_operator_say_what_those_for_prometheus_say() {
    let objects: Vec<Value> = manifests(OPERATOR)
        .into_iter()
        .filter(|it| it["kind"] == "PrometheusRule")
        .collect();
    assert!(!objects.is_empty(), "there are no rules");
    for object in objects {
        let name = object["metadata"]["name"].as_str().expect("it has a name");
        let (_, file) = name.split_once("exporter-").expect("it names a file");
        let rules = text(&format!("deploy/prometheus/rules/{file}.yml"));
        let rules: Value = serde_saphyr::from_str(&rules).expect("it is YAML");
        assert_eq!(object["spec"], rules, "{file}");
    }
}

#[test]
fn the_example_of_a_configuration_file_can_be_used_as_it_is_and_without_its_marks() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let shipped = text("deploy/debian/config.yml");
    let uncommented: String = shipped
        .lines()
        .map(|line| match line.strip_prefix('#') {
            // Prose has one space after its mark.
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(uncommented.contains("\nworkspaces:\n"), "{uncommented}");
    let credentials = "/run/credentials/rocketchat-exporter.service";
    assert!(uncommented.contains(credentials), "{uncommented}");
    let uncommented = uncommented.replace(credentials, &folder.path().display().to_string());
    for uri in ["acme.uri", "example.uri"] {
        fs::write(folder.path().join(uri), "mongodb://127.0.0.1:9/").expect("it can be written");
    }
    for config in [shipped, uncommented] {
        let file = folder.path().join("config.yml");
        fs::write(&file, &config).expect("it can be written");
        let said = printed(
            Exporter::command()
                .args(["--config.check", "--config.file"])
                .arg(&file),
        );
        assert_eq!(said, "All settings can be used.\n", "{config}");
    }
    let uri = text("deploy/debian/mongodb.uri");
    let said = printed(Exporter::command().args(["--config.check", "--mongodb.uri", uri.trim()]));
    assert_eq!(said, "All settings can be used.\n");
}

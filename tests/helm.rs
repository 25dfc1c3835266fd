//! The Helm chart: Helm 3 and 4 accept it, every value has an effect and is described, wrong values are refused, the objects
//! fit the schemas of Kubernetes and of the operators, and the exporter starts with what the pod gives it.

#![expect(
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "one table of all values, and texts of some kilobytes that are written once"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use testbed::port;

use crate::deployment::{kubernetes_validate, kustomized};
use crate::support::helm::{Chart, HELM_VERSIONS, NAMESPACE, RELEASE};
use crate::support::tls::Authority;
use crate::support::{
    Exporter, assert_golden, custom_resource_error, eventually, files_below, shared_workspace,
};

const CHART: &str = "deploy/helm/rocketchat-exporter";

/// Versions of Kubernetes that the chart supports.
const KUBERNETES: [&str; 9] = [
    "1.27.0", "1.28.0", "1.29.0", "1.30.0", "1.31.0", "1.32.0", "1.33.0", "1.34.0", "1.35.0",
];

fn chart() -> Chart {
    Chart::at(CHART)
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(shipped(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Sets a value by its path, such as `mongodb.uri`.
fn set(values: &mut Value, path: &str, value: Value) {
    let mut place = values;
    for key in path.split('.') {
        place = &mut place[key];
    }
    *place = value;
}

/// Values by their paths.
fn values(settings: &[(&str, Value)]) -> Value {
    let mut values = json!({});
    for (path, value) in settings {
        set(&mut values, path, value.clone());
    }
    values
}

/// The values that the chart needs at least: the Secret of Rocket.Chat's own chart, in a release called `chat`.
fn basic() -> Value {
    values(&[("existingSecret.name", json!("chat-rocketchat"))])
}

/// Values that turn everything on.
fn everything() -> Value {
    let mut everything = basic();
    for (path, value) in [
        ("networkPolicy.enabled", json!(true)),
        ("serviceMonitor.enabled", json!(true)),
        ("prometheusRule.enabled", json!(true)),
        ("dashboards.configMaps.enabled", json!(true)),
        ("dashboards.grafanaOperator.enabled", json!(true)),
    ] {
        set(&mut everything, path, value);
    }
    everything
}

fn rendered(values: &Value) -> String {
    let manifests = chart().template(values);
    manifests.unwrap_or_else(|error| panic!("{values}: {error}"))
}

fn documents(manifests: &str) -> impl Iterator<Item = &str> {
    let separated = manifests.trim_start_matches("---\n").split("\n---\n");
    separated.filter(|document| !document.trim().is_empty())
}

fn objects(manifests: &str) -> Vec<Value> {
    documents(manifests).map(yaml).collect()
}

fn of_kind(objects: &[Value], kind: &str) -> Vec<Value> {
    let objects = objects.iter().filter(|object| object["kind"] == kind);
    objects.cloned().collect()
}

fn only(objects: &[Value], kind: &str) -> Value {
    let mut found = of_kind(objects, kind);
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

/// A value of `values.yaml` that has a description.
#[derive(Debug)]
struct Described {
    path: String,
    default: Value,
    description: String,
}

/// The described values, in the order of the file: a comment that begins with `# --` describes the key below it.
fn described() -> Vec<Described> {
    let text = text(&format!("{CHART}/values.yaml"));
    let defaults = yaml(&text);
    let mut described = Vec::new();
    let mut description = String::new();
    let mut path: Vec<&str> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        let depth = (line.len() - content.len()) / 2;
        if let Some(begin) = content.strip_prefix("# -- ") {
            assert!(description.is_empty(), "{line}");
            begin.clone_into(&mut description);
        } else if let Some(more) = content.strip_prefix("# ") {
            if !description.is_empty() {
                description.push(' ');
                description.push_str(more);
            }
        } else if let Some((key, _)) = content.split_once(':') {
            path.truncate(depth);
            path.push(key);
            if !description.is_empty() {
                let pointer = format!("/{}", path.join("/"));
                let default = defaults.pointer(&pointer).expect("the key has a value");
                described.push(Described {
                    path: path.join("."),
                    default: default.clone(),
                    description: std::mem::take(&mut description),
                });
            }
        }
    }
    described
}

/// The paths of all values that are no map, or an empty one.
fn leaves(values: &Value, path: &str, found: &mut Vec<String>) {
    match values.as_object() {
        Some(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = format!("{path}.{key}");
                leaves(value, path.trim_start_matches('.'), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn every_value_is_described_once() {
    let described = described();
    assert!(described.len() > 70, "{}", described.len());
    let mut found = Vec::new();
    leaves(
        &yaml(&text(&format!("{CHART}/values.yaml"))),
        "",
        &mut found,
    );
    for leaf in found {
        let covering = described
            .iter()
            .filter(|value| leaf == value.path || leaf.starts_with(&format!("{}.", value.path)));
        assert_eq!(covering.count(), 1, "{leaf}");
    }
}

#[test]
fn readme_has_a_row_for_every_value() {
    let mut table = "\n| Value | Default | Description |\n|---|---|---|\n".to_owned();
    for Described {
        path,
        default,
        description,
    } in described()
    {
        assert!(description.ends_with('.'), "{path}: {description}");
        table += &format!("| `{path}` | `{default}` | {description} |\n");
    }
    let markers = ("<!-- values: begin -->", "<!-- values: end -->");
    assert_golden(&format!("{CHART}/README.md"), Some(markers), &table);
}

#[test]
fn version_is_that_of_the_exporter() {
    let chart = yaml(&text(&format!("{CHART}/Chart.yaml")));
    for key in ["version", "appVersion"] {
        assert_eq!(chart[key], env!("CARGO_PKG_VERSION"), "{key}");
    }
}

/// Helm reads files below the chart only, so it has copies of the rules and dashboards.
#[test]
fn rules_and_dashboards_are_copies() {
    for (source, copies, extension) in [
        ("deploy/prometheus/rules", "rules", "yml"),
        ("dashboards", "dashboards", "json"),
    ] {
        let names = |folder: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(shipped(folder)).expect("the directory can be listed");
            let names =
                entries.map(|entry| entry.expect("the directory can be listed").file_name());
            let names = names.map(|name| name.into_string().expect("the name is UTF-8"));
            names
                .filter(|name| name.ends_with(&format!(".{extension}")))
                .collect()
        };
        let folder = format!("{CHART}/files/{copies}");
        for name in names(source) {
            let original = text(&format!("{source}/{name}"));
            assert_golden(&format!("{folder}/{name}"), None, &original);
        }
        assert_eq!(names(&folder), names(source), "remove from {folder}");
    }
}

#[test]
fn helm_3_and_4_lint_the_chart() {
    for helm in HELM_VERSIONS {
        for values in [json!({}), basic(), everything()] {
            let report = chart().lint(helm, &values);
            assert_eq!(report["total_charts"], 1, "{report}");
            assert_eq!(report["passed"], true, "{report}");
            let messages = report["messages"].as_array().expect("there are messages");
            for message in messages {
                assert_eq!(message["severity"], "INFO", "{helm}: {message}");
            }
        }
        let report = chart().lint(helm, &json!({"service": {"port": "http"}}));
        assert_eq!(report["passed"], false, "{report}");
    }
}

#[test]
fn every_supported_kubernetes_gets_the_same_objects() {
    let newest = rendered(&everything());
    for helm in HELM_VERSIONS {
        for kubernetes in KUBERNETES {
            let manifests = chart().template_by(helm, kubernetes, &everything());
            // Not assert_eq!, whose message would be of a megabyte.
            assert!(manifests.as_ref() == Ok(&newest), "{helm}, {kubernetes}");
        }
        let vendor = chart().template_by(helm, "1.27.16-gke.1008000", &basic());
        assert!(vendor.is_ok(), "{vendor:?}");
        let error = chart().template_by(helm, "1.26.15", &basic());
        let error = error.expect_err("1.26 is too old");
        assert!(
            error.contains("requires kubeVersion: >=1.27.0-0"),
            "{error}"
        );
    }
}

#[test]
fn package_renders_like_the_directory() {
    for helm in HELM_VERSIONS {
        let folder = tempfile::tempdir().expect("a directory can be created");
        let package = chart().package(helm, folder.path());
        let name = format!("rocketchat-exporter-{}.tgz", env!("CARGO_PKG_VERSION"));
        assert!(
            package.path().ends_with(name),
            "{}",
            package.path().display()
        );
        let manifests = package.template(&everything());
        assert!(manifests == Ok(rendered(&everything())), "{helm}");
    }
}

/// What one value changes: a path, a value that is not the default, and a text of a line that only one of the two outputs
/// has.
type Switch = (&'static str, Value, &'static str);

/// One value for each described one. The further values that it needs to have an effect come from [`needed_by`].
fn switches() -> Vec<Switch> {
    let label = json!({"team": "chat"});
    vec![
        ("fullnameOverride", json!("other"), "name: other"),
        ("nameOverride", json!("other"), "name: exporter-other"),
        ("commonLabels", label.clone(), "team: chat"),
        (
            "image.registry",
            json!("registry.example.com/"),
            "image: \"registry.example.com/rocketchat-exporter:",
        ),
        (
            "image.repository",
            json!("mirror/exporter"),
            "image: \"mirror/exporter:",
        ),
        (
            "image.tag",
            json!("9.9.9"),
            "image: \"rocketchat-exporter:9.9.9\"",
        ),
        (
            "image.digest",
            json!(format!("sha256:{}", "0".repeat(64))),
            "image: \"rocketchat-exporter@sha256:0000",
        ),
        (
            "image.pullPolicy",
            json!("Always"),
            "imagePullPolicy: Always",
        ),
        (
            "imagePullSecrets",
            json!([{"name": "registry"}]),
            "- name: registry",
        ),
        ("existingSecret.name", json!("another"), "name: another"),
        (
            "existingSecret.key",
            json!("connectionString.standard"),
            "key: connectionString.standard",
        ),
        (
            "mongodb.uri",
            json!("mongodb://reader:secret@db/rocketchat"),
            "kind: Secret",
        ),
        (
            "workspaces",
            json!({"acme": {"existingSecret": {"name": "acme"}}}),
            "path: acme.uri",
        ),
        ("workspaceFiles.configMaps", json!(["chats"]), "name: chats"),
        ("workspaceFiles.secrets", json!(["uris"]), "name: uris"),
        ("shards", json!(3), "kind: StatefulSet"),
        (
            "config.mongodb.live-max-memory",
            json!(100),
            "live-max-memory: 100",
        ),
        (
            "config.rocketchat.timezone",
            json!("America/Sao_Paulo"),
            "timezone: America/Sao_Paulo",
        ),
        (
            "config.collector.profile",
            json!("minimal"),
            "profile: minimal",
        ),
        ("config.collector.host", json!(true), "host: true"),
        (
            "webConfig.existingSecret.name",
            json!("web"),
            "name: ROCKETCHAT_EXPORTER_WEB_CONFIG_FILE",
        ),
        (
            "webConfig.existingSecret.key",
            json!("users.yml"),
            "/users.yml",
        ),
        (
            "webConfig.tlsSecret",
            json!("exporter-tls"),
            "cert_file: tls.crt",
        ),
        ("webConfig.https", json!(true), "scheme: https"),
        (
            "extraArgs",
            json!(["--compat-metrics"]),
            "- --compat-metrics",
        ),
        (
            "extraEnv",
            json!([{"name": "ROCKETCHAT_EXPORTER_LOG_FORMAT", "value": "json"}]),
            "value: json",
        ),
        (
            "extraVolumes",
            json!([{"name": "ca", "configMap": {"name": "ca"}}]),
            "name: ca",
        ),
        (
            "extraVolumeMounts",
            json!([{"name": "ca", "mountPath": "/etc/ca"}]),
            "mountPath: /etc/ca",
        ),
        (
            "resources",
            json!({"limits": {"memory": "512Mi"}}),
            "memory: 512Mi",
        ),
        (
            "livenessProbe",
            json!({"failureThreshold": 7}),
            "failureThreshold: 7",
        ),
        (
            "readinessProbe",
            json!({"initialDelaySeconds": 9}),
            "initialDelaySeconds: 9",
        ),
        (
            "terminationGracePeriodSeconds",
            json!(45),
            "terminationGracePeriodSeconds: 45",
        ),
        // As on OpenShift.
        (
            "podSecurityContext",
            json!({"runAsUser": null}),
            "runAsUser: 65532",
        ),
        (
            "securityContext",
            json!({"privileged": false}),
            "privileged: false",
        ),
        ("annotations", label.clone(), "team: chat"),
        ("podAnnotations", label.clone(), "team: chat"),
        ("podLabels", label.clone(), "team: chat"),
        (
            "nodeSelector",
            json!({"kubernetes.io/arch": "amd64"}),
            "kubernetes.io/arch: amd64",
        ),
        (
            "tolerations",
            json!([{"key": "dedicated", "operator": "Exists"}]),
            "key: dedicated",
        ),
        (
            "affinity",
            json!({"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}),
            "podAffinity:",
        ),
        (
            "topologySpreadConstraints",
            json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]),
            "topologyKey: zone",
        ),
        (
            "dnsConfig",
            json!({"searches": ["example.com"]}),
            "- example.com",
        ),
        (
            "hostAliases",
            json!([{"ip": "10.0.0.1", "hostnames": ["mongodb"]}]),
            "ip: 10.0.0.1",
        ),
        (
            "priorityClassName",
            json!("monitoring"),
            "priorityClassName: monitoring",
        ),
        (
            "serviceAccount.create",
            json!(false),
            "kind: ServiceAccount",
        ),
        (
            "serviceAccount.name",
            json!("reader"),
            "serviceAccountName: reader",
        ),
        ("serviceAccount.annotations", label.clone(), "team: chat"),
        ("service.type", json!("NodePort"), "type: NodePort"),
        ("service.port", json!(80), "port: 80"),
        ("service.annotations", label.clone(), "team: chat"),
        ("service.labels", label.clone(), "team: chat"),
        ("networkPolicy.enabled", json!(true), "kind: NetworkPolicy"),
        (
            "networkPolicy.ingress.namespaces",
            json!(["observability"]),
            "- observability",
        ),
        (
            "networkPolicy.ingress.from",
            json!([{"podSelector": {}}]),
            "podSelector: {}",
        ),
        ("networkPolicy.egress.enabled", json!(false), "- Egress"),
        (
            "networkPolicy.egress.mongodbPorts",
            json!([27015, 27016]),
            "port: 27016",
        ),
        (
            "networkPolicy.egress.mongodbPeers",
            json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]),
            "cidr: 10.0.0.0/8",
        ),
        (
            "networkPolicy.egress.extra",
            json!([{"ports": [{"port": 443}]}]),
            "port: 443",
        ),
        (
            "serviceMonitor.enabled",
            json!(true),
            "kind: ServiceMonitor",
        ),
        (
            "serviceMonitor.namespace",
            json!("monitoring"),
            "namespace: monitoring",
        ),
        (
            "serviceMonitor.labels",
            json!({"release": "kube-prometheus-stack"}),
            "release: kube-prometheus-stack",
        ),
        ("serviceMonitor.interval", json!("1m"), "interval: 1m"),
        (
            "serviceMonitor.scrapeTimeout",
            json!("10s"),
            "scrapeTimeout: 10s",
        ),
        (
            "serviceMonitor.stableInstance",
            json!(false),
            "targetLabel: instance",
        ),
        (
            "serviceMonitor.relabelings",
            json!([{"targetLabel": "cluster", "replacement": "eu"}]),
            "targetLabel: cluster",
        ),
        (
            "serviceMonitor.metricRelabelings",
            json!([{"action": "drop", "sourceLabels": ["__name__"], "regex": "go_.*"}]),
            "regex: go_.*",
        ),
        ("serviceMonitor.targetLabels", json!(["team"]), "- team"),
        (
            "serviceMonitor.tlsConfig",
            json!({"serverName": "exporter"}),
            "serverName: exporter",
        ),
        (
            "serviceMonitor.basicAuth",
            json!({"username": {"name": "users", "key": "name"}, "password": {"name": "users", "key": "password"}}),
            "basicAuth:",
        ),
        (
            "prometheusRule.enabled",
            json!(true),
            "kind: PrometheusRule",
        ),
        (
            "prometheusRule.namespace",
            json!("monitoring"),
            "namespace: monitoring",
        ),
        (
            "prometheusRule.labels",
            json!({"role": "alert-rules"}),
            "role: alert-rules",
        ),
        ("prometheusRule.alertLabels", label.clone(), "team: chat"),
        (
            "prometheusRule.disabledAlerts",
            json!(["MessagesStopped"]),
            "alert: MessagesStopped",
        ),
        (
            "prometheusRule.groups.usual",
            json!(false),
            "name: rocketchat-usual",
        ),
        (
            "prometheusRule.groups.activity",
            json!(false),
            "name: rocketchat-activity",
        ),
        (
            "prometheusRule.groups.availability",
            json!(false),
            "name: rocketchat-availability",
        ),
        (
            "prometheusRule.groups.exporter",
            json!(false),
            "name: rocketchat-exporter",
        ),
        (
            "prometheusRule.groups.growth",
            json!(false),
            "name: rocketchat-growth",
        ),
        (
            "prometheusRule.groups.host",
            json!(false),
            "name: rocketchat-host",
        ),
        (
            "prometheusRule.groups.jobs",
            json!(false),
            "name: rocketchat-jobs",
        ),
        (
            "prometheusRule.groups.limits",
            json!(false),
            "name: rocketchat-limits",
        ),
        (
            "prometheusRule.groups.omnichannel",
            json!(false),
            "name: rocketchat-omnichannel",
        ),
        (
            "prometheusRule.groups.probe",
            json!(false),
            "name: rocketchat-probe",
        ),
        ("dashboards.folder", json!("Chat"), "folder: \"Chat\""),
        (
            "dashboards.configMaps.enabled",
            json!(true),
            "grafana_dashboard: \"1\"",
        ),
        (
            "dashboards.configMaps.namespace",
            json!("monitoring"),
            "namespace: monitoring",
        ),
        (
            "dashboards.configMaps.label",
            json!("dashboard"),
            "dashboard: \"1\"",
        ),
        (
            "dashboards.configMaps.labelValue",
            json!("yes"),
            "grafana_dashboard: \"yes\"",
        ),
        (
            "dashboards.configMaps.folderAnnotation",
            json!("folder"),
            "folder: \"Rocket.Chat\"",
        ),
        ("dashboards.configMaps.labels", label.clone(), "team: chat"),
        (
            "dashboards.configMaps.annotations",
            label.clone(),
            "team: chat",
        ),
        (
            "dashboards.grafanaOperator.enabled",
            json!(true),
            "kind: GrafanaDashboard",
        ),
        (
            "dashboards.grafanaOperator.namespace",
            json!("monitoring"),
            "namespace: monitoring",
        ),
        (
            "dashboards.grafanaOperator.instanceLabels",
            json!({"dashboards": "grafana"}),
            "dashboards: grafana",
        ),
        (
            "dashboards.grafanaOperator.allowCrossNamespaceImport",
            json!(false),
            "allowCrossNamespaceImport: false",
        ),
        (
            "dashboards.grafanaOperator.resyncPeriod",
            json!("1h"),
            "resyncPeriod: 1h",
        ),
        ("dashboards.grafanaOperator.labels", label, "team: chat"),
    ]
}

/// The values without which a value has no effect.
fn needed_by(path: &str) -> Value {
    let mut values = match path {
        "mongodb.uri" | "workspaces" | "workspaceFiles.configMaps" => json!({}),
        "workspaceFiles.secrets" | "shards" => {
            self::values(&[("workspaceFiles.configMaps", json!(["workspaces"]))])
        }
        _ => basic(),
    };
    let parent = ["networkPolicy", "serviceMonitor", "prometheusRule"];
    let parent = parent.iter().find(|parent| path.starts_with(**parent));
    let parent = parent.copied().or_else(|| {
        let parents = ["dashboards.configMaps", "dashboards.grafanaOperator"];
        parents.into_iter().find(|parent| path.starts_with(parent))
    });
    if let Some(parent) = parent
        && path != format!("{parent}.enabled")
    {
        set(&mut values, &format!("{parent}.enabled"), json!(true));
    }
    match path {
        "webConfig.existingSecret.key" => {
            set(&mut values, "webConfig.existingSecret.name", json!("web"));
        }
        "webConfig.https" => {
            set(&mut values, "webConfig.existingSecret.name", json!("web"));
            set(&mut values, "serviceMonitor.enabled", json!(true));
        }
        "dashboards.folder" => {
            set(
                &mut values,
                "dashboards.grafanaOperator.enabled",
                json!(true),
            );
        }
        _ => {}
    }
    values
}

fn switched((path, value, _): &Switch) -> Value {
    let mut values = needed_by(path);
    if *path == "extraVolumeMounts" {
        let volumes = json!([{"name": "ca", "configMap": {"name": "ca"}}]);
        set(&mut values, "extraVolumes", volumes);
    }
    set(&mut values, path, value.clone());
    values
}

#[test]
fn every_value_changes_what_it_describes() {
    let switches = switches();
    let paths: Vec<&str> = switches.iter().map(|(path, ..)| *path).collect();
    let described = described();
    let described: Vec<&str> = described.iter().map(|value| value.path.as_str()).collect();
    assert_eq!(
        paths, described,
        "the test has a row for each described value"
    );
    let mut plain: BTreeMap<String, String> = BTreeMap::new();
    for switch in &switches {
        let (path, _, expected) = switch;
        let mut values = needed_by(path);
        if values == json!({}) {
            values = basic();
        }
        let before = plain
            .entry(values.to_string())
            .or_insert_with(|| rendered(&values));
        let after = rendered(&switched(switch));
        let lines = |text: &str| -> BTreeMap<String, usize> {
            let mut lines = BTreeMap::new();
            for line in text.lines() {
                *lines.entry(line.to_owned()).or_default() += 1;
            }
            lines
        };
        let (before, after) = (lines(before), lines(&after));
        let changed = before
            .iter()
            .filter(|(line, count)| after.get(*line) != Some(count));
        let changed = changed.chain(
            after
                .iter()
                .filter(|(line, count)| before.get(*line) != Some(count)),
        );
        let changed: Vec<&str> = changed.map(|(line, _)| line.as_str()).collect();
        assert!(
            changed.iter().any(|line| line.contains(expected)),
            "{path}: no changed line has `{expected}`: {changed:#?}"
        );
    }
}

/// Maps whose members are Kubernetes', the operators' or the exporter's.
const OPEN: [&str; 11] = [
    "affinity",
    "config",
    "config.collector",
    "config.mongodb",
    "config.rocketchat",
    "dnsConfig",
    "podSecurityContext",
    "resources",
    "securityContext",
    "serviceMonitor.basicAuth",
    "serviceMonitor.tlsConfig",
];

#[test]
fn schema_refuses_values_of_another_type() {
    for Described { path, .. } in described() {
        if path.starts_with("config.") {
            continue;
        }
        let mut values = basic();
        set(&mut values, &path, json!(7.5));
        let error = chart().template(&values).expect_err(&path);
        let place = format!("at '/{}'", path.replace('.', "/"));
        assert!(error.contains(&place), "{path}: {error}");
    }
}

#[test]
fn schema_refuses_unknown_keys() {
    let mut maps: BTreeSet<String> = BTreeSet::from([String::new()]);
    for Described { path, default, .. } in described() {
        let mut parent = path.as_str();
        while let Some((shorter, _)) = parent.rsplit_once('.') {
            maps.insert(shorter.to_owned());
            parent = shorter;
        }
        if default.is_object() {
            maps.insert(path);
        }
    }
    assert!(maps.len() > 30, "{maps:?}");
    for map in maps {
        let mut values = basic();
        let path = format!("{map}.unknownKey");
        set(&mut values, path.trim_start_matches('.'), json!([1]));
        let manifests = chart().template(&values);
        assert_eq!(manifests.is_ok(), OPEN.contains(&map.as_str()), "{map}");
    }
    // A parent chart passes these on.
    let mut values = basic();
    set(
        &mut values,
        "global",
        json!({"imageRegistry": "mirror.example.com", "other": 1}),
    );
    set(&mut values, "enabled", json!(true));
    assert!(rendered(&values).contains("image: \"mirror.example.com/rocketchat-exporter:"));
}

#[test]
fn contradicting_values_are_refused() {
    let cases: [(&[(&str, Value)], &str); 10] = [
        (&[], "no MongoDB is configured: set existingSecret.name"),
        (
            &[
                ("existingSecret.name", json!("a")),
                ("mongodb.uri", json!("mongodb://u:hunter2@b")),
            ],
            "existingSecret.name and mongodb.uri are set together",
        ),
        (
            &[
                ("existingSecret.name", json!("a")),
                (
                    "workspaces",
                    json!({"a": {"existingSecret": {"name": "b"}}}),
                ),
            ],
            "existingSecret.name and workspaces are set together",
        ),
        (
            &[
                ("existingSecret.name", json!("a")),
                ("config.mongodb.uri", json!("mongodb://u:hunter2@b")),
            ],
            "config.mongodb.uri cannot be set",
        ),
        (
            &[(
                "workspaces",
                json!({"a": {"existingSecret": {"name": "b"}, "settings": {"mongodb": {"uri": "mongodb://u:hunter2@b"}}}}),
            )],
            "workspaces.a.settings.mongodb.uri cannot be set",
        ),
        (
            &[
                ("existingSecret.name", json!("a")),
                ("config.workspaces", json!({})),
            ],
            "config.workspaces cannot be set",
        ),
        (
            &[
                ("existingSecret.name", json!("a")),
                ("webConfig.https", json!(true)),
            ],
            "webConfig.https describes the file of webConfig.existingSecret.name",
        ),
        (
            &[
                ("existingSecret.name", json!("a")),
                ("prometheusRule.enabled", json!(true)),
                ("prometheusRule.disabledAlerts", json!(["Nothing"])),
            ],
            "prometheusRule.disabledAlerts: there is no alert `Nothing`",
        ),
        (
            &[("workspaces", json!({"a": {}}))],
            "missing property 'existingSecret'",
        ),
        (
            &[(
                "workspaces",
                json!({"a b": {"existingSecret": {"name": "b"}}}),
            )],
            "'a b'",
        ),
    ];
    for (settings, expected) in cases {
        let error = chart().template(&values(settings));
        let error = error.expect_err(expected);
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn every_object_fits_the_kubernetes_schema() {
    let mut distinct = BTreeSet::new();
    let switched: Vec<Value> = switches().iter().map(switched).collect();
    for values in switched.iter().chain([&everything()]) {
        for document in documents(&rendered(values)) {
            let kind = yaml_kind(document);
            // Of dashboards a line in each is enough: they are large, and the schema of a ConfigMap knows no JSON.
            let is_dashboard = document.contains("\"schemaVersion\"");
            let custom = ["ServiceMonitor", "PrometheusRule", "GrafanaDashboard"];
            if !is_dashboard && !custom.contains(&kind.as_str()) {
                distinct.insert(document.to_owned());
            }
        }
    }
    let dashboards = rendered(&everything());
    let dashboard = documents(&dashboards).find(|document| {
        yaml_kind(document) == "ConfigMap" && document.contains("\"schemaVersion\"")
    });
    distinct.insert(dashboard.expect("there is a dashboard").to_owned());
    assert!(distinct.len() > 60, "{}", distinct.len());
    let distinct: Vec<String> = distinct.into_iter().collect();
    for kubernetes in ["1.27", "1.35"] {
        let report = kubernetes_validate(&distinct.join("\n---\n"), Some(kubernetes));
        for kind in [
            "deployment",
            "service",
            "networkpolicy",
            "configmap",
            "secret",
            "serviceaccount",
        ] {
            let passed = format!("passed for resource {kind}/{RELEASE}-rocketchat-exporter");
            assert!(report.contains(&passed), "{passed}: {report}");
        }
    }
}

fn yaml_kind(document: &str) -> String {
    let kind = document
        .lines()
        .find_map(|line| line.strip_prefix("kind: "));
    kind.expect("an object has a kind").to_owned()
}

const OPERATORS_KINDS: [&str; 3] = ["ServiceMonitor", "PrometheusRule", "GrafanaDashboard"];

#[test]
fn custom_resources_fit_the_models_of_the_operators() {
    let mut custom: BTreeMap<String, Value> = BTreeMap::new();
    let switches = switches();
    let of_operators = [
        "serviceMonitor",
        "prometheusRule",
        "dashboards",
        "webConfig.https",
        "fullnameOverride",
    ];
    let samples = switches
        .iter()
        .filter(|(path, ..)| of_operators.iter().any(|prefix| path.starts_with(prefix)))
        // They only leave out whole groups.
        .filter(|(path, ..)| !path.starts_with("prometheusRule.groups."))
        .map(switched);
    let mut all: Vec<Value> = samples
        .flat_map(|values| objects(&rendered(&values)))
        .collect();
    all.extend(objects(&rendered(&everything())));
    all.extend(objects(&kustomized("deploy/kubernetes/operator")));
    for mut object in all {
        if object["kind"] == "GrafanaDashboard" {
            // It is JSON for Grafana, which `tests/dashboards.rs` validates.
            assert!(object["spec"]["json"].is_string());
            object["spec"]["json"] = json!("{}");
        }
        custom.insert(object.to_string(), object);
    }
    let custom: Vec<Value> = custom
        .into_values()
        .filter(|object| OPERATORS_KINDS.contains(&object["kind"].as_str().unwrap_or_default()))
        .collect();
    for kind in OPERATORS_KINDS {
        let count = of_kind(&custom, kind).len();
        assert!(count > 3, "{kind}: {count}");
    }
    assert_eq!(custom_resource_error(&custom), None);
    let mut wrong = custom;
    for monitor in wrong
        .iter_mut()
        .filter(|object| object["kind"] == "ServiceMonitor")
    {
        monitor["spec"]["endpoints"][0]["interval"] = json!("soon");
    }
    let error = custom_resource_error(&wrong);
    assert!(
        error
            .as_ref()
            .is_some_and(|error| error.contains("interval")),
        "{error:?}"
    );
}

#[test]
fn prometheus_rule_has_the_rules_unchanged() {
    let rules = only(&objects(&rendered(&everything())), "PrometheusRule");
    let mut files = files_below(&shipped("deploy/prometheus/rules"));
    files.sort();
    let groups = files.iter().flat_map(|file| {
        let rules = yaml(&fs::read_to_string(file).expect("the rules can be read"));
        rules["groups"]
            .as_array()
            .expect("a file has groups")
            .clone()
    });
    assert_eq!(rules["spec"]["groups"], Value::Array(groups.collect()));
    let mut labelled = everything();
    // The rules' own labels stay.
    let labels = json!({"team": "chat", "severity": "page"});
    set(&mut labelled, "prometheusRule.alertLabels", labels);
    let labelled = only(&objects(&rendered(&labelled)), "PrometheusRule");
    for group in labelled["spec"]["groups"]
        .as_array()
        .expect("there are groups")
    {
        for rule in group["rules"].as_array().expect("a group has rules") {
            let is_alert = rule["alert"].is_string();
            assert_eq!(rule["labels"]["team"] == "chat", is_alert, "{rule}");
            assert_ne!(rule["labels"]["severity"], "page", "{rule}");
        }
    }
}

/// Kubernetes refuses larger objects, and `kubectl apply` writes the whole object into an annotation, of at most 256 KiB.
#[test]
fn dashboards_arrive_unchanged_by_all_three_ways() {
    // The copies that golden files are written from.
    rules_and_dashboards_are_copies();
    let by_chart = objects(&rendered(&everything()));
    let by_kustomize = objects(&kustomized("deploy/kubernetes/base"));
    let is_dashboard = |object: &&Value| object["metadata"]["labels"]["grafana_dashboard"] == "1";
    for file in files_below(&shipped("dashboards")) {
        if file.parent() != Some(&shipped("dashboards"))
            || file.extension().is_none_or(|extension| extension != "json")
        {
            continue;
        }
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a file has a name");
        let source: Value =
            serde_json::from_str(&fs::read_to_string(&file).expect("the file can be read"))
                .expect("a dashboard is JSON");
        for objects in [&by_chart, &by_kustomize] {
            let mut maps = objects.iter().filter(is_dashboard);
            let map = maps.find(|map| map["data"][name].is_string());
            let map = map.unwrap_or_else(|| panic!("no ConfigMap has {name}"));
            assert_eq!(map["kind"], "ConfigMap");
            assert_eq!(
                map["metadata"]["annotations"]["grafana_folder"],
                "Rocket.Chat"
            );
            assert!(map.to_string().len() < 250_000, "{name}");
            let json = map["data"][name].as_str().expect("it is a text");
            let arrived: Value = serde_json::from_str(json).expect("a dashboard is JSON");
            assert!(arrived == source, "{name} differs from the file");
        }
        let operated = of_kind(&by_chart, "GrafanaDashboard");
        let texts = operated
            .iter()
            .filter_map(|object| object["spec"]["json"].as_str());
        let found =
            texts.filter(|json| serde_json::from_str::<Value>(json).ok().as_ref() == Some(&source));
        assert_eq!(found.count(), 1, "{name}");
    }
}

#[test]
fn chart_and_kustomize_agree() {
    let by_chart = objects(&rendered(&everything()));
    let by_kustomize = objects(&kustomized("deploy/kubernetes/operator"));
    let compared = [
        ("Deployment", "/spec/replicas"),
        ("Deployment", "/spec/strategy"),
        (
            "Deployment",
            "/spec/template/spec/automountServiceAccountToken",
        ),
        ("Deployment", "/spec/template/spec/enableServiceLinks"),
        (
            "Deployment",
            "/spec/template/spec/terminationGracePeriodSeconds",
        ),
        ("Deployment", "/spec/template/spec/securityContext"),
        ("Deployment", "/spec/template/spec/containers/0/image"),
        (
            "Deployment",
            "/spec/template/spec/containers/0/livenessProbe",
        ),
        (
            "Deployment",
            "/spec/template/spec/containers/0/readinessProbe",
        ),
        ("Deployment", "/spec/template/spec/containers/0/resources"),
        (
            "Deployment",
            "/spec/template/spec/containers/0/securityContext",
        ),
        ("Service", "/spec/publishNotReadyAddresses"),
        ("NetworkPolicy", "/spec/egress"),
        ("NetworkPolicy", "/spec/policyTypes"),
        ("ServiceMonitor", "/spec/endpoints"),
        ("ServiceMonitor", "/spec/jobLabel"),
    ];
    for (kind, pointer) in compared {
        let of = |objects: &[Value]| only(objects, kind).pointer(pointer).cloned();
        let expected = of(&by_kustomize);
        assert!(expected.is_some(), "{kind} {pointer}");
        assert_eq!(of(&by_chart), expected, "{kind} {pointer}");
    }
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    let limit = only(&by_chart, "Deployment").pointer(memory).cloned();
    assert_eq!(limit, Some(json!("256Mi")));
    assert!(text("systemd/rocketchat-exporter.service").contains("\nMemoryMax=256M\n"));
}

#[test]
fn every_selector_finds_the_pod_and_every_port_its_name() {
    let mut values = everything();
    set(&mut values, "nameOverride", json!("other"));
    let objects = objects(&rendered(&values));
    let pod = only(&objects, "Deployment")["spec"]["template"].clone();
    let labels =
        |value: &Value| -> Map<String, Value> { value.as_object().cloned().unwrap_or_default() };
    let contains = |all: &Map<String, Value>, some: &Value| {
        let some = labels(some);
        assert!(!some.is_empty());
        assert!(
            some.iter().all(|(key, value)| all.get(key) == Some(value)),
            "{some:?}"
        );
    };
    let of_pod = labels(&pod["metadata"]["labels"]);
    contains(
        &of_pod,
        &only(&objects, "Deployment")["spec"]["selector"]["matchLabels"],
    );
    contains(&of_pod, &only(&objects, "Service")["spec"]["selector"]);
    contains(
        &of_pod,
        &only(&objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    );
    let of_service = labels(&only(&objects, "Service")["metadata"]["labels"]);
    let monitor = only(&objects, "ServiceMonitor");
    contains(&of_service, &monitor["spec"]["selector"]["matchLabels"]);
    assert_eq!(
        monitor["spec"]["namespaceSelector"]["matchNames"],
        json!([NAMESPACE])
    );
    // The alert ExporterDown matches jobs by this prefix, whatever the objects are called.
    let job_label = monitor["spec"]["jobLabel"]
        .as_str()
        .expect("the monitor has a job label");
    assert_eq!(of_service[job_label], "rocketchat-exporter");
    let port = &pod["spec"]["containers"][0]["ports"][0]["name"];
    assert_eq!(
        &only(&objects, "Service")["spec"]["ports"][0]["targetPort"],
        port
    );
    assert_eq!(
        &only(&objects, "Service")["spec"]["ports"][0]["name"],
        &monitor["spec"]["endpoints"][0]["port"]
    );
    // A PodMonitor of Rocket.Chat's own chart in the same release selects these port names.
    assert!(!["metrics", "ms-metrics"].map(Value::from).contains(port));
}

#[test]
fn notes_say_how_to_look() {
    let notes = chart().notes(&basic());
    for expected in [
        "the MongoDB in the Secret chat-rocketchat, key mongo-uri.",
        "port-forward service/exporter-rocketchat-exporter 9459:9459",
        "curl --silent http://127.0.0.1:9459/metrics | grep ^rocketchat_up",
        "rocketchat_up 1",
        "exec deployment/exporter-rocketchat-exporter -- /usr/bin/rocketchat-exporter check",
        "--set serviceMonitor.enabled=true",
        "Alerts are off",
        "Dashboards are off",
    ] {
        assert!(notes.contains(expected), "{expected}: {notes}");
    }
    let mut all = everything();
    set(&mut all, "webConfig.tlsSecret", json!("tls"));
    let notes = chart().notes(&all);
    for expected in [
        "curl --insecure https://",
        "serviceMonitorSelector",
        "may connect: monitoring",
    ] {
        assert!(notes.contains(expected), "{expected}: {notes}");
    }
    assert!(!notes.contains(" are off"), "{notes}");
    let uri = chart().notes(&values(&[("mongodb.uri", json!("mongodb://u:hunter2@b"))]));
    assert!(
        uri.contains("in the Secret exporter-rocketchat-exporter."),
        "{uri}"
    );
    assert!(!uri.contains("hunter2"), "{uri}");
}

/// The container of the rendered pod on this machine: its mounts are directories in a temporary one, written as the kubelet
/// writes them.
struct Container {
    folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    spec: Value,
}

impl Container {
    /// The pod of these values, beside Secrets by their names, and the ConfigMap of the chart.
    fn new(values: &Value, secrets: &[(&str, &[(&str, &str)])]) -> Self {
        let objects = objects(&rendered(values));
        let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
        let spec = pod["containers"][0].clone();
        let folder = tempfile::tempdir().expect("a directory can be created");
        let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
        let root = folder.path().display().to_string();
        // The paths of mounts in the configuration and in variables become those below the temporary directory.
        let mounts: Vec<(String, String)> = spec["volumeMounts"]
            .as_array()
            .expect("the container has mounts")
            .iter()
            .map(|mount| (text(&mount["name"]), text(&mount["mountPath"])))
            .collect();
        let relocated = |content: &str| {
            let mounted = |content: String, (_, path): &(String, String)| {
                content.replace(&format!("{path}/"), &format!("{root}{path}/"))
            };
            mounts.iter().fold(content.to_owned(), mounted)
        };
        let mut sources: BTreeMap<(String, String), BTreeMap<String, String>> = BTreeMap::new();
        for (name, data) in secrets {
            let data = data
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            sources.insert(("secret".to_owned(), (*name).to_owned()), data.collect());
        }
        let config = &objects
            .iter()
            .find(|object| object["data"]["config.yml"].is_string());
        let config = config.expect("the chart has a configuration");
        let data = config["data"].as_object().expect("a ConfigMap has data");
        let data = data
            .iter()
            .map(|(key, value)| (key.clone(), relocated(&text(value))));
        sources.insert(
            ("configMap".to_owned(), text(&config["metadata"]["name"])),
            data.collect(),
        );
        for volume in pod["volumes"].as_array().expect("the pod has volumes") {
            let (_, path) = mounts
                .iter()
                .find(|(name, _)| volume["name"] == name.as_str())
                .expect("a volume is mounted");
            let parts = match volume["projected"]["sources"].as_array() {
                Some(parts) => parts.clone(),
                None => vec![volume.clone()],
            };
            // The kubelet writes files into a directory that `..data` links to, and links to them.
            let mounted = folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(mounted.join("..2026")).expect("the directory can be created");
            symlink("..2026", mounted.join("..data")).expect("the link can be created");
            for part in parts {
                let (kind, source) = ["secret", "configMap"]
                    .into_iter()
                    .find_map(|kind| Some((kind, part.get(kind)?)))
                    .expect("a source is a Secret or a ConfigMap");
                let name = text(&source["name"]);
                let data = sources.get(&(kind.to_owned(), name.clone()));
                let data = data.unwrap_or_else(|| panic!("there is no {kind} {name}"));
                let items: Vec<(String, String)> = match source["items"].as_array() {
                    Some(items) => items
                        .iter()
                        .map(|item| (text(&item["key"]), text(&item["path"])))
                        .collect(),
                    None => data.keys().map(|key| (key.clone(), key.clone())).collect(),
                };
                for (key, path) in items {
                    let value = data
                        .get(&key)
                        .unwrap_or_else(|| panic!("{name} has no {key}"));
                    fs::write(mounted.join("..2026").join(&path), value)
                        .expect("the file can be written");
                    symlink(Path::new("..data").join(&path), mounted.join(&path))
                        .expect("the link can be created");
                }
            }
        }
        let environment = spec["env"].as_array().expect("the container has variables");
        let environment = environment.iter().map(|variable| {
            (
                text(&variable["name"]),
                relocated(&text(&variable["value"])),
            )
        });
        let arguments = spec["args"].as_array().cloned().unwrap_or_default();
        Self {
            environment: environment.collect(),
            arguments: arguments.iter().map(text).collect(),
            folder,
            spec,
        }
    }

    /// Listens on a port of the loopback address, because the pod's may be in use on this machine.
    fn listen_on(&mut self, port: u16) {
        for (name, value) in &mut self.environment {
            if name == "ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS" {
                assert_eq!(value, ":9459");
                *value = format!("127.0.0.1:{port}");
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Exporter::command();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn start(&self) -> Exporter {
        Exporter::spawn_unchanged(self.command().args(&self.arguments))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exporter_starts_on_the_secret_of_rocketchats_own_chart() {
    let uri = &shared_workspace().await.uri;
    let mut values = basic();
    set(
        &mut values,
        "extraArgs",
        json!(["--compat-metrics", "--no-collector.jobs"]),
    );
    let secret: &[(&str, &str)] = &[("mongo-uri", uri), ("reg-token", "token")];
    let mut container = Container::new(&values, &[("chat-rocketchat", secret)]);
    container.listen_on(port::random());
    let exporter = container.start();
    eventually("the workspace is read", || {
        (exporter.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
    for probe in ["livenessProbe", "readinessProbe"] {
        let path = container.spec[probe]["httpGet"]["path"]
            .as_str()
            .expect("the probe has a path");
        assert_eq!(exporter.get(path).status, 200, "{path}");
    }
    let metrics = exporter.metrics();
    for absent in ["rocketchat_host_", "collector=\"jobs\""] {
        assert!(!metrics.contains(absent), "{absent}");
    }
    // The kubelet replaces the link when the Secret changes.
    let mount = container
        .folder
        .path()
        .join("run/secrets/rocketchat-exporter");
    fs::create_dir(mount.join("..2027")).expect("the directory can be created");
    fs::write(
        mount.join("..2027/mongodb.uri"),
        "mongodb://127.0.0.1:9/rocketchat",
    )
    .expect("the file can be written");
    symlink("..2027", mount.join("..new")).expect("the link can be created");
    fs::rename(mount.join("..new"), mount.join("..data")).expect("the link can be replaced");
    eventually("the changed Secret is read", || {
        exporter
            .log()
            .contains("files of the connection to MongoDB changed")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exporter_starts_on_the_secrets_of_several_workspaces() {
    let uri = &shared_workspace().await.uri;
    let workspaces = json!({
        "acme": {"existingSecret": {"name": "acme-rocketchat"}},
        "example.org": {
            "existingSecret": {"name": "example-mongodb", "key": "connectionString.standard"},
            "settings": {"rocketchat": {"timezone": "America/Sao_Paulo"}, "mongodb": {"max-connections": 1}},
        },
    });
    let one: &[(&str, &str)] = &[("mongo-uri", uri)];
    let other: &[(&str, &str)] = &[("connectionString.standard", uri)];
    let secrets = [("acme-rocketchat", one), ("example-mongodb", other)];
    let mut container = Container::new(&values(&[("workspaces", workspaces)]), &secrets);
    container.listen_on(port::random());
    let exporter = container.start();
    for workspace in ["acme", "example.org"] {
        let up = format!("rocketchat_up{{workspace=\"{workspace}\"}}");
        eventually(&up, || (exporter.value(&up) == Some(1.0)).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_of_an_encrypted_exporter_succeed() {
    let uri = &shared_workspace().await.uri;
    let server = Authority::new().server();
    let users = "basic_auth_users: {prometheus: $2y$04$abcdefghijklmnopqrstuuZ5XgdNpjhCbVqFvHLXzYAVdX7hW9Rty}\n\
                 tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n";
    let database: &[(&str, &str)] = &[("mongo-uri", uri)];
    let certificate: &[(&str, &str)] =
        &[("tls.crt", &server.certificate), ("tls.key", &server.key)];
    let web: &[(&str, &str)] = &[("web-config.yml", users)];
    let secrets = [
        ("chat-rocketchat", database),
        ("tls", certificate),
        ("web", web),
    ];
    for web in [None, Some("web")] {
        let mut values = basic();
        set(&mut values, "webConfig.tlsSecret", json!("tls"));
        if let Some(name) = web {
            set(&mut values, "webConfig.existingSecret.name", json!(name));
        }
        let mut container = Container::new(&values, &secrets);
        container.listen_on(port::random());
        let exporter = container.start();
        for probe in ["livenessProbe", "readinessProbe"] {
            let command = container.spec[probe]["exec"]["command"]
                .as_array()
                .expect("the probe runs a command");
            assert_eq!(command[0], "/usr/bin/rocketchat-exporter");
            let arguments = command[1..].iter().filter_map(Value::as_str);
            let output = container
                .command()
                .args(arguments)
                .output()
                .expect("the exporter runs");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        drop(exporter);
    }
}

#[test]
fn install_commands_name_what_the_chart_has() {
    let readme = text(&format!("{CHART}/README.md"));
    let described = described();
    let mut checked = 0;
    let words: Vec<&str> = readme.split_whitespace().collect();
    for pair in words.windows(2) {
        if pair[0] != "--set" {
            continue;
        }
        let (path, _) = pair[1].split_once('=').expect("--set has a value");
        let is_described = described
            .iter()
            .any(|value| path == value.path || path.starts_with(&format!("{}.", value.path)));
        assert!(is_described, "{path}");
        checked += 1;
    }
    assert!(checked > 3, "{checked}");
    let blocks = readme.split("```yaml\n").skip(1);
    let mut rendered_blocks = 0;
    for block in blocks {
        let (block, _) = block.split_once("```").expect("a block ends");
        rendered(&yaml(block));
        rendered_blocks += 1;
    }
    assert!(rendered_blocks > 1, "{rendered_blocks}");
}

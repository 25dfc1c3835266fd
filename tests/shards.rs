//! Several exporters that share the workspaces: `--shard` and `--total-shards`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::child_process::{ChildProcess, Output};
use testbed::{port, tools};

use crate::deployment::{kubernetes_validate, kustomized};
use crate::support::helm::{Chart, HELM_VERSIONS};
use crate::support::{Exporter, Prometheus, eventually, promtool_error, shared_workspace};

const WORKSPACES: usize = 24;

/// A directory of workspaces whose databases cannot be reached, and the addresses of up to four shards.
struct Fleet {
    folder: TempDir,
    addresses: Vec<String>,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory can be created");
        for number in 0..WORKSPACES {
            let file = folder.path().join(format!("workspace-{number}.yml"));
            let text = "mongodb: {uri: 'mongodb://127.0.0.1:9', connect-timeout: 200ms}\n";
            fs::write(file, text).expect("the file can be written");
        }
        let addresses = (0..4).map(|_| port::random_address().to_string());
        Self {
            folder,
            addresses: addresses.collect(),
        }
    }

    fn start(&self, shard: usize, total: usize) -> Exporter {
        let mut command = Exporter::command();
        command
            .arg(format!("--config.dir={}", self.folder.path().display()))
            .arg("--collector.profile=minimal")
            .arg(format!("--web.listen-address={}", self.addresses[shard]))
            // The name of a pod.
            .env(
                "ROCKETCHAT_EXPORTER_SHARD",
                format!("rocketchat-exporter-{shard}"),
            )
            .env("ROCKETCHAT_EXPORTER_TOTAL_SHARDS", total.to_string());
        Exporter::spawn_unchanged(&mut command)
    }

    fn names() -> BTreeSet<String> {
        (0..WORKSPACES)
            .map(|number| format!("workspace-{number}"))
            .collect()
    }
}

/// The workspaces that a shard lists for service discovery.
fn listed(shard: &Exporter) -> Vec<String> {
    let groups: Value = shard.get("/sd").json();
    let groups = groups.as_array().expect("it is a list").iter();
    let name = |group: &Value| group["labels"]["workspace"].as_str().map(str::to_owned);
    groups.filter_map(name).collect()
}

/// The shard of each workspace; panics if two have the same.
fn owners(shards: &[Exporter]) -> BTreeMap<String, usize> {
    let mut owners = BTreeMap::new();
    for (ordinal, shard) in shards.iter().enumerate() {
        for name in listed(shard) {
            let other = owners.insert(name.clone(), ordinal);
            assert_eq!(other, None, "{name} is in shard {ordinal} too");
        }
    }
    owners
}

/// The configuration in `docs/many-workspaces.md`, for these addresses.
fn prometheus_configuration(addresses: &[String]) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/many-workspaces.md");
    let page = fs::read_to_string(page).expect("the page can be read");
    let (_, rest) = page
        .split_once("<!-- shards: begin -->\n```yaml\n")
        .expect("the page has the configuration");
    let (text, _) = rest.split_once("```").expect("the code ends");
    let mut configuration: Value = serde_saphyr::from_str(text).expect("it is YAML");
    let jobs = &mut configuration["scrape_configs"];
    let lists = addresses
        .iter()
        .map(|address| json!({ "url": format!("http://{address}/sd"), "refresh_interval": "1s" }));
    jobs[0]["http_sd_configs"] = lists.collect();
    jobs[1]["static_configs"] = json!([{ "targets": addresses }]);
    configuration["global"] = json!({ "scrape_interval": "1s" });
    configuration.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_sees_each_workspace_once_also_while_shards_are_added() {
    let fleet = Fleet::new();
    let mut shards: Vec<Exporter> = (0..3).map(|shard| fleet.start(shard, 3)).collect();
    let before = owners(&shards);
    assert_eq!(
        before.keys().cloned().collect::<BTreeSet<_>>(),
        Fleet::names()
    );
    let configuration = prometheus_configuration(&fleet.addresses);
    let prometheus = Prometheus::start(tools::PROMETHEUS_3, &configuration).await;
    let number = |query: &str| {
        let series = prometheus.query(query).expect("the query is valid");
        series.first().map(|series| series.points[0].1)
    };
    let seen = "count(count by (workspace) (rocketchat_up))";
    let most = "max(count by (workspace) (rocketchat_up))";
    let all = Some(WORKSPACES as f64);
    eventually("all workspaces are scraped", || {
        (number(seen) == all).then_some(())
    })
    .await;
    assert_eq!(number(most), Some(1.0));
    eventually("all shards are scraped", || {
        (number("count(count by (ordinal) (rocketchat_exporter_shard))") == Some(3.0)).then_some(())
    })
    .await;
    assert_eq!(number("max(rocketchat_exporter_total_shards)"), Some(3.0));

    // A rollout: the new shard first, then the others, the last one first.
    shards.push(fleet.start(3, 4));
    assert_once(&number, most).await;
    for shard in (0..3).rev() {
        // The address must be free again.
        let old = shards.remove(shard);
        drop(old);
        shards.insert(shard, fleet.start(shard, 4));
        assert_once(&number, most).await;
    }
    let after = owners(&shards);
    assert_eq!(
        after.keys().cloned().collect::<BTreeSet<_>>(),
        Fleet::names()
    );
    let mut moved = 0;
    for (name, shard) in &after {
        if before[name] != *shard {
            assert_eq!(*shard, 3, "{name} moved to an old shard");
            moved += 1;
        }
    }
    assert!((1..WORKSPACES / 2).contains(&moved), "{moved} moved");
    eventually("all workspaces are scraped", || {
        (number(seen) == all && number("count(rocketchat_exporter_shard)") == Some(4.0))
            .then_some(())
    })
    .await;
    assert_eq!(number(most), Some(1.0));
}

/// Asserts for some seconds that no workspace has two series.
async fn assert_once(number: &impl Fn(&str) -> Option<f64>, most: &str) {
    for _ in 0..6 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let most = number(most);
        assert!(most.is_none_or(|most| most <= 1.0), "{most:?}");
    }
}

#[test]
fn shard_exposes_its_ordinal_and_shows_only_its_workspaces() {
    let fleet = Fleet::new();
    let shard = fleet.start(2, 3);
    let names = listed(&shard);
    assert!(!names.is_empty() && names.len() < WORKSPACES);
    assert_eq!(
        shard.value("rocketchat_exporter_shard{ordinal=\"2\"}"),
        Some(1.0)
    );
    assert_eq!(shard.value("rocketchat_exporter_total_shards"), Some(3.0));
    // It reads the files of its own workspaces alone.
    let reads = shard.value("rocketchat_exporter_workspace_file_reads_total");
    assert_eq!(reads, Some(names.len() as f64));
    let page = shard.get("/info").text();
    for name in Fleet::names() {
        let is_shown = page.contains(&format!(">{name}<"));
        assert_eq!(is_shown, names.contains(&name), "{name}");
    }
    assert!(page.contains("Shard 2 of 3"), "{page}");
    // The exporter's own metrics alone.
    let own = shard.get("/metrics?collect[]=exporter").text();
    assert!(own.contains("\nrocketchat_exporter_shard{"), "{own}");
    assert!(!own.contains("workspace="), "{own}");
    assert_eq!(promtool_error(own.as_bytes()), None);
}

#[test]
fn contradictory_shards_are_refused() {
    let fleet = Fleet::new();
    let folder = format!("--config.dir={}", fleet.folder.path().display());
    for (flags, expected) in [
        (
            &["--shard=3", "--total-shards=3"][..],
            "--shard: 3 is not below --total-shards=3",
        ),
        (&["--shard=1"], "--total-shards"),
        (&["--total-shards=3"], "--shard"),
        (
            &["--shard=exporter", "--total-shards=3"],
            "the name of a pod",
        ),
        (&["--shard=0", "--total-shards=0"], "from 1 to 1000"),
    ] {
        let output = Exporter::command()
            .arg("--config.check")
            .arg(&folder)
            .args(flags)
            .output()
            .expect("the exporter runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {message}");
        assert!(message.contains(expected), "{flags:?}: {message}");
    }
    let output = Exporter::command()
        .args([
            "--config.check",
            "--mongodb.uri=mongodb://db",
            "--shard=0",
            "--total-shards=2",
        ])
        .output()
        .expect("the exporter runs");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("nothing to share"), "{message}");
}

/// A pair of exporters, each with its own scraper that writes to one VictoriaMetrics.
#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_keeps_one_sample_of_a_pair() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let address = port::random_address().to_string();
    let victoria = tools::VICTORIA_METRICS.find().expect("it is installed");
    let mut command = victoria.command();
    command
        .arg(format!("-httpListenAddr={address}"))
        .arg(format!(
            "-storageDataPath={}",
            folder.path().join("data").display()
        ))
        .args(["-dedup.minScrapeInterval=1s", "-search.latencyOffset=0s"]);
    let log = folder.path().join("log");
    let _store = ChildProcess::start(&mut command, None, Output::File(&log)).expect("it starts");
    let flags = ["--collector.disable-defaults", "--collector.presence"];
    let pair = [
        Exporter::on(&shared.uri, &flags),
        Exporter::on(&shared.uri, &flags),
    ];
    let vmagent = tools::VMAGENT.find().expect("vmagent is installed");
    let mut scrapers = Vec::new();
    for (number, exporter) in pair.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yml"));
        // The labels of `docs/many-workspaces.md`: the same for both; and the same without them.
        let target = json!([{ "targets": [exporter.address()] }]);
        let configuration = json!({
            "global": { "scrape_interval": "1s" },
            "scrape_configs": [
                {
                    "job_name": "rocketchat-exporter",
                    "static_configs": target,
                    "relabel_configs": [
                        { "target_label": "instance", "replacement": "rocketchat-exporter" },
                    ],
                },
                { "job_name": "unchanged", "static_configs": target },
            ],
        });
        fs::write(&file, configuration.to_string()).expect("the file can be written");
        let mut command = vmagent.command();
        command
            .arg(format!("-promscrape.config={}", file.display()))
            .arg(format!("-httpListenAddr={}", port::random_address()))
            .arg(format!("-remoteWrite.url=http://{address}/api/v1/write"))
            .args(["-remoteWrite.flushInterval=1s"])
            .arg(format!(
                "-remoteWrite.tmpDataPath={}",
                folder.path().join(format!("queue-{number}")).display()
            ));
        let log = folder.path().join(format!("vmagent-{number}"));
        let scraper = ChildProcess::start(&mut command, None, Output::File(&log));
        scrapers.push(scraper.expect("vmagent starts"));
    }
    // Series, and the number of samples within ten seconds.
    let samples = |job: &str| -> Option<(usize, f64)> {
        let query =
            format!("count_over_time(rocketchat_users{{presence=\"online\",job=\"{job}\"}}[10s])");
        let response = ureq::get(format!("http://{address}/api/v1/query"))
            .query("query", query)
            .call();
        let text = response.ok()?.body_mut().read_to_string().ok()?;
        let response: Value = serde_json::from_str(&text).ok()?;
        let series = response["data"]["result"].as_array()?;
        let counts = series
            .iter()
            .map(|series| series["value"][1].as_str()?.parse::<f64>().ok());
        let counts: Option<Vec<f64>> = counts.collect();
        Some((series.len(), counts?.iter().sum()))
    };
    // Both exporters are scraped: with labels of their own they have two series of ten samples.
    eventually("both exporters have ten samples", || {
        samples("unchanged").filter(|(series, count)| *series == 2 && *count >= 18.0)
    })
    .await;
    let (series, count) = samples("rocketchat-exporter").expect("there are samples");
    assert_eq!(series, 1);
    assert!(
        (8.0..=11.0).contains(&count),
        "{count} samples in ten seconds"
    );
}

/// The objects in manifests.
fn objects_in(manifests: &str) -> impl Iterator<Item = Value> {
    let documents = manifests
        .split("---\n")
        .filter(|text| text.contains("kind:"));
    documents.map(|text| serde_saphyr::from_str(text).expect("it is YAML"))
}

/// An object of each kind in manifests.
fn objects(manifests: &str) -> BTreeMap<String, Value> {
    let objects = objects_in(manifests);
    objects
        .map(|object| {
            (
                object["kind"].as_str().unwrap_or_default().to_owned(),
                object,
            )
        })
        .collect()
}

/// Asserts that the pods have names below a headless Service. It is another one than that of a single exporter, because Kubernetes
/// refuses to make a Service headless, and a ServiceMonitor does not select it, so that each pod is scraped once.
fn assert_services(shards: &str, single: &str) {
    let services = |manifests: &str| -> BTreeMap<String, Value> {
        let services = objects_in(manifests).filter(|object| object["kind"] == "Service");
        let name = |service: &Value| service["metadata"]["name"].to_string();
        services.map(|service| (name(&service), service)).collect()
    };
    let mut services_of_shards = services(shards);
    let set = &objects(shards)["StatefulSet"]["spec"];
    let headless = services_of_shards.remove(&set["serviceName"].to_string());
    let headless = headless.expect("there is the Service that the StatefulSet names");
    assert_eq!(services_of_shards, services(single));
    assert_eq!(headless["spec"]["clusterIP"], "None");
    for service in services_of_shards.values() {
        assert_eq!(service["spec"]["selector"], headless["spec"]["selector"]);
        let name =
            |service: &Value| service["metadata"]["labels"]["app.kubernetes.io/name"].clone();
        assert_ne!(name(service), name(&headless));
    }
}

/// Asserts that the pods know their ordinal and the number of replicas, and have names of their own.
fn assert_shards(objects: &BTreeMap<String, Value>) {
    assert!(!objects.contains_key("Deployment"));
    let set = &objects["StatefulSet"]["spec"];
    let container = &set["template"]["spec"]["containers"][0];
    let variables = container["env"].as_array().expect("there are variables");
    let variable = |name: &str| {
        let found = variables.iter().find(|variable| variable["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let total = &variable("ROCKETCHAT_EXPORTER_TOTAL_SHARDS")["value"];
    assert_eq!(*total, set["replicas"].to_string());
    let shard = &variable("ROCKETCHAT_EXPORTER_SHARD")["valueFrom"]["fieldRef"]["fieldPath"];
    assert_eq!(shard, "metadata.name");
    let folder = &variable("ROCKETCHAT_EXPORTER_CONFIG_DIR")["value"];
    let mounts = container["volumeMounts"]
        .as_array()
        .expect("there are mounts");
    assert!(mounts.iter().any(|mount| mount["mountPath"] == *folder));
}

#[test]
fn chart_makes_a_stateful_set() {
    let chart = Chart::at("deploy/helm/rocketchat-exporter");
    let values = json!({
        "shards": 3,
        "workspaceFiles": { "configMaps": ["chats", "more"], "secrets": ["uris"] },
        "serviceMonitor": { "enabled": true },
    });
    for version in HELM_VERSIONS {
        let manifests = chart.template_by(version, "1.35.0", &values);
        let manifests = manifests.expect("the chart can be rendered");
        let mut single = values.clone();
        single["shards"] = json!(0);
        let single = chart.template_by(version, "1.35.0", &single);
        assert_services(&manifests, &single.expect("the chart can be rendered"));
        let objects = objects(&manifests);
        assert_shards(&objects);
        let set = &objects["StatefulSet"];
        let core = format!("{}\n---\n{}", set, objects["Service"]);
        assert!(kubernetes_validate(&core, None).contains("passed"));
        let relabelings = &objects["ServiceMonitor"]["spec"]["endpoints"][0]["relabelings"];
        assert_eq!(relabelings[0]["sourceLabels"], json!(["namespace", "pod"]));
        // The exporter accepts the common settings.
        let folder = tempfile::tempdir().expect("a directory can be created");
        let secrets = folder.path().display().to_string();
        let common = objects["ConfigMap"]["data"]["config.yml"]
            .as_str()
            .unwrap_or_default();
        assert!(common.contains("/{name}.uri"), "{common}");
        let common = common.replace("/run/secrets/rocketchat-exporter", &secrets);
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("the file can be written");
        };
        write("common", &common);
        write("acme.yml", "");
        write("acme.uri", "mongodb://acme-db");
        let output = Exporter::command()
            .arg("--config.check")
            .arg(format!("--config.file={secrets}/common"))
            .arg(format!("--config.dir={secrets}"))
            .output()
            .expect("the exporter runs");
        assert!(output.status.success(), "{output:?}");
    }
    let single = json!({ "shards": 3, "existingSecret": { "name": "chat" } });
    let error = chart
        .template(&single)
        .expect_err("one workspace cannot be shared");
    assert!(error.contains("shards share several workspaces"), "{error}");
}

#[test]
fn kustomize_makes_a_stateful_set() {
    let manifests = kustomized("deploy/kubernetes/shards");
    assert_shards(&objects(&manifests));
    assert_services(&manifests, &kustomized("deploy/kubernetes/base"));
    let report = kubernetes_validate(&manifests, None);
    assert!(
        report.contains("passed for resource statefulset/rocketchat-exporter"),
        "{report}"
    );
}

//! Several workspaces in one exporter, named in the configuration file.

use std::fs;
use std::path::PathBuf;

use mongodb::bson::doc;
use serde_json::json;

use crate::support::{
    Exporter, Filled, eventually, promtool_error, shared_workspace, strict_parser_error, uri_of,
};

/// A configuration file that can be rewritten.
struct Configuration {
    folder: tempfile::TempDir,
}

impl Configuration {
    fn new(workspaces: &[(&str, &str)]) -> Self {
        let this = Self {
            folder: tempfile::tempdir().expect("a directory can be created"),
        };
        this.write(workspaces);
        this
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("exporter.yml")
    }

    fn write(&self, workspaces: &[(&str, &str)]) {
        let workspaces: serde_json::Map<_, _> = workspaces
            .iter()
            .map(|(name, uri)| {
                let options = json!({ "mongodb": { "uri": uri, "connect-timeout": "500ms" } });
                ((*name).to_owned(), options)
            })
            .collect();
        // JSON is YAML.
        let text = json!({ "workspaces": workspaces }).to_string();
        fs::write(self.path(), text).expect("the file can be written");
    }

    fn start(&self) -> Exporter {
        Exporter::start(&[
            &format!("--config.file={}", self.path().display()),
            "--rocketchat.timezone=UTC",
        ])
    }
}

fn rooms(exporter: &Exporter, workspace: &str) -> Option<f64> {
    exporter.value(&format!(
        "rocketchat_rooms{{workspace=\"{workspace}\",kind=\"channel\"}}"
    ))
}

fn readings(exporter: &Exporter, workspace: &str) -> Option<f64> {
    exporter.value(&format!(
        "rocketchat_exporter_collector_readings_total{{workspace=\"{workspace}\",collector=\"users\"}}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_metrics_are_labelled_and_host_metrics_are_not() {
    let (one, other) = (shared_workspace().await, Filled::new().await);
    let channels = other.collection("rocketchat_room");
    let extra = doc! { "_id": "extra", "t": "c", "msgs": 1 };
    channels
        .insert_one(extra)
        .await
        .expect("a room can be inserted");
    let configuration = Configuration::new(&[
        ("one", &one.uri),
        ("other", &uri_of(&other.database)),
        ("down", "mongodb://127.0.0.1:9"),
    ]);
    let exporter = configuration.start();
    let of_one = eventually("one workspace is read", || rooms(&exporter, "one")).await;
    let of_other = eventually("the other workspace is read", || rooms(&exporter, "other")).await;
    assert!(of_other > of_one);
    assert_eq!(rooms(&exporter, "down"), None);
    let up =
        |workspace: &str| exporter.value(&format!("rocketchat_up{{workspace=\"{workspace}\"}}"));
    assert_eq!((up("one"), up("other")), (Some(1.0), Some(1.0)));
    assert_eq!(up("down"), Some(0.0));
    eventually("the host is read", || {
        exporter.value("rocketchat_host_load1")
    })
    .await;
    let metrics = exporter.metrics();
    assert!(!metrics.contains("rocketchat_up 0"), "{metrics}");
    assert!(!metrics.contains("workspace=\"one\",collector=\"host\""));
    assert_eq!(promtool_error(metrics.as_bytes()), None);
    let openmetrics = exporter.request(
        "GET",
        "/metrics",
        &[("Accept", "application/openmetrics-text")],
    );
    let all = "len({s.labels['workspace'] for s in families['rocketchat_rooms'].samples}) == 2";
    assert_eq!(strict_parser_error(&openmetrics.body, all), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_serves_one_workspace_without_the_label() {
    let shared = shared_workspace().await;
    let configuration = Configuration::new(&[("one", &shared.uri)]);
    let exporter = configuration.start();
    eventually("the workspace is read", || rooms(&exporter, "one")).await;
    let probe = exporter.get("/probe?target=one").text();
    assert!(probe.contains("\nrocketchat_up 1\n"), "{probe}");
    assert!(probe.contains("\nrocketchat_rooms{kind=\"channel\"} "));
    assert!(!probe.contains("workspace=") && !probe.contains("process_"));
    assert_eq!(promtool_error(probe.as_bytes()), None);
    for (path, message) in [
        ("/probe", "/probe?target=NAME"),
        ("/probe?target=two", "no workspace of this name: two"),
        ("/probe?target=mongodb://db", "no workspace of this name"),
        (
            "/probe?target=one&collect[]=x",
            "no collector of this name: x",
        ),
    ] {
        let response = exporter.get(path);
        assert_eq!(response.status, 400, "{path}");
        assert!(
            response.text().contains(message),
            "{path}: {}",
            response.text()
        );
    }
}

#[test]
fn service_discovery_lists_each_workspace() {
    let configuration = Configuration::new(&[
        ("a", "mongodb://127.0.0.1:9"),
        ("b", "mongodb://127.0.0.1:9"),
    ]);
    let exporter = configuration.start();
    let response = exporter.request("GET", "/sd", &[("Host", "exporter.example:9459")]);
    assert_eq!(response.header("content-type"), "application/json");
    let target = |name: &str| {
        json!({
            "targets": ["exporter.example:9459"],
            "labels": { "__metrics_path__": "/probe", "__param_target": name, "workspace": name },
        })
    };
    assert_eq!(response.json(), json!([target("a"), target("b")]));
    let hostile = exporter.request("GET", "/sd", &[("Host", "\"><script>")]);
    assert_eq!(hostile.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_workspace_has_its_own_api_path() {
    // Two names for the same workspace.
    let shared = shared_workspace().await;
    let configuration = Configuration::new(&[("one", &shared.uri), ("other", &shared.uri)]);
    let exporter = configuration.start();
    eventually("both workspaces are read", || {
        (exporter.get("/-/ready").status == 200
            && rooms(&exporter, "one").is_some()
            && rooms(&exporter, "other").is_some())
        .then_some(())
    })
    .await;
    // A token is checked by the workspace in the path.
    let admin = &shared.credentials.admin;
    let wrong = ("X-Auth-Token", "unknown");
    let user = ("X-User-Id", admin.user_id.as_str());
    let token = ("X-Auth-Token", admin.token.as_str());
    for path in ["/api/v1/statistics", "/statistics.json"] {
        let path = format!("/workspaces/one{path}");
        let response = exporter.request("GET", &path, &[user, token]);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.json()["success"], true);
        assert_eq!(
            exporter.request("GET", &path, &[user, wrong]).status,
            401,
            "{path}"
        );
    }
    let names = ["", "/workspaces/none", "/workspaces/"];
    for name in names {
        let response =
            exporter.request("GET", &format!("{name}/api/v1/statistics"), &[user, token]);
        assert_eq!(response.status, 404, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_workspace_loses_its_series_and_others_continue() {
    let (one, other) = (&shared_workspace().await.uri, &shared_workspace().await.uri);
    let configuration = Configuration::new(&[("stays", one), ("goes", other)]);
    let exporter = configuration.start();
    eventually("both workspaces are read", || {
        rooms(&exporter, "stays").and(rooms(&exporter, "goes"))
    })
    .await;
    let before = readings(&exporter, "stays");
    configuration.write(&[("stays", one), ("comes", other)]);
    assert_eq!(exporter.request("POST", "/-/reload", &[]).status, 200);
    assert_eq!(rooms(&exporter, "goes"), None);
    assert!(!exporter.metrics().contains("workspace=\"goes\""));
    assert_eq!(exporter.get("/probe?target=goes").status, 400);
    // The unchanged workspace was not restarted: its series remain, and its counters continue.
    assert!(rooms(&exporter, "stays").is_some());
    assert!(readings(&exporter, "stays") >= before);
    eventually("the new workspace is read", || rooms(&exporter, "comes")).await;
}

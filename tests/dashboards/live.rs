//! The dashboards' queries against a real Prometheus that scrapes the exporter.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use testbed::rocketchat::{RocketChatServer, Settings};
use testbed::tools::{self, Tool};
use tokio::sync::OnceCell;

use super::{Query, boards, labels_of, list, queries, queries_of, text};
use crate::support::{Exporter, Filled, Prometheus, SharedWorkspace, eventually, shared_workspace};

/// Queries without data on the generated workspace: dashboard, panel, `refId` and reason. The panel's description says so
/// too.
const EMPTY: [(&str, &str, &str, &str); 36] = [
    (
        "rocketchat-overview",
        "Until it becomes read-only",
        "A",
        NOTHING_COUNTS_DOWN,
    ),
    ("rocketchat-overview", "Plan", "A", NO_LICENSE),
    (
        "rocketchat-overview",
        "Why it is not valid",
        "A",
        NO_LICENSE,
    ),
    ("rocketchat-overview", "Trial", "A", NO_LICENSE),
    ("rocketchat-overview", "Expires in", "A", NO_LICENSE),
    ("rocketchat-overview", "Shown expiry", "A", NO_LICENSE),
    ("rocketchat-overview", "Other modules", "A", NO_LICENSE),
    ("rocketchat-overview", "Used of the limits", "A", NO_LICENSE),
    ("rocketchat-overview", "Modules", "A", NO_LICENSE),
    (
        "rocketchat-growth",
        "New accounts in a week",
        "A",
        JUST_SCRAPED,
    ),
    (
        "rocketchat-growth",
        "Doubled within a day",
        "A",
        JUST_SCRAPED,
    ),
    ("rocketchat-instances", "Oplog window", "A", NO_REPLICA_SET),
    ("rocketchat-instances", "Processors used", "A", ELSEWHERE),
    ("rocketchat-instances", "Memory held", "A", ELSEWHERE),
    (
        "rocketchat-instances",
        "Open files and sockets",
        "A",
        ELSEWHERE,
    ),
    ("rocketchat-instances", "Youngest process", "A", ELSEWHERE),
    (
        "rocketchat-cost",
        "Why collectors fail",
        "A",
        NOTHING_MISSING,
    ),
    (
        "rocketchat-cost",
        "Indexes that are missing",
        "A",
        NOTHING_MISSING,
    ),
    (
        "rocketchat-cost",
        "Privileges that are missing",
        "A",
        NOTHING_MISSING,
    ),
    ("rocketchat-cost", "Followed until", "A", NO_REPLICA_SET),
    ("rocketchat-cost", "Drift", "A", NO_REPLICA_SET),
    ("rocketchat-cost", "Documents", "A", NO_REPLICA_SET),
    (
        "rocketchat-cost",
        "Replica set has a primary",
        "A",
        NO_REPLICA_SET,
    ),
    ("rocketchat-cost", "Replication lag", "A", NO_REPLICA_SET),
    ("rocketchat-cost", "Replication lag", "B", NO_REPLICA_SET),
    (
        "rocketchat-cost",
        "Not listed individually",
        "A",
        NOTHING_MISSING,
    ),
    (
        "rocketchat-cost",
        "Labels that are cut",
        "A",
        NOTHING_MISSING,
    ),
    (
        "rocketchat-cost",
        "Skipped collections",
        "A",
        NOTHING_MISSING,
    ),
    ("rocketchat-cost", "Shards", "A", NO_SHARDS),
    ("rocketchat-cost", "Shards configured", "A", NO_SHARDS),
    ("rocketchat-cost", "Workspace files", "A", NO_FOLDER),
    ("rocketchat-cost", "Invalid workspace files", "A", NO_FOLDER),
    ("rocketchat-cost", "Workspace files read", "A", NO_FOLDER),
    ("rocketchat-instances", "Background jobs", "D", NO_JOB_RUNS),
    ("rocketchat-instances", "Why it does not", "A", IT_ANSWERS),
    (
        "rocketchat-instances",
        "Certificate expires in",
        "A",
        IT_ANSWERS,
    ),
];

const NO_LICENSE: &str = "the workspace has no license";
const NOTHING_COUNTS_DOWN: &str = "its usage reports are accepted";
const JUST_SCRAPED: &str = "Prometheus has known it for seconds";
const NO_REPLICA_SET: &str = "its MongoDB is a single server";
const ELSEWHERE: &str = "no Rocket.Chat runs on this machine";
const NOTHING_MISSING: &str = "the exporter may read everything, and can";
const IT_ANSWERS: &str = "Rocket.Chat answers the probe, without TLS";
const NO_SHARDS: &str = "one exporter reads all workspaces";
const NO_FOLDER: &str = "the workspaces are not configured in a directory";
const NO_JOB_RUNS: &str = "no background job runs";

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_data_with_one_workspace() {
    let probed = Probed::start().await;
    let flags = probed.flags();
    let workspace = demo_workspace().await.start(&[&flags[0], &flags[1]]).await;
    let prometheus = start_prometheus(tools::PROMETHEUS_2, &workspace.exporter, None).await;
    assert_all_have_data(&prometheus, &workspace.exporter, ".*").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_data_with_several_workspaces() {
    let several = Several::start().await;
    let prometheus = start_prometheus(tools::PROMETHEUS_3, &several.exporter, None).await;
    assert_all_have_data(&prometheus, &several.exporter, "acme").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_data_with_a_target_per_workspace() {
    let several = Several::start().await;
    let list = format!("http://{}/sd", several.exporter.address());
    let prometheus = start_prometheus(tools::PROMETHEUS_2, &several.exporter, Some(&list)).await;
    assert_all_have_data(&prometheus, &several.exporter, "acme").await;
    let queries = queries();
    let watched = queries.iter().find(|query| query.panel == "Watched");
    let watched = watched
        .expect("there is a panel `Watched`")
        .filled(".+", ".*");
    eventually("both workspaces are watched", || {
        let count = prometheus.query(&watched).expect("the query is valid");
        (count[0].points[0].1.to_string() == "2").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_dashboard_has_data_with_the_minimal_profile() {
    let shared = shared_workspace().await;
    shared.keep_alive().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let mongodb = json!({ "uri": shared.uri });
    // JSON is YAML.
    let configuration = json!({
        "collector": { "profile": "minimal" },
        "workspaces": { "acme": { "mongodb": mongodb }, "other": { "mongodb": mongodb } },
    });
    fs::write(&file, configuration.to_string()).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    let prometheus = start_prometheus(tools::PROMETHEUS_3, &exporter, None).await;
    let boards = boards();
    let fleet = boards
        .iter()
        .find(|board| board.uid() == "rocketchat-fleet");
    let queries = queries_of(fleet.expect("there is such a dashboard"));
    assert!(queries.len() > 15, "{queries:?}");
    for query in queries.iter().filter(|query| query.id.is_some()) {
        assert_has_data(&prometheus, query, &exporter, ".*").await;
    }
}

/// A workspace of the demo's size, which these tests share.
async fn demo_workspace() -> &'static SharedWorkspace {
    static SHARED: OnceCell<SharedWorkspace> = OnceCell::const_new();
    let fill = || async { SharedWorkspace::new(Filled::demo_sized().await).await };
    let shared = SHARED.get_or_init(fill).await;
    shared.keep_alive().await;
    shared
}

/// A Rocket.Chat to be probed, and the file with a token that it accepts.
struct Probed {
    server: RocketChatServer,
    token: tempfile::NamedTempFile,
}

impl Probed {
    async fn start() -> Self {
        let admin = &demo_workspace().await.credentials.admin;
        let token = tempfile::NamedTempFile::new().expect("a file can be created");
        let login = format!("{} {}", admin.user_id, admin.token);
        fs::write(token.path(), login).expect("the file can be written");
        let settings = Settings {
            admin: Some(admin.clone()),
            ..Settings::default()
        };
        let server = RocketChatServer::start(settings).await;
        Self {
            server: server.expect("the server starts"),
            token,
        }
    }

    fn flags(&self) -> [String; 2] {
        [
            format!("--rocketchat.url={}", self.server.url()),
            format!("--rocketchat.token-file={}", self.token.path().display()),
        ]
    }
}

/// An exporter of two workspaces: `acme`, which is of the demo's size, and a small one.
struct Several {
    exporter: Exporter,
    _probed: Probed,
    _folder: tempfile::TempDir,
}

impl Several {
    async fn start() -> Self {
        let (one, other) = (demo_workspace().await, shared_workspace().await);
        let folder = tempfile::tempdir().expect("a directory can be created");
        let file = folder.path().join("exporter.yml");
        let probed = Probed::start().await;
        let rocketchat = json!({ "url": probed.server.url(), "token-file": probed.token.path() });
        // JSON is YAML.
        let configuration = json!({
            "collection": { "fast-interval": "1h", "normal-interval": "1h", "slow-interval": "1h" },
            "workspaces": {
                "acme": { "mongodb": { "uri": one.uri }, "rocketchat": rocketchat },
                "other": { "mongodb": { "uri": other.uri } },
            },
        });
        fs::write(&file, configuration.to_string()).expect("the file can be written");
        Self {
            exporter: Exporter::start(&[&format!("--config.file={}", file.display())]),
            _probed: probed,
            _folder: folder,
        }
    }
}

/// Starts a Prometheus that scrapes the exporter every second: as one target, or by service discovery with a target per
/// workspace and one for the host, as `docs/many-workspaces.md` describes.
async fn start_prometheus(version: Tool, exporter: &Exporter, list: Option<&str>) -> Prometheus {
    let own = json!([{ "targets": [exporter.address()] }]);
    let jobs = match list {
        None => json!([{ "job_name": "rocketchat-exporter", "static_configs": own }]),
        Some(list) => json!([
            { "job_name": "rocketchat-exporter", "http_sd_configs": [{ "url": list }] },
            {
                "job_name": "rocketchat-exporter-host",
                "params": { "collect[]": ["host"] },
                "static_configs": own,
            },
        ]),
    };
    let configuration = json!({ "global": { "scrape_interval": "1s" }, "scrape_configs": jobs });
    Prometheus::start(version, &configuration.to_string()).await
}

#[test]
fn panels_that_may_be_empty_describe_when() {
    let boards = boards();
    for (uid, title, _, why) in EMPTY {
        let board = boards.iter().find(|board| board.uid() == uid);
        let mut panels = board.expect("there is such a dashboard").panels();
        let panel = panels.find(|panel| panel["title"] == title);
        let description = text(&panel.expect("there is such a panel")["description"]);
        assert!(
            description.contains("No data"),
            "{title}, where {why}: {description}"
        );
    }
}

#[test]
fn only_a_new_version_is_annotated() {
    let board = &boards()[0];
    let annotation = text(&board.json["annotations"]["list"][0]["name"]);
    let query = queries_of(board)
        .into_iter()
        .find(|query| query.panel == annotation);
    let expression = query
        .expect("there is an annotation")
        .filled("x:1", ".*")
        .replace("15s", "1m");
    let series = |version: &str| {
        format!("rocketchat_info{{job=\"rocketchat\",instance=\"x:1\",version=\"{version}\"}}")
    };
    let exporter = "rocketchat_exporter_build_info{job=\"rocketchat\",instance=\"x:1\"}";
    let at = |time: &str, annotated: bool| {
        let sample = json!({ "labels": "{version=\"8.0.0\"}", "value": 1 });
        let samples = if annotated { vec![sample] } else { Vec::new() };
        json!({ "expr": expression, "eval_time": time, "exp_samples": samples })
    };
    let test = json!({
        "rule_files": [],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [
                { "series": series("7.7.1"), "values": "1x9 stale" },
                // The exporter is down from minute 15 to minute 30.
                { "series": series("8.0.0"), "values": "_x10 1x4 stale _x14 1x20" },
                { "series": exporter, "values": "1x14 stale _x14 1x20" },
            ],
            "promql_expr_test": [
                at("0m", false), at("5m", false), at("10m", true), at("11m", false), at("14m", false),
                at("20m", false), at("30m", false), at("31m", false), at("32m", false), at("40m", false),
            ],
        }],
    });
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("test.yml");
    fs::write(&file, test.to_string()).expect("the file can be written");
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let output = promtool
        .command()
        .args(["test", "rules"])
        .arg(file)
        .output();
    let output = output.expect("promtool runs");
    let printed = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&printed)
    );
}

/// Waits until every query has data, then asserts that those in [`EMPTY`] have none.
async fn assert_all_have_data(prometheus: &Prometheus, exporter: &Exporter, workspace: &str) {
    let all: Vec<Query> = queries()
        .into_iter()
        .filter(|query| query.id.is_some())
        .collect();
    let is_listed = |query: &Query| {
        let of = |entry: &(&str, &str, &str, &str)| (entry.0, entry.1, entry.2) == key(query);
        EMPTY.iter().any(of)
    };
    let (listed, others): (Vec<&Query>, Vec<&Query>) =
        all.iter().partition(|query| is_listed(query));
    assert_eq!(listed.len(), EMPTY.len(), "a listed query does not exist");
    for query in others {
        assert_has_data(prometheus, query, exporter, workspace).await;
    }
    for query in listed {
        let series = label_names(prometheus, query, exporter, workspace);
        assert!(
            series.is_empty(),
            "{query:?} is listed as empty, but has {series:?}"
        );
    }
    assert_tables_have_their_columns(prometheus, exporter, workspace);
}

/// Waits until a query has data, and asserts that each series has the labels of the legend.
async fn assert_has_data(
    prometheus: &Prometheus,
    query: &Query,
    exporter: &Exporter,
    workspace: &str,
) {
    let expected = format!("{query:?} has data");
    let labels = eventually(&expected, || {
        let series = label_names(prometheus, query, exporter, workspace);
        (!series.is_empty()).then_some(series)
    })
    .await;
    for label in labels_of(&query.legend) {
        let missing = labels.iter().find(|series| !series.contains(label));
        assert!(missing.is_none(), "{query:?}: no `{label}` in {missing:?}");
    }
}

/// A table joins its queries by a label, and shows labels of the first.
fn assert_tables_have_their_columns(prometheus: &Prometheus, exporter: &Exporter, workspace: &str) {
    for board in boards() {
        let queries = queries_of(&board);
        for panel in board.panels().filter(|panel| panel["type"] == "table") {
            let of_panel = |query: &&Query| query.id == panel["id"].as_u64();
            let queries: Vec<&Query> = queries.iter().filter(of_panel).collect();
            let steps = list(&panel["transformations"]);
            let join = text(&steps[0]["options"]["byField"]);
            let columns = list(&steps[1]["options"]["include"]["names"]);
            for query in &queries {
                let series = label_names(prometheus, query, exporter, workspace);
                assert!(
                    series.iter().all(|labels| labels.contains(join)),
                    "{query:?}: no `{join}`"
                );
            }
            let mut labels = BTreeSet::new();
            for query in &queries {
                labels.extend(
                    label_names(prometheus, query, exporter, workspace)
                        .into_iter()
                        .flatten(),
                );
            }
            for column in columns
                .iter()
                .map(text)
                .filter(|column| !column.starts_with("Value"))
            {
                assert!(labels.contains(column), "{}: no `{column}`", panel["title"]);
            }
        }
    }
}

/// The label names of each series that a query returns.
fn label_names(
    prometheus: &Prometheus,
    query: &Query,
    exporter: &Exporter,
    workspace: &str,
) -> Vec<BTreeSet<String>> {
    let expression = query.filled(exporter.address(), workspace);
    let response = if query.instant {
        prometheus.query(&expression)
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO).as_secs_f64();
        prometheus.query_range(&expression, (now - 60.0, now), 1.0)
    };
    let series = response.unwrap_or_else(|error| panic!("{query:?}: {error}"));
    series
        .into_iter()
        .map(|series| series.labels.into_keys().collect())
        .collect()
}

fn key(query: &Query) -> (&str, &str, &str) {
    (&query.board, &query.panel, &query.reference)
}

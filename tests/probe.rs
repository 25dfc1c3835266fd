//! The probe of Rocket.Chat beside a database: the version that Rocket.Chat reports, and what the probe leaves alone.

use std::fs;
use std::process::Output;

use serde_json::Value as Json;
use testbed::rocketchat::{InfoBehavior, RocketChatServer, Settings, WebsocketBehavior};
use testbed::workspace::Account;

use crate::support::{Exporter, Filled, WorkspaceExporter, eventually, shared_workspace};

async fn server(version: &str) -> RocketChatServer {
    let settings = Settings {
        version: version.to_owned(),
        admin: Some(Account {
            user_id: "theAdminsId".to_owned(),
            token: "theTokenOfTheAdmin".to_owned(),
        }),
        ..Settings::default()
    };
    let server = RocketChatServer::start(settings).await;
    server.expect("the server starts")
}

/// An exporter of the shared workspace that probes a server twice a second.
async fn exporter_of(server: &RocketChatServer, arguments: &[&str]) -> WorkspaceExporter {
    let url = format!("--rocketchat.url={}", server.url());
    let mut all = vec![
        url.as_str(),
        "--collection.normal-interval=500ms",
        "--collection.max-share=1",
    ];
    all.extend(arguments);
    let shared = shared_workspace().await;
    let exporter = Exporter::on(&shared.uri, &all);
    exporter.wait_for_collectors().await;
    WorkspaceExporter {
        exporter,
        credentials: shared.credentials.clone(),
    }
}

fn success(exporter: &Exporter, check: &str) -> Option<f64> {
    exporter.value(&format!("rocketchat_probe_success{{check=\"{check}\"}}"))
}

/// The label `version` of `rocketchat_info`.
fn version(exporter: &Exporter) -> Option<String> {
    let metrics = exporter.metrics();
    let (_, rest) = metrics.split_once("rocketchat_info{version=\"")?;
    Some(rest.split('"').next()?.to_owned())
}

async fn wait_for_version(exporter: &Exporter, expected: &str) {
    eventually("the version is that one", || {
        (version(exporter)? == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reported_version_is_adopted_and_kept_while_the_probe_fails() {
    // The database is that of 9.0.0.
    let server = server("9.1.3").await;
    let workspace = exporter_of(&server, &[]).await;
    let exporter = &workspace.exporter;
    wait_for_version(exporter, "9.1").await;
    assert_eq!(exporter.get("/api/info").json()["version"], "9.1");
    let document = workspace.get("/api/v1/statistics?shape=flat").json();
    assert_eq!(document["version"], "9.1");
    // The generated document was stored after its instances started.
    let differs = || exporter.value("rocketchat_probe_version_differs");
    assert_eq!(differs(), Some(1.0));
    server
        .rocketchat
        .change(|settings| settings.info = InfoBehavior::Status(502));
    eventually("the probe fails", || {
        (success(exporter, "info")? == 0.0).then_some(())
    })
    .await;
    assert_eq!(version(exporter).as_deref(), Some("9.1"));
    assert_eq!(differs(), None, "nothing is reported now");
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    let log = exporter.log();
    assert!(!log.contains("level=error"), "{log}");
    // Of the line of the database, so that the patch number is known.
    server.rocketchat.change(|settings| {
        settings.info = InfoBehavior::RocketChat;
        settings.version = "9.0.2".to_owned();
    });
    wait_for_version(exporter, "9.0.0").await;
    eventually("both agree", || (differs()? == 0.0).then_some(())).await;
    exporter
        .logged("the probe of Rocket.Chat succeeds again")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_says_that_people_cannot_connect() {
    let server = server("9.0.2").await;
    server
        .rocketchat
        .change(|settings| settings.websocket = WebsocketBehavior::Page);
    let workspace = exporter_of(&server, &["--collection.fast-interval=500ms"]).await;
    // Instances are alive for a minute.
    shared_workspace().await;
    let page = eventually("the instances are alive", || {
        let page = workspace.exporter.get("/info").text();
        page.contains("Unreachable").then_some(page)
    })
    .await;
    for words in [
        "Rocket.Chat runs, but does not answer at its URL",
        "Rocket.Chat runs, but people cannot connect: websocket http_status.",
        "/docs/runbooks/RocketChatUnreachable.md",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_version_precedes_the_reported_one() {
    let server = server("9.1.3").await;
    let workspace = exporter_of(&server, &["--rocketchat.version=8.6.1"]).await;
    assert_eq!(success(&workspace.exporter, "info"), Some(1.0));
    assert_eq!(version(&workspace.exporter).as_deref(), Some("8.6.1"));
    let document = workspace.get("/api/v1/statistics?shape=flat").json();
    assert_eq!(document["version"], "8.6.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_read_again_and_shows_the_full_version_and_the_commit() {
    let server = server("9.0.2").await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("token");
    fs::write(&path, "theAdminsId aWrongToken").expect("the file can be written");
    let flag = format!("--rocketchat.token-file={}", path.display());
    let workspace = exporter_of(&server, &[&flag]).await;
    let exporter = &workspace.exporter;
    let accepted = |expected: f64| {
        move || {
            let value = exporter.value("rocketchat_probe_token_accepted");
            (value == Some(expected)).then_some(())
        }
    };
    eventually("the token is refused", accepted(0.0)).await;
    let page = exporter.get("/info").text();
    assert!(page.contains("the permission view-statistics"), "{page}");
    assert_eq!(version(exporter).as_deref(), Some("9.0.0"));
    fs::write(&path, "theAdminsId\ntheTokenOfTheAdmin\n").expect("the file can be written");
    eventually("the token is accepted", accepted(1.0)).await;
    wait_for_version(exporter, "9.0.2").await;
    let page = exporter.get("/info").text();
    for words in ["5f3a0c1de<", "Release 9.0.2", "Release Bot, Tue Nov 10"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // Rocket.Chat's own document lacks both, although the build has them.
    let document = workspace.get("/api/v1/statistics?shape=flat").json();
    assert_eq!(
        (&document["tag"], &document["branch"]),
        (&Json::Null, &Json::Null)
    );
    fs::remove_file(&path).expect("the file can be removed");
    eventually("the token is gone", accepted(0.0)).await;
    assert_eq!(success(exporter, "info"), Some(1.0));
    let gone = "the probe of Rocket.Chat has no login, so its build is not read";
    let log = exporter.logged(gone).await;
    assert_eq!(log.matches(gone).count(), 1, "{log}");
    let refused = "does not show its build to the user of --rocketchat.token-file";
    assert_eq!(log.matches(refused).count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_server_delays_neither_the_collectors_nor_a_refreshed_document() {
    let server = server("9.0.2").await;
    server.rocketchat.change(|settings| {
        settings.info = InfoBehavior::Silent;
        settings.websocket = WebsocketBehavior::Silent;
    });
    let url = format!("--rocketchat.url={}", server.url());
    // A busy machine may take longer for the collectors than a probe may take.
    for _ in 0..ATTEMPTS {
        if collectors_precede_the_probe(&url).await {
            return;
        }
    }
    panic!("the probe was over before the collectors in {ATTEMPTS} exporters");
}

const ATTEMPTS: u32 = 10;

/// Starts an exporter and refreshes its document: whether both ended before the probe of a silent server.
async fn collectors_precede_the_probe(url: &str) -> bool {
    let uri = &shared_workspace().await.uri;
    let exporter = Exporter::on(
        uri,
        &[
            url,
            "--collection.normal-interval=1h",
            "--collector.disable-defaults",
            "--collector.apps",
            "--collector.probe",
            "--collector.push",
        ],
    );
    let collected = |collector: &str| {
        let series = format!("rocketchat_exporter_collector_success{{collector=\"{collector}\"}}");
        exporter.value(&series)
    };
    eventually("the last collectors of the tier are read", || {
        ["apps", "push"]
            .iter()
            .all(|name| collected(name) == Some(1.0))
            .then_some(())
    })
    .await;
    let admin = &shared_workspace().await.credentials.admin;
    let headers = [
        ("X-User-Id", &*admin.user_id),
        ("X-Auth-Token", &*admin.token),
    ];
    let document = exporter.request("GET", "/api/v1/statistics?refresh=true", &headers);
    assert_eq!(document.status, 200);
    let precede = collected("probe").is_none();
    eventually("the probe is given up", || collected("probe")).await;
    for check in ["info", "websocket"] {
        assert_eq!(success(&exporter, check), Some(0.0), "{check}");
    }
    precede
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_can_be_switched_off() {
    let server = server("9.1.3").await;
    let workspace = exporter_of(&server, &["--no-collector.probe"]).await;
    assert_eq!(version(&workspace.exporter).as_deref(), Some("9.0.0"));
    assert_eq!(server.rocketchat.requests(), []);
    assert!(!workspace.exporter.metrics().contains("rocketchat_probe"));
    let page = workspace.exporter.get("/info").text();
    assert!(
        page.contains("set --rocketchat.url and --rocketchat.token-file"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn branch_and_tag_of_the_stored_document_are_shown_without_a_token() {
    let filled = Filled::new().await;
    let stored = filled.collection("rocketchat_statistics");
    let build = mongodb::bson::doc! { "tag": "9.0.0", "branch": "release" };
    let change = mongodb::bson::doc! { "$set": build };
    let changed = stored.update_many(mongodb::bson::doc! {}, change).await;
    changed.expect("the documents can be changed");
    let page = filled.start(&[]).await.exporter.get("/info").text();
    let (_, row) = page.split_once("Commit Details").expect("there is the row");
    let row = row.split("</div>").next().unwrap_or_default();
    assert!(row.contains(">release") && row.contains(">9.0.0"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_probes_too() {
    let server = server("9.0.2").await;
    let uri = &shared_workspace().await.uri;
    let url = format!("--rocketchat.url={}", server.url());
    let check = || run(uri, &["check", "--rocketchat.timezone=UTC", &url]);
    let well = check();
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    server
        .rocketchat
        .change(|settings| settings.websocket = WebsocketBehavior::Page);
    let failed = check();
    let report = String::from_utf8_lossy(&failed.stdout);
    assert_eq!(failed.status.code(), Some(1), "{report}");
    assert!(
        report.contains("the check websocket of Rocket.Chat failed"),
        "{report}"
    );
    assert!(report.contains("with status 200; expected 101"), "{report}");
}

fn run(uri: &str, arguments: &[&str]) -> Output {
    Exporter::command()
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
        .args(arguments)
        .output()
        .expect("the exporter runs")
}

#[test]
fn unusable_settings_are_reported_and_the_token_is_not() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("token");
    fs::write(&path, "a token with words").expect("the file can be written");
    let flag = format!("--rocketchat.token-file={}", path.display());
    let url = "--rocketchat.url=http://127.0.0.1:9";
    for (arguments, expected) in [
        (&[&*flag, url][..], "has 4 words; expected two"),
        (
            &["--rocketchat.token-file=/nowhere", url],
            "`/nowhere`: cannot be read",
        ),
        (
            &["--rocketchat.token-file=/dev/null"],
            "has 0 words; expected two",
        ),
        (
            &["--collector.probe"],
            "--collector.probe needs the URL of Rocket.Chat",
        ),
    ] {
        let output = run("mongodb://127.0.0.1:9", arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("with words"), "{message}");
    }
    fs::write(&path, "id token").expect("the file can be written");
    let output = run("mongodb://127.0.0.1:9", &[&flag]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("--rocketchat.token-file needs the URL"),
        "{message}"
    );
}

/// A token that all workspaces share is not sent to the server of one that has its own URL.
#[tokio::test(flavor = "multi_thread")]
async fn common_token_belongs_to_the_common_url() {
    let (common, own) = (server("9.0.2").await, server("9.0.2").await);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let token = folder.path().join("token");
    fs::write(&token, "theAdminsId theTokenOfTheAdmin").expect("the file can be written");
    let file = folder.path().join("exporter.yml");
    let configuration = format!(
        "mongodb: {{uri: 'mongodb://127.0.0.1:9'}}\nrocketchat: {{url: '{}', token-file: token}}\nworkspaces:\n  common: {{}}\n  own:\n    rocketchat: {{url: '{}'}}\n",
        common.url(),
        own.url()
    );
    fs::write(&file, configuration).expect("the file can be written");
    let flag = format!("--config.file={}", file.display());
    let exporter = Exporter::start(&[&flag, "--collection.fast-interval=500ms"]);
    for (workspace, accepted) in [("common", Some(1.0)), ("own", None)] {
        let of = |metric: &str, labels: &str| {
            exporter.value(&format!("{metric}{{workspace=\"{workspace}\"{labels}}}"))
        };
        eventually("both servers are probed", || {
            of("rocketchat_probe_success", ",check=\"info\"")
        })
        .await;
        assert_eq!(
            of("rocketchat_probe_token_accepted", ""),
            accepted,
            "{workspace}"
        );
    }
    let logins = own.rocketchat.requests();
    assert!(
        logins.iter().all(|request| request.login.is_none()),
        "{logins:?}"
    );
}

//! Reloading the configuration.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mongodb::bson::doc;

use crate::support::{Exporter, Filled, eventually, shared_workspace, uri_of};

fn succeeded(exporter: &Exporter) -> Option<f64> {
    exporter.value("rocketchat_exporter_config_last_reload_successful")
}

fn version(exporter: &Exporter) -> Option<()> {
    exporter
        .metrics()
        .contains("version=\"6.2.0\"")
        .then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_and_request_reload_and_an_invalid_file_changes_nothing() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let write = |text: &str| fs::write(&file, text).expect("the file can be written");
    write("{}");
    let exporter = Exporter::on(&shared.uri, &[&format!("--config.file={}", file.display())]);
    exporter.wait_for_collectors().await;
    assert_eq!(succeeded(&exporter), Some(1.0));
    let read_at =
        || exporter.value("rocketchat_exporter_config_last_reload_success_timestamp_seconds");
    let first = read_at();
    assert!(first > Some(1.7e9));

    write("rocketchat: {version: new}");
    let response = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(response.status, 500);
    assert!(
        response.text().contains("invalid value `new`"),
        "{}",
        response.text()
    );
    eventually("the reload is reported", || {
        (succeeded(&exporter) == Some(0.0)).then_some(())
    })
    .await;
    assert_eq!(read_at(), first);
    assert!(
        exporter.all_collectors_succeeded(),
        "the collectors have stopped"
    );

    write("rocketchat: {version: 6.2.0}");
    exporter.signal("HUP");
    eventually("the new version is used", || version(&exporter)).await;
    eventually("the reload is reported", || {
        (succeeded(&exporter) == Some(1.0)).then_some(())
    })
    .await;
    assert!(read_at() >= first);
    assert_eq!(exporter.get("/-/reload").status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_connection_string_is_used_after_a_reload() {
    let (one, other) = (shared_workspace().await, Filled::new().await);
    other
        .collection("rocketchat_room")
        .insert_one(doc! { "_id": "extra", "t": "c", "msgs": 1 })
        .await
        .expect("a room can be inserted");
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("uri");
    fs::write(&file, &one.uri).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--mongodb.uri-file={}", file.display())]);
    let rooms = || exporter.value("rocketchat_rooms{kind=\"channel\"}");
    let before = eventually("the workspace is read", rooms).await;
    fs::write(&file, uri_of(&other.database)).expect("the file can be written");
    exporter.signal("HUP");
    eventually("the other workspace is read", || {
        rooms().filter(|now| *now > before)
    })
    .await;
}

/// Configurations without settings, like a file that is being written.
const EMPTY_FILES: [&str; 7] = [
    "",
    "---\n",
    "null\n",
    "{}\n",
    "# a comment\n",
    "---\n...\n",
    "mongodb: {}\n",
];

/// Writes each text to the file, reloads it, and waits until a message is logged again.
async fn reload_each(exporter: &Exporter, file: &Path, texts: &[&str], message: &str) {
    for text in texts {
        let before = exporter.log().matches(message).count();
        fs::write(file, text).expect("the file can be written");
        exporter.signal("HUP");
        let is_logged = || (exporter.log().matches(message).count() > before).then_some(());
        eventually(&format!("`{message}` is logged for `{text}`"), is_logged).await;
    }
}

#[tokio::test]
async fn emptied_file_removes_no_workspace() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let workspaces = "mongodb: {uri: 'mongodb://127.0.0.1:9', connect-timeout: 200ms}\nworkspaces: {a: {}, b: {}}\n";
    fs::write(&file, workspaces).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    let refused = "restart the exporter";
    let truncated = [
        "mongodb: {connect-timeout: 200ms}\n",
        "mongodb: {uri: 'mongodb://127.0.0.1:9'}\nworkspaces: {}\n",
        "workspaces:\n",
    ];
    reload_each(&exporter, &file, &EMPTY_FILES, refused).await;
    reload_each(&exporter, &file, &truncated, refused).await;
    assert_eq!(succeeded(&exporter), Some(0.0));
    let listed = exporter.get("/sd").text();
    let named = |name: &str| listed.contains(&format!("\"workspace\":\"{name}\""));
    assert!(named("a") && named("b"), "{listed}");
    let one_workspace = "mongodb: {uri: 'mongodb://127.0.0.1:9'}\n";
    let accepted = [workspaces, one_workspace];
    reload_each(&exporter, &file, &accepted, "was reloaded").await;
}

#[tokio::test]
async fn file_that_was_always_empty_can_be_reloaded() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    fs::write(&file, "# nothing yet\n").expect("the file can be written");
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--mongodb.connect-timeout=200ms",
    ]);
    reload_each(&exporter, &file, &EMPTY_FILES, "was reloaded").await;
}

#[test]
fn fifo_in_place_of_a_file_blocks_neither_scrapes_nor_shutdown() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    fs::write(&file, "mongodb: {uri: 'mongodb://127.0.0.1:9'}\n").expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    fs::remove_file(&file).expect("the file can be removed");
    let status = Command::new("mkfifo").arg(&file).status();
    assert!(status.expect("mkfifo runs").success());
    let begun = Instant::now();
    let response = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(response.status, 500);
    assert!(response.text().contains("a FIFO"), "{}", response.text());
    exporter.signal("HUP");
    assert_eq!(exporter.get("/metrics").status, 200);
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(9));
}

//! Reading the configuration again.

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
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    let write = |text: &str| fs::write(&file, text).expect("the file can be written");
    write("{}");
    let exporter = Exporter::on(&shared.uri, &[&format!("--config.file={}", file.display())]);
    exporter.whole().await;
    assert_eq!(succeeded(&exporter), Some(1.0));
    let read_at =
        || exporter.value("rocketchat_exporter_config_last_reload_success_timestamp_seconds");
    let first = read_at();
    assert!(first > Some(1.7e9));

    write("rocketchat: {version: new}");
    let answer = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("invalid value `new`"),
        "{}",
        answer.text()
    );
    eventually("it is message", || {
        (succeeded(&exporter) == Some(0.0)).then_some(())
    })
    .await;
    assert_eq!(read_at(), first);
    assert!(
        exporter.all_collectors_succeeded(),
        "the sections are still there"
    );

    write("rocketchat: {version: 6.2.0}");
    exporter.signal("HUP");
    eventually("the new version counts", || version(&exporter)).await;
    eventually("it is message", || {
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
        .expect("a room can be written");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("uri");
    fs::write(&file, &one.uri).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--mongodb.uri-file={}", file.display())]);
    let rooms = || exporter.value("rocketchat_rooms{kind=\"channel\"}");
    let before = eventually("it is read", rooms).await;
    fs::write(&file, uri_of(&other.database)).expect("the file can be written");
    exporter.signal("HUP");
    eventually("the other is read", || rooms().filter(|now| *now > before)).await;
}

/// Texts that say nothing, as a file does that was emptied or is just being written.
const NOTHING: [&str; 7] = [
    "",
    "---\n",
    "null\n",
    "{}\n",
    "# a comment\n",
    "---\n...\n",
    "mongodb: {}\n",
];

/// Writes each text into the file, and waits until a reload says something about it.
async fn reload_each(exporter: &Exporter, file: &Path, texts: &[&str], message: &str) {
    for text in texts {
        let before = exporter.log().matches(message).count();
        fs::write(file, text).expect("the file can be written");
        exporter.signal("HUP");
        let says = || (exporter.log().matches(message).count() > before).then_some(());
        eventually(&format!("`{message}` is message of `{text}`"), says).await;
    }
}

#[tokio::test]
async fn emptied_file_removes_no_workspace() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    let workspaces = "mongodb: {uri: 'mongodb://127.0.0.1:9', connect-timeout: 200ms}\nworkspaces: {a: {}, b: {}}\n";
    fs::write(&file, workspaces).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    let refused = "restart the exporter";
    let cut_off = [
        "mongodb: {connect-timeout: 200ms}\n",
        "mongodb: {uri: 'mongodb://127.0.0.1:9'}\nworkspaces: {}\n",
        "workspaces:\n",
    ];
    reload_each(&exporter, &file, &NOTHING, refused).await;
    reload_each(&exporter, &file, &cut_off, refused).await;
    assert_eq!(succeeded(&exporter), Some(0.0));
    let listed = exporter.get("/sd").text();
    let named = |name: &str| listed.contains(&format!("\"workspace\":\"{name}\""));
    assert!(named("a") && named("b"), "{listed}");
    let server_alone = "mongodb: {uri: 'mongodb://127.0.0.1:9'}\n";
    let taken = [workspaces, server_alone];
    reload_each(&exporter, &file, &taken, "was reloaded").await;
}

#[tokio::test]
async fn file_that_was_always_empty_can_be_reloaded() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    fs::write(&file, "# nothing yet\n").expect("the file can be written");
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--mongodb.connect-timeout=200ms",
    ]);
    reload_each(&exporter, &file, &NOTHING, "was reloaded").await;
}

#[test]
fn fifo_in_place_of_a_file_blocks_neither_scrapes_nor_shutdown() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    fs::write(&file, "mongodb: {uri: 'mongodb://127.0.0.1:9'}\n").expect("it can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    fs::remove_file(&file).expect("it can be removed");
    let made = Command::new("mkfifo").arg(&file).status();
    assert!(made.expect("mkfifo runs").success());
    let begun = Instant::now();
    let answer = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("a FIFO"), "{}", answer.text());
    exporter.signal("HUP");
    assert_eq!(exporter.get("/metrics").status, 200);
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(9));
}

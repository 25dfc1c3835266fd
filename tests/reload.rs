//! Reading the configuration again.

use std::fs;

use mongodb::bson::doc;

use crate::support::{Exporter, Filled, eventually, uri_of};

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
async fn both_ways_read_the_file_again_and_a_broken_file_changes_nothing() {
    let filled = Filled::new().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    let write = |text: &str| fs::write(&file, text).expect("the file can be written");
    write("{}");
    let exporter = Exporter::on(
        &uri_of(&filled.database),
        &[&format!("--config.file={}", file.display())],
    );
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
    eventually("it is said", || {
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
    eventually("it is said", || {
        (succeeded(&exporter) == Some(1.0)).then_some(())
    })
    .await;
    assert!(read_at() >= first);
    assert_eq!(exporter.get("/-/reload").status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_string_that_changed_in_its_file_counts_after_a_reload() {
    let (one, other) = (Filled::new().await, Filled::new().await);
    other
        .collection("rocketchat_room")
        .insert_one(doc! { "_id": "extra", "t": "c", "msgs": 1 })
        .await
        .expect("a room can be written");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("uri");
    fs::write(&file, uri_of(&one.database)).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--mongodb.uri-file={}", file.display())]);
    let rooms = || exporter.value("rocketchat_rooms{kind=\"channel\"}");
    let before = eventually("it is read", rooms).await;
    fs::write(&file, uri_of(&other.database)).expect("the file can be written");
    exporter.signal("HUP");
    eventually("the other is read", || rooms().filter(|now| *now > before)).await;
}

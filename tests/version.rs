//! The version that a workspace is taken to run: as configured, as stored, or as its migrations allow.

use mongodb::bson::{DateTime, Document, doc};

use crate::support::{Exporter, empty_workspace, uri_of};

fn stored(version: &str) -> Vec<Document> {
    vec![doc! { "version": version, "createdAt": DateTime::now() }]
}

fn migrated(number: i32) -> Vec<Document> {
    vec![doc! { "_id": "control", "version": number, "locked": false }]
}

/// The version on the label of the workspace's identity, of which `/api/info` tells strangers the beginning.
async fn told(documents: Vec<(&str, Vec<Document>)>, arguments: &[&str]) -> String {
    let database = empty_workspace().await;
    for (collection, documents) in documents {
        database
            .collection(collection)
            .insert_many(documents)
            .await
            .expect("the documents can be inserted");
    }
    let exporter = Exporter::on(&uri_of(&database), arguments);
    exporter.whole().await;
    let metrics = exporter.metrics();
    let info = metrics
        .lines()
        .find_map(|line| line.strip_prefix("rocketchat_info{version=\""))
        .and_then(|rest| rest.split('"').next());
    let version = info.expect("it is known").to_owned();
    let answer = exporter.get("/api/info").json();
    let told = answer["version"].as_str().expect("it is told");
    assert!(version.starts_with(told), "{version} and {told}");
    version
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_stored_document_tells_the_version() {
    let documents = vec![
        ("rocketchat_statistics", stored("3.4.2")),
        ("migrations", migrated(197)),
    ];
    assert_eq!(told(documents, &[]).await, "3.4.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_the_stored_version_cannot_run_on_tells_a_later_one() {
    let documents = vec![
        ("rocketchat_statistics", stored("3.3.3")),
        ("migrations", migrated(197)),
    ];
    assert_eq!(told(documents, &[]).await, "3.4.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stored_document_the_migrations_tell_the_version() {
    assert_eq!(
        told(vec![("migrations", migrated(106))], &[]).await,
        "0.61.0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_version_overrides_both() {
    let documents = vec![
        ("rocketchat_statistics", stored("3.3.3")),
        ("migrations", migrated(197)),
    ];
    let configured = told(documents, &["--rocketchat.version=2.4.0"]).await;
    assert_eq!(configured, "2.4.0");
}

//! How the exporter determines Rocket.Chat's version: from the configuration, the stored document, or the migrations.

use mongodb::bson::{DateTime, Document, doc};

use crate::support::{Exporter, empty_workspace, uri_of};

fn stored(version: &str) -> Vec<Document> {
    vec![doc! { "version": version, "createdAt": DateTime::now() }]
}

fn migrated(number: i32) -> Vec<Document> {
    vec![doc! { "_id": "control", "version": number, "locked": false }]
}

/// The version in `rocketchat_info`; `/api/info` shows its prefix to unauthenticated clients.
async fn detected_version(documents: Vec<(&str, Vec<Document>)>, arguments: &[&str]) -> String {
    let database = empty_workspace().await;
    for (collection, documents) in documents {
        database
            .collection(collection)
            .insert_many(documents)
            .await
            .expect("the documents can be inserted");
    }
    let exporter = Exporter::on(&uri_of(&database), arguments);
    exporter.wait_for_collectors().await;
    let metrics = exporter.metrics();
    let info = metrics
        .lines()
        .find_map(|line| line.strip_prefix("rocketchat_info{version=\""))
        .and_then(|rest| rest.split('"').next());
    let version = info.expect("the version is exported").to_owned();
    let response = exporter.get("/api/info").json();
    let public = response["version"]
        .as_str()
        .expect("the version is a string");
    assert!(version.starts_with(public), "{version} and {public}");
    version
}

#[tokio::test(flavor = "multi_thread")]
async fn version_is_that_of_the_newest_stored_document() {
    let documents = vec![
        ("rocketchat_statistics", stored("3.4.2")),
        ("migrations", migrated(197)),
    ];
    assert_eq!(detected_version(documents, &[]).await, "3.4.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_is_raised_to_one_that_supports_the_database() {
    let documents = vec![
        ("rocketchat_statistics", stored("3.3.3")),
        ("migrations", migrated(197)),
    ];
    assert_eq!(detected_version(documents, &[]).await, "3.4.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_follows_from_migrations_without_a_stored_document() {
    assert_eq!(
        detected_version(vec![("migrations", migrated(106))], &[]).await,
        "0.61.0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_version_overrides_both() {
    let documents = vec![
        ("rocketchat_statistics", stored("3.3.3")),
        ("migrations", migrated(197)),
    ];
    let configured = detected_version(documents, &["--rocketchat.version=2.4.0"]).await;
    assert_eq!(configured, "2.4.0");
}

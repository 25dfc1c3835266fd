//! How the exporter determines Rocket.Chat's version: from the configuration, the stored document, or the migrations.

use mongodb::bson::{DateTime, Document, doc};

use crate::support::{Exporter, empty_workspace, fresh_database, shared_workspace, uri_of};

fn stored(version: &str) -> Vec<Document> {
    vec![doc! { "version": version, "createdAt": DateTime::now() }]
}

fn migrated(number: i32) -> Vec<Document> {
    vec![doc! { "_id": "control", "version": number, "locked": false }]
}

/// An exporter that has read a workspace with these documents.
async fn exporter(documents: Vec<(&str, Vec<Document>)>, arguments: &[&str]) -> Exporter {
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
    exporter
}

/// The version in `rocketchat_info`; `/api/info` shows its prefix to unauthenticated clients.
async fn detected_version(documents: Vec<(&str, Vec<Document>)>, arguments: &[&str]) -> String {
    let exporter = exporter(documents, arguments).await;
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

/// What the log says of a release that the exporter does not know.
const NEWER: &str = "newer than those that this exporter knows";

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

#[tokio::test(flavor = "multi_thread")]
async fn migrations_after_335_are_of_9_0() {
    for (stored_version, number, version) in [
        ("8.6.1", 335, "8.6.1"),
        ("8.9.0", 336, "9.0.0"),
        ("8.6.1", 352, "9.0.0"),
        ("9.0.2", 352, "9.0.2"),
    ] {
        let documents = vec![
            ("rocketchat_statistics", stored(stored_version)),
            ("migrations", migrated(number)),
        ];
        assert_eq!(
            detected_version(documents, &[]).await,
            version,
            "migration {number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_release_is_served_under_its_own_version_and_named_once_in_the_log() {
    let documents = vec![
        ("rocketchat_statistics", stored("9.7.0-rc.1")),
        ("migrations", migrated(380)),
    ];
    // The version is looked at after the stored document was read, and again after the migrations were.
    let exporter = exporter(documents, &[]).await;
    assert_eq!(
        exporter.value("rocketchat_version_newer_than_known"),
        Some(1.0)
    );
    assert!(
        exporter
            .metrics()
            .contains("rocketchat_info{version=\"9.7.0-rc.1\"")
    );
    let log = exporter.logged(NEWER).await;
    assert_eq!(log.matches(NEWER).count(), 1, "{log}");
    assert!(log.contains("version=9.7.0-rc.1"), "{log}");
    assert!(log.contains("imitated as 9.1.0"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_after_the_last_known_are_of_a_newer_release() {
    let documents = vec![
        ("rocketchat_statistics", stored("9.0.2")),
        ("migrations", migrated(353)),
    ];
    let exporter = exporter(documents, &[]).await;
    assert!(
        exporter
            .metrics()
            .contains("rocketchat_info{version=\"9.1.0\"")
    );
    assert_eq!(
        exporter.value("rocketchat_version_newer_than_known"),
        Some(1.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_release_is_not_newer_and_not_logged() {
    let documents = vec![
        ("rocketchat_statistics", stored("9.1.3")),
        ("migrations", migrated(360)),
    ];
    let exporter = exporter(documents, &[]).await;
    assert_eq!(
        exporter.value("rocketchat_version_newer_than_known"),
        Some(0.0)
    );
    assert!(!exporter.log().contains(NEWER), "{}", exporter.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_a_newer_release_and_passes() {
    let shared = shared_workspace().await;
    let output = Exporter::with_database(
        &mut Exporter::command(),
        &shared.uri,
        &["check", "--rocketchat.version=10.0.0"],
    )
    .output()
    .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains(
            "the workspace runs Rocket.Chat 10.0.0 or later, which this exporter does not know"
        ),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_of_later_versions_are_not_reported_as_missing() {
    let database = fresh_database().await;
    let messages = database.collection::<Document>("rocketchat_message");
    let inserted = messages.insert_one(doc! { "ts": DateTime::now() }).await;
    inserted.expect("a message can be inserted");
    for (version, missing) in [
        ("0.74.1", &["ts"][..]),
        ("3.4.0", &["ts", "tcount"]),
        ("6.4.0", &["ts", "tcount", "t"]),
    ] {
        let version = format!("--rocketchat.version={version}");
        let exporter = Exporter::on(&uri_of(&database), &[&version]);
        exporter.wait_for_collectors().await;
        for key in ["ts", "tcount", "t"] {
            let series = format!(
                "rocketchat_exporter_missing_index{{collection=\"rocketchat_message\",key=\"{key}\"}}"
            );
            let expected = missing.contains(&key).then_some(1.0);
            assert_eq!(exporter.value(&series), expected, "{version}: {key}");
        }
        // A collection that does not exist needs no index.
        let conferences = "rocketchat_exporter_missing_index{collection=\"rocketchat_video_conference\",key=\"type\"}";
        assert_eq!(exporter.value(conferences), None, "{version}");
    }
}

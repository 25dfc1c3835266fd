//! Unusual collections: views, capped collections, time series. None of them affects other collections.

use std::collections::BTreeMap;

use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};
use testbed::mongod::Options;

use crate::support::{
    Exporter, Filled, SHORT_INTERVALS, eventually, fresh_database, mongod, uri_of,
};

/// Replaces a collection by a view with the same documents.
async fn replace_by_view(database: &Database, collection: &str) {
    let base = format!("{collection}_base");
    let documents = database.collection::<Document>(collection);
    let copy = [doc! { "$match": {} }, doc! { "$out": &base }];
    documents
        .aggregate(copy)
        .await
        .expect("documents can be copied");
    documents.drop().await.expect("a collection can be dropped");
    database
        .create_collection(collection)
        .view_on(base)
        .await
        .expect("a view can be created");
}

async fn replace_by_empty(database: &Database, collection: &str, options: Document) {
    database
        .collection::<Document>(collection)
        .drop()
        .await
        .expect("a collection can be dropped");
    let mut command = doc! { "create": collection };
    command.extend(options);
    database
        .run_command(command)
        .await
        .expect("a collection can be created");
}

fn documents(exporter: &Exporter, collection: &str) -> Option<f64> {
    exporter.value(&format!(
        "rocketchat_collection_documents{{collection=\"{collection}\"}}"
    ))
}

fn skipped(collector: &str, collection: &str) -> String {
    format!(
        "rocketchat_exporter_skipped_collection{{collector=\"{collector}\",collection=\"{collection}\",reason=\"view\"}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_collection_costs_only_its_own_size() {
    let database = Filled::on(fresh_database().await).await.database;
    replace_by_view(&database, "rocketchat_uploads").await;
    replace_by_empty(
        &database,
        "rocketchat_cron_history",
        doc! { "capped": true, "size": 4096 },
    )
    .await;
    replace_by_empty(
        &database,
        "rocketchat_apps_logs",
        doc! { "timeseries": { "timeField": "at" } },
    )
    .await;
    let logs = database.collection::<Document>("rocketchat_apps_logs");
    logs.insert_one(doc! { "at": DateTime::now() })
        .await
        .expect("a document can be inserted");
    let exporter = Exporter::on(&uri_of(&database), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    assert!(documents(&exporter, "users") > Some(0.0));
    assert_eq!(documents(&exporter, "rocketchat_cron_history"), Some(0.0));
    assert_eq!(documents(&exporter, "rocketchat_uploads"), None);
    // A time series has no count, so the metric is absent, not 0.
    assert_eq!(documents(&exporter, "rocketchat_apps_logs"), None);
    assert!(
        exporter.value("rocketchat_uploads") > Some(0.0),
        "uploads are counted"
    );
    assert_eq!(
        exporter.value(&skipped("collections", "rocketchat_uploads")),
        Some(1.0)
    );
    let message = "a view has no size of its own";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
}

/// The series about users and rooms.
fn series_of_users_and_rooms(exporter: &Exporter) -> BTreeMap<String, String> {
    let families = [
        "rocketchat_users",
        "rocketchat_accounts",
        "rocketchat_rooms",
        "rocketchat_room_messages",
        "rocketchat_seats_used",
        "rocketchat_livechat_",
        "rocketchat_omnichannel_",
    ];
    let metrics = exporter.metrics();
    let lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .filter(|(series, _)| families.iter().any(|family| series.starts_with(family)))
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_users_and_rooms_are_read_by_every_collector() {
    let filled = Filled::on(fresh_database().await).await;
    let exporter_before = Exporter::on(&uri_of(&filled.database), &["--mongodb.live=off"]);
    exporter_before.wait_for_collectors().await;
    let before = series_of_users_and_rooms(&exporter_before);
    assert!(before.len() > 40, "{before:?}");
    drop(exporter_before);
    replace_by_view(&filled.database, "users").await;
    replace_by_view(&filled.database, "rocketchat_room").await;
    let exporter = Exporter::on(&uri_of(&filled.database), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    assert_eq!(series_of_users_and_rooms(&exporter), before);
    // The log does not suggest indexes, because a view cannot have any.
    assert!(
        !exporter.log().contains("createIndex({\"roles\""),
        "{}",
        exporter.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn view_is_not_followed_but_other_collections_are() {
    let mongod = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    let database = Filled::at(&mongod.uri()).await.database;
    replace_by_view(&database, "rocketchat_uploads").await;
    let exporter = Exporter::on(
        &mongod.uri(),
        &[&SHORT_INTERVALS[..], &["--mongodb.live=on"]].concat(),
    );
    exporter.wait_for_collectors().await;
    let following = "rocketchat_exporter_live_state{state=\"following\"}";
    eventually("changes are followed", || {
        exporter.value(following).filter(|value| *value > 0.0)
    })
    .await;
    let tracked = |name: &str| {
        exporter.value(&format!(
            "rocketchat_exporter_live_documents{{collection=\"{name}\"}}"
        ))
    };
    assert!(tracked("users") > Some(0.0));
    assert_eq!(tracked("rocketchat_uploads"), None);
    let before = exporter
        .value("rocketchat_uploads")
        .expect("uploads are counted");
    let base = database.collection::<Document>("rocketchat_uploads_base");
    base.insert_one(doc! { "_id": "another", "size": 1 })
        .await
        .expect("a document can be inserted");
    eventually("the new upload is counted", || {
        exporter
            .value("rocketchat_uploads")
            .filter(|value| *value > before)
    })
    .await;
    let message = "changes of a view cannot be followed";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_with_notablescan_is_read_completely() {
    let mongod = mongod(Options::default()).await;
    let filled = Filled::at(&mongod.uri()).await;
    let refuse = doc! { "setParameter": 1, "notablescan": true };
    let admin = filled.database.client().database("admin");
    admin
        .run_command(refuse)
        .await
        .expect("the parameter can be set");
    let exporter = Exporter::on(&mongod.uri(), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    let log = exporter.log();
    assert!(!log.contains("reading failed"), "{log}");
}

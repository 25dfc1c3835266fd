//! Collections that cannot be asked as others can: views, capped ones, ones for time series. Each costs itself alone.

use std::collections::BTreeMap;

use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};
use testbed::mongod::Options;

use crate::support::{Exporter, Filled, SOON, eventually, fresh_database, mongod, uri_of};

/// Puts a view in the place of a collection, with the same documents.
async fn replace_by_view(database: &Database, collection: &str) {
    let base = format!("{collection}_elsewhere");
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
        .expect("a view can be made");
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
        .expect("a collection can be made");
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
async fn one_odd_collection_costs_its_own_size_alone() {
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
        .expect("it can be written");
    let exporter = Exporter::on(&uri_of(&database), &SOON);
    exporter.whole().await;
    assert!(documents(&exporter, "users") > Some(0.0));
    assert_eq!(documents(&exporter, "rocketchat_cron_history"), Some(0.0));
    assert_eq!(documents(&exporter, "rocketchat_uploads"), None);
    // Nothing says how many there are, which is not none.
    assert_eq!(documents(&exporter, "rocketchat_apps_logs"), None);
    assert!(
        exporter.value("rocketchat_uploads") > Some(0.0),
        "a view can be counted"
    );
    assert_eq!(
        exporter.value(&skipped("collections", "rocketchat_uploads")),
        Some(1.0)
    );
    let log = exporter.log();
    assert_eq!(
        log.matches("a view has no size of its own").count(),
        1,
        "{log}"
    );
}

/// What is counted of users and rooms.
fn counted(exporter: &Exporter) -> BTreeMap<String, String> {
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
async fn users_and_rooms_that_are_views_are_read_by_every_collector() {
    let filled = Filled::on(fresh_database().await).await;
    let settled = Exporter::on(&uri_of(&filled.database), &["--mongodb.live=off"]);
    settled.whole().await;
    let before = counted(&settled);
    assert!(before.len() > 40, "{before:?}");
    drop(settled);
    replace_by_view(&filled.database, "users").await;
    replace_by_view(&filled.database, "rocketchat_room").await;
    let exporter = Exporter::on(&uri_of(&filled.database), &SOON);
    exporter.whole().await;
    assert_eq!(counted(&exporter), before);
    // Nobody can create an index on a view.
    assert!(
        !exporter.log().contains("createIndex({\"roles\""),
        "{}",
        exporter.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_not_followed_and_the_others_are() {
    let mongod = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    let database = Filled::at(&mongod.uri()).await.database;
    replace_by_view(&database, "rocketchat_uploads").await;
    let exporter = Exporter::on(&mongod.uri(), &[&SOON[..], &["--mongodb.live=on"]].concat());
    exporter.whole().await;
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
        .expect("a view can be counted");
    let base = database.collection::<Document>("rocketchat_uploads_elsewhere");
    base.insert_one(doc! { "_id": "another", "size": 1 })
        .await
        .expect("it can be written");
    eventually("it is counted", || {
        exporter
            .value("rocketchat_uploads")
            .filter(|value| *value > before)
    })
    .await;
    let log = exporter.log();
    assert_eq!(
        log.matches("changes of a view cannot be followed").count(),
        1,
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_to_scan_collections_is_read_whole() {
    let mongod = mongod(Options::default()).await;
    let filled = Filled::at(&mongod.uri()).await;
    let refuse = doc! { "setParameter": 1, "notablescan": true };
    let admin = filled.database.client().database("admin");
    admin.run_command(refuse).await.expect("it can be set");
    let exporter = Exporter::on(&mongod.uri(), &SOON);
    exporter.whole().await;
    let log = exporter.log();
    assert!(!log.contains("reading failed"), "{log}");
}

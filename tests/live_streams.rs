//! The change streams of live mode: one on the database where the user may read all of it, else one on each collection.

use mongodb::bson::{Document, doc};
use testbed::mongod::Mongod;

use crate::support::{Exporter, client, eventually, exporter_of_reader, with_reader_on};

/// The text of the log that says how many change streams follow changes.
async fn streams(exporter: &Exporter) -> String {
    eventually("changes are followed", || {
        let log = exporter.log();
        let line = log
            .lines()
            .find(|line| line.contains("changes are followed"));
        let field = line.and_then(|line| line.split("change_streams=").nth(1));
        field.map(|rest| rest.split(' ').next().unwrap_or(rest).to_owned())
    })
    .await
}

/// Inserts a user, and waits until the exporter counts it.
async fn insert_and_wait(mongod: &Mongod, exporter: &Exporter) {
    let database = client(&mongod.uri()).await.database("rocketchat");
    let guests = "rocketchat_users{presence=\"busy\"}";
    let before = exporter.value(guests).unwrap_or_default();
    let users = database.collection::<Document>("users");
    let user = doc! { "type": "user", "active": true, "status": "busy", "roles": ["user"], "username": format!("busy{before}") };
    users
        .insert_one(user)
        .await
        .expect("a user can be inserted");
    eventually("the new user is counted", || {
        exporter
            .value(guests)
            .filter(|number| *number > before + 0.5)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn database_has_one_stream_where_all_of_it_may_be_read() {
    let mongod = with_reader_on(true).await;
    let flags = ["--mongodb.live=on", "--collection.fast-interval=1h"];
    let exporter = exporter_of_reader(&mongod, &flags);
    assert_eq!(streams(&exporter).await, "5");
    insert_and_wait(&mongod, &exporter).await;
    drop(exporter);

    let admin = client(&mongod.uri()).await.database("admin");
    let all = doc! { "db": "rocketchat", "collection": "" };
    let grant = doc! {
        "grantPrivilegesToRole": "rocketchatExporter",
        "privileges": [{ "resource": all, "actions": ["find", "changeStream"] }],
    };
    admin
        .run_command(grant)
        .await
        .expect("privileges can be granted");
    let exporter = exporter_of_reader(&mongod, &flags);
    assert_eq!(streams(&exporter).await, "1");
    insert_and_wait(&mongod, &exporter).await;

    // The renaming of other collections is passed over; that to a followed one makes everything be read again.
    let database = client(&mongod.uri()).await.database("rocketchat");
    for name in ["other", "uploads_restored"] {
        let collection = database.collection::<Document>(name);
        collection
            .insert_one(doc! {})
            .await
            .expect("a document can be inserted");
    }
    let rename = |from: &str, to: &str| {
        let command = doc! {
            "renameCollection": format!("rocketchat.{from}"),
            "to": format!("rocketchat.{to}"),
            "dropTarget": true,
        };
        let admin = admin.clone();
        async move {
            admin
                .run_command(command)
                .await
                .expect("a collection can be renamed")
        }
    };
    let fallbacks = || exporter.value("rocketchat_exporter_live_fallbacks_total");
    rename("other", "another").await;
    insert_and_wait(&mongod, &exporter).await;
    assert_eq!(fallbacks(), Some(0.0));
    rename("uploads_restored", "rocketchat_uploads").await;
    eventually("everything is read again", || {
        fallbacks().filter(|number| *number > 0.5)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_mode_stays_off_where_it_would_take_more_memory_than_it_may() {
    let mongod = with_reader_on(true).await;
    let database = client(&mongod.uri()).await.database("rocketchat");
    let uploads = database.collection::<Document>("rocketchat_uploads");
    let documents = (0..22_000).map(|number| doc! { "_id": format!("upload{number}") });
    let inserted = uploads.insert_many(documents).await;
    inserted.expect("documents can be inserted");
    let flags = ["--mongodb.live=on", "--mongodb.live-max-memory=1"];
    let exporter = exporter_of_reader(&mongod, &flags);
    eventually("the obstacle is reported", || {
        let obstacle = exporter.value("rocketchat_exporter_live_obstacle{reason=\"memory\"}");
        obstacle.filter(|value| *value > 0.5)
    })
    .await;
    let log = exporter.log();
    let reason = "live mode would take 2 MiB of memory for ";
    assert!(
        log.contains(reason) && log.contains("may take 1 MiB"),
        "{log}"
    );
}

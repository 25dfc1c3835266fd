//! A database that is named and is none of Rocket.Chat's: that is said, and nothing is counted in it.

use mongodb::Database;
use mongodb::bson::{Document, doc};
use testbed::mongod::Options;

use crate::support::{
    Exporter, Filled, PASSWORD, SOON, client, eventually, fresh_database, mongod, uri_of,
    with_reader,
};

const FAILING: &str =
    "rocketchat_exporter_collector_failing{collector=\"users\",reason=\"no_database\"}";

/// Waits until the exporter has said so, and sees that nothing is counted. Answers its log.
async fn is_foreign(exporter: &Exporter) -> String {
    eventually("the collector fails", || exporter.value(FAILING)).await;
    // As soon as the collectors have failed that read the database before.
    eventually("the database is down", || {
        exporter.value("rocketchat_up").filter(|up| *up < 1.0)
    })
    .await;
    eventually("nothing is counted", || {
        let users = users(exporter);
        assert_ne!(users, Some(0.0));
        users.is_none().then_some(())
    })
    .await;
    exporter.log()
}

fn users(exporter: &Exporter) -> Option<f64> {
    exporter.value("rocketchat_users{presence=\"offline\"}")
}

async fn is_read(exporter: &Exporter) {
    eventually("the database is read", || {
        (exporter.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
    eventually("users are counted", || users(exporter)).await;
}

async fn become_a_workspace(database: &Database) {
    for name in ["rocketchat_settings", "rocketchat_room", "users"] {
        // Fails where it is there.
        database.create_collection(name).await.ok();
    }
    let user = doc! { "_id": "u", "type": "user", "active": true, "status": "offline" };
    let users = database.collection::<Document>("users");
    users.insert_one(user).await.expect("a user can be made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_rocket_chats_collections_is_named_with_the_right_ones() {
    let mongod = mongod(Options::default()).await;
    let admin = Filled::at(&mongod.uri()).await.database;
    let others = admin.client().database("others");
    let user = doc! { "_id": 1 };
    let inserted = others.collection("users").insert_one(user).await;
    inserted.expect("another program has users");
    let uri = |name: &str| format!("mongodb://127.0.0.1:{}/{name}", mongod.port());
    for name in ["admin", "test", "rocketcaht", "others", "RocketChat"] {
        let exporter = Exporter::on(&uri(name), &SOON);
        let log = is_foreign(&exporter).await;
        let said = format!("the database `{name}` has none of Rocket.Chat");
        assert!(log.contains(&said), "{log}");
        assert_eq!(exporter.get("/-/ready").status, 503);
        assert!(log.contains("they are in `rocketchat`"), "{log}");
        assert!(log.contains("--mongodb.database"), "{log}");
    }
    let flag = [&["--mongodb.database=rocketcaht"][..], &SOON].concat();
    let exporter = Exporter::on(&mongod.uri(), &flag);
    is_foreign(&exporter).await;
    let check = Exporter::command()
        .args(["check", "--mongodb.uri", &uri("others")])
        .output()
        .expect("the exporter runs");
    let report = String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(1));
    assert!(report.contains("they are in `rocketchat`"), "{report}");
    assert!(!report.contains("createIndex"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_becomes_rocket_chats_is_read_from_then_on() {
    let database = fresh_database().await;
    let exporter = Exporter::on(&uri_of(&database), &SOON);
    is_foreign(&exporter).await;
    become_a_workspace(&database).await;
    is_read(&exporter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_dropped_and_restored_never_counts_nothing() {
    let database = fresh_database().await;
    become_a_workspace(&database).await;
    let exporter = Exporter::on(&uri_of(&database), &SOON);
    is_read(&exporter).await;
    for dropped in [
        &["users"][..],
        &["users", "rocketchat_settings", "rocketchat_room"],
    ] {
        for name in dropped {
            let collection = database.collection::<Document>(name);
            collection.drop().await.expect("it can be dropped");
        }
        eventually("it is told", || {
            assert_ne!(users(&exporter), Some(0.0));
            exporter.value(FAILING)
        })
        .await;
        is_foreign(&exporter).await;
        become_a_workspace(&database).await;
        is_read(&exporter).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_list_a_database_is_told_so() {
    let mongod = with_reader().await;
    let uri = format!(
        "mongodb://rocketchat-exporter@127.0.0.1:{}/rocketcaht?authSource=admin",
        mongod.port()
    );
    let mut command = Exporter::command();
    command
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
        .env("ROCKETCHAT_EXPORTER_MONGODB_PASSWORD", PASSWORD)
        .args(SOON);
    let exporter = Exporter::spawn(&mut command);
    let log = is_foreign(&exporter).await;
    let said = "this user may neither list the collections of the database `rocketcaht`";
    assert!(log.contains(said), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_listing_costs_nothing_where_the_collections_can_be_read() {
    let mongod = mongod(Options::default()).await;
    Filled::at(&mongod.uri()).await;
    let refuse = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {
            "failCommands": ["listCollections"],
            "errorCode": 13,
            "appName": "rocketchat-exporter",
        },
    };
    let admin = client(&mongod.uri()).await.database("admin");
    let refused = admin.run_command(refuse).await;
    refused.expect("a refusal can be arranged");
    let exporter = Exporter::on(&mongod.uri(), &["--mongodb.database=rocketchat"]);
    exporter.whole().await;
}

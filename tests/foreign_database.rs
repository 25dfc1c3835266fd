//! A configured database that is not Rocket.Chat's is reported, and nothing in it is counted.

use mongodb::Database;
use mongodb::bson::{Document, doc};
use testbed::mongod::Options;

use crate::support::{
    Exporter, Filled, PASSWORD, SHORT_INTERVALS, client, eventually, fresh_database, mongod,
    uri_of, with_reader,
};

const FAILING: &str =
    "rocketchat_exporter_collector_failing{collector=\"users\",reason=\"no_database\"}";

/// Waits until the exporter reports the database, and counts nothing.
async fn wait_until_foreign(exporter: &Exporter) {
    eventually("the collector fails", || exporter.value(FAILING)).await;
    // Collectors that read the database before fail one after another.
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
}

fn users(exporter: &Exporter) -> Option<f64> {
    exporter.value("rocketchat_users{presence=\"offline\"}")
}

async fn wait_until_read(exporter: &Exporter) {
    eventually("the database is read", || {
        (exporter.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
    eventually("users are counted", || users(exporter)).await;
}

async fn create_workspace(database: &Database) {
    for name in ["rocketchat_settings", "rocketchat_room", "users"] {
        // Fails if the collection exists.
        database.create_collection(name).await.ok();
    }
    let user = doc! { "_id": "u", "type": "user", "active": true, "status": "offline" };
    let users = database.collection::<Document>("users");
    users
        .insert_one(user)
        .await
        .expect("a user can be inserted");
}

#[tokio::test(flavor = "multi_thread")]
async fn database_without_rocket_chat_collections_is_reported_with_alternatives() {
    let mongod = mongod(Options::default()).await;
    let admin = Filled::at(&mongod.uri()).await.database;
    let others = admin.client().database("others");
    let user = doc! { "_id": 1 };
    let inserted = others.collection("users").insert_one(user).await;
    inserted.expect("a user can be inserted");
    let uri = |name: &str| format!("mongodb://127.0.0.1:{}/{name}", mongod.port());
    for name in ["admin", "test", "rocketcaht", "others", "RocketChat"] {
        let exporter = Exporter::on(&uri(name), &SHORT_INTERVALS);
        wait_until_foreign(&exporter).await;
        let message = format!("the database `{name}` has none of Rocket.Chat");
        let log = exporter.logged(&message).await;
        assert_eq!(exporter.get("/-/ready").status, 503);
        assert!(log.contains("they are in `rocketchat`"), "{log}");
        assert!(log.contains("--mongodb.database"), "{log}");
    }
    let flag = [&["--mongodb.database=rocketcaht"][..], &SHORT_INTERVALS].concat();
    let exporter = Exporter::on(&mongod.uri(), &flag);
    wait_until_foreign(&exporter).await;
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
async fn database_is_read_once_it_becomes_a_workspace() {
    let database = fresh_database().await;
    let exporter = Exporter::on(&uri_of(&database), &SHORT_INTERVALS);
    wait_until_foreign(&exporter).await;
    create_workspace(&database).await;
    wait_until_read(&exporter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_and_restored_database_never_shows_zeros() {
    let database = fresh_database().await;
    create_workspace(&database).await;
    let exporter = Exporter::on(&uri_of(&database), &SHORT_INTERVALS);
    wait_until_read(&exporter).await;
    for dropped in [
        &["users"][..],
        &["users", "rocketchat_settings", "rocketchat_room"],
    ] {
        for name in dropped {
            let collection = database.collection::<Document>(name);
            collection
                .drop()
                .await
                .expect("the collection can be dropped");
        }
        eventually("the collectors fail", || {
            assert_ne!(users(&exporter), Some(0.0));
            exporter.value(FAILING)
        })
        .await;
        wait_until_foreign(&exporter).await;
        create_workspace(&database).await;
        wait_until_read(&exporter).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_list_privilege_is_reported() {
    let mongod = with_reader().await;
    let uri = format!(
        "mongodb://rocketchat-exporter@127.0.0.1:{}/rocketcaht?authSource=admin",
        mongod.port()
    );
    let mut command = Exporter::command();
    command
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
        .env("ROCKETCHAT_EXPORTER_MONGODB_PASSWORD", PASSWORD)
        .args(SHORT_INTERVALS);
    let exporter = Exporter::spawn(&mut command);
    wait_until_foreign(&exporter).await;
    let message = "this user may neither list the collections of the database `rocketcaht`";
    exporter.logged(message).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_listing_is_harmless_if_the_collections_are_readable() {
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
    refused.expect("the fail point can be set");
    let exporter = Exporter::on(&mongod.uri(), &["--mongodb.database=rocketchat"]);
    exporter.wait_for_collectors().await;
}

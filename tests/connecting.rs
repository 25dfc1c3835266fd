//! Connecting to the database: secrets, privileges, the choice of the database, and server versions.

use std::fs;

use mongodb::bson::doc;
use testbed::mongod::{Mongod, MongodVersion, Options};

use crate::support::{
    Exporter, Filled, PASSWORD, READER, client, eventually, exporter_of_reader, mongod, with_reader,
};

pub async fn fill(mongod: &Mongod, database: &str) {
    let database = client(&mongod.uri()).await.database(database);
    Filled::on(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_user_suffices_for_every_collector() {
    let mongod = with_reader().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let password = folder.path().join("password");
    fs::write(&password, format!("{PASSWORD}\n")).expect("the file can be written");
    let uri = format!(
        "mongodb://{READER}@127.0.0.1:{}/?authSource=admin",
        mongod.port()
    );
    let exporter = Exporter::on(
        &uri,
        &[
            &format!("--mongodb.password-file={}", password.display()),
            "--rocketchat.license-modules=*",
        ],
    );
    exporter.wait_for_collectors().await;
    let engine = exporter.metrics().contains("storage_engine=\"wiredTiger\"");
    assert!(engine, "serverStatus is not permitted");
    let unauthenticated = exporter.get("/api/v1/statistics?access_token=unknown");
    assert_eq!(
        unauthenticated.status, 401,
        "the exporter cannot look up access tokens"
    );
    assert!(!exporter.log().contains("p@ss"), "{}", exporter.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_string_and_password_are_read_from_systemd_credentials() {
    let mongod = with_reader().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let uri = format!(
        "mongodb://{READER}@127.0.0.1:{}/rocketchat?authSource=admin\n",
        mongod.port()
    );
    fs::write(folder.path().join("mongodb.uri"), uri).expect("the file can be written");
    fs::write(folder.path().join("mongodb.password"), PASSWORD).expect("the file can be written");
    let mut command = Exporter::command();
    command.env("CREDENTIALS_DIRECTORY", folder.path());
    let exporter = Exporter::spawn(&mut command);
    eventually("the database is read", || {
        (exporter.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn password_is_read_from_its_variable() {
    let mongod = with_reader().await;
    let exporter = exporter_of_reader(&mongod, &[]);
    eventually("the database is read", || {
        (exporter.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_is_reported_but_not_shown() {
    let mongod = with_reader().await;
    let uri = format!(
        "mongodb://{READER}:topsecret@127.0.0.1:{}/?authSource=admin",
        mongod.port()
    );
    let exporter = Exporter::on(&uri, &[]);
    let log = eventually("the refusal is logged", || {
        let log = exporter.log();
        log.contains("refuses the login").then_some(log)
    })
    .await;
    assert!(!log.contains("topsecret"), "{log}");
    eventually("the workspace is down", || {
        (exporter.value("rocketchat_up") == Some(0.0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_privilege_affects_only_its_own_collectors() {
    let mongod = with_reader().await;
    let admin = client(&mongod.uri()).await.database("admin");
    admin
        .run_command(doc! {
            "revokePrivilegesFromRole": "rocketchatExporter",
            "privileges": [
                { "resource": { "db": "rocketchat", "collection": "rocketchat_room" }, "actions": ["find", "listIndexes"] },
                { "resource": { "cluster": true }, "actions": ["serverStatus"] },
            ],
        })
        .await
        .expect("a privilege can be revoked");
    let exporter = exporter_of_reader(&mongod, &[]);
    eventually("the slow tier was read", || {
        exporter.value("rocketchat_unique_users_last_month")
    })
    .await;
    let success = |collector: &str| {
        exporter.value(&format!(
            "rocketchat_exporter_collector_success{{collector=\"{collector}\"}}"
        ))
    };
    eventually("the rooms were tried", || success("rooms")).await;
    assert_eq!(success("rooms"), Some(0.0));
    assert_eq!(exporter.value("rocketchat_rooms{kind=\"channel\"}"), None);
    assert_eq!(success("users"), Some(1.0));
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    let unknown = exporter.metrics().contains("storage_engine=\"unknown\"");
    assert!(unknown, "the engine is known without serverStatus");
    exporter.logged("not authorized").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn database_is_found_by_its_collections() {
    let mongod = mongod(Options::default()).await;
    fill(&mongod, "chat_of_the_company").await;
    let other = client(&mongod.uri()).await.database("something_else");
    other
        .collection("users")
        .insert_one(doc! { "_id": 1 })
        .await
        .expect("another database can be created");
    let exporter = Exporter::on(&mongod.uri(), &[]);
    eventually("the database is read", || {
        (exporter.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
    exporter.logged("database=chat_of_the_company").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_databases_are_listed_until_one_is_chosen() {
    let mongod = mongod(Options::default()).await;
    fill(&mongod, "chat_one").await;
    fill(&mongod, "chat_two").await;
    let exporter = Exporter::on(&mongod.uri(), &[]);
    let log = eventually("the candidates are logged", || {
        let log = exporter.log();
        log.contains("--mongodb.database").then_some(log)
    })
    .await;
    assert!(log.contains("chat_one, chat_two"), "{log}");
    assert_eq!(exporter.value("rocketchat_up"), Some(0.0));

    let chosen = Exporter::on(&mongod.uri(), &["--mongodb.database=chat_two"]);
    eventually("the chosen database is read", || {
        (chosen.value("rocketchat_up") == Some(1.0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_4_4_is_read_by_every_collector() {
    let mongod = mongod(Options {
        version: MongodVersion::V4_4,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let exporter = Exporter::on(&mongod.uri(), &[]);
    exporter.wait_for_collectors().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_4_2_is_reported_as_too_old() {
    let mongod = mongod(Options {
        version: MongodVersion::V4_2,
        ..Options::default()
    })
    .await;
    let exporter = Exporter::on(&mongod.uri(), &[]);
    eventually("the age of the server is logged", || {
        exporter.log().contains("older than 4.4").then_some(())
    })
    .await;
    assert_eq!(exporter.value("rocketchat_up"), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_set_is_read() {
    let mongod = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let exporter = Exporter::on(&mongod.uri(), &[]);
    exporter.wait_for_collectors().await;
}

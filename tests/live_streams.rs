//! Where the changes of live mode come from: the oplog where the user may read it, else a change stream on each collection.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use testbed::mongod::{Mongod, Options};

use crate::role::checked;
use crate::support::{
    Exporter, Filled, client, eventually, exporter_of_reader, mongod, with_reader_on,
};

/// What the log says about where changes come from.
async fn source(exporter: &Exporter) -> String {
    eventually("changes are followed", || {
        let log = exporter.log();
        let line = log
            .lines()
            .find(|line| line.contains("changes are followed"));
        let field = line.and_then(|line| line.split("source=\"").nth(1));
        field.map(|rest| rest.split('"').next().unwrap_or(rest).to_owned())
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

const FLAGS: [&str; 2] = ["--mongodb.live=on", "--collection.fast-interval=1h"];

const FALLBACKS: &str = "rocketchat_exporter_live_fallbacks_total";

#[tokio::test(flavor = "multi_thread")]
async fn oplog_is_read_where_the_user_may() {
    let mongod = with_reader_on(true).await;
    let exporter = exporter_of_reader(&mongod, &FLAGS);
    assert_eq!(source(&exporter).await, "the oplog");
    insert_and_wait(&mongod, &exporter).await;
    drop(exporter);
    let source_of_check = || checked(mongod.port(), &[])["privileges"]["live_mode"].clone();
    assert_eq!(source_of_check(), "the oplog");

    let admin = client(&mongod.uri()).await.database("admin");
    let oplog = doc! { "db": "local", "collection": "oplog.rs" };
    let revoke = doc! {
        "revokePrivilegesFromRole": "rocketchatExporter",
        "privileges": [{ "resource": oplog, "actions": ["find"] }],
    };
    let revoked = admin.run_command(revoke).await;
    revoked.expect("privileges can be revoked");
    let exporter = exporter_of_reader(&mongod, &FLAGS);
    assert_eq!(source(&exporter).await, "5 change streams");
    insert_and_wait(&mongod, &exporter).await;
    let source = source_of_check();
    let source = source.as_str().unwrap_or_default();
    assert!(source.contains("with find on local.oplog.rs"), "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_renamed_collections_in_the_oplog_are_followed() {
    let mongod = with_reader_on(true).await;
    let exporter = exporter_of_reader(&mongod, &FLAGS);
    assert_eq!(source(&exporter).await, "the oplog");
    let client = client(&mongod.uri()).await;
    let (admin, database) = (client.database("admin"), client.database("rocketchat"));
    let [online, away] =
        ["online", "away"].map(|status| format!("rocketchat_users{{presence=\"{status}\"}}"));
    let before = [&online, &away].map(|series| exporter.value(series).unwrap_or_default());
    let mut session = client.start_session().await.expect("a session can start");
    session
        .start_transaction()
        .await
        .expect("a transaction can start");
    let users = database.collection::<Document>("users");
    let messages = database.collection::<Document>("rocketchat_message");
    let user = |id: &str| doc! { "_id": id, "type": "user", "active": true, "status": "online" };
    let inserted = users.insert_many([user("one"), user("two"), user("three")]);
    let inserted = inserted.session(&mut session).await;
    inserted.expect("users can be inserted");
    let inserted = messages.insert_one(doc! { "msg": "text" });
    let inserted = inserted.session(&mut session).await;
    inserted.expect("a message can be inserted");
    let update = users.update_one(doc! { "_id": "one" }, doc! { "$set": { "status": "away" } });
    let updated = update.session(&mut session).await;
    updated.expect("a user can be updated");
    let deleted = users.delete_one(doc! { "_id": "two" });
    let deleted = deleted.session(&mut session).await;
    deleted.expect("a user can be deleted");
    let committed = session.commit_transaction().await;
    committed.expect("the transaction can be committed");
    eventually("the transaction is counted", || {
        let is_counted = |series, number: f64| {
            let value = exporter.value(series)?;
            ((value - number).abs() < 0.5).then_some(())
        };
        is_counted(&online, before[0] + 1.0).and(is_counted(&away, before[1] + 1.0))
    })
    .await;

    // The renaming of other collections is passed over; that to a followed one makes everything be read again.
    for name in ["other", "uploads_restored"] {
        let collection = database.collection::<Document>(name);
        let inserted = collection.insert_one(doc! {}).await;
        inserted.expect("a document can be inserted");
    }
    let rename = async |from: &str, to: &str| {
        let command = doc! {
            "renameCollection": format!("rocketchat.{from}"),
            "to": format!("rocketchat.{to}"),
            "dropTarget": true,
        };
        let renamed = admin.run_command(command).await;
        renamed.expect("a collection can be renamed");
    };
    rename("other", "another").await;
    insert_and_wait(&mongod, &exporter).await;
    assert_eq!(exporter.value(FALLBACKS), Some(0.0));
    rename("uploads_restored", "rocketchat_uploads").await;
    eventually("everything is read again", || {
        exporter.value(FALLBACKS).filter(|number| *number > 0.5)
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
    let reason = "live mode would take 2 MiB of memory for ";
    let log = exporter.logged(reason).await;
    assert!(log.contains("may take 1 MiB"), "{log}");
    let page = exporter.get("/info").text();
    assert!(page.contains("off: it would take more memory than it may"));
}

#[tokio::test(flavor = "multi_thread")]
async fn live_mode_gives_up_if_the_oplog_is_always_too_short() {
    let mongod = mongod(Options {
        replica_set: true,
        oplog_megabytes: Some(1),
        // The oplog keeps everything since the last checkpoint.
        arguments: ["--syncdelay", "1"].map(str::to_owned).into(),
        ..Options::default()
    })
    .await;
    let database = Filled::at(&mongod.uri()).await.database;
    // Between two polls the oplog is overwritten several times.
    let capped = doc! { "create": "other", "capped": true, "size": 1 << 20 };
    let created = database.run_command(capped).await;
    created.expect("a collection can be created");
    let other = database.collection::<Document>("other");
    let writer = tokio::spawn(async move {
        let text = "x".repeat(100_000);
        loop {
            drop(other.insert_one(doc! { "text": &text }).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let slow = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {
            "failCommands": ["find"],
            "namespace": "local.oplog.rs",
            "blockConnection": true,
            "blockTimeMS": 2_000,
        },
    };
    let admin = database.client().database("admin");
    let set = admin.run_command(slow).await;
    set.expect("the fail point can be set");
    let arguments = [
        &FLAGS[..],
        &[
            "--no-collector.server",
            "--collection.normal-interval=1h",
            "--collection.max-share=1",
        ],
    ]
    .concat();
    let exporter = Exporter::on(&mongod.uri(), &arguments);
    let obstacle = "rocketchat_exporter_live_obstacle{reason=\"loss\"}";
    eventually(obstacle, || exporter.value(obstacle)).await;
    writer.abort();
    let message = "everything had to be read again 5 times in a row";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
    assert!(log.contains("the oplog no longer has"), "{log}");
    assert_eq!(exporter.value(FALLBACKS), Some(4.0));
    let full_readings = exporter.value("rocketchat_exporter_live_full_readings_total");
    assert!(full_readings <= Some(5.0), "{full_readings:?}");
    assert!(exporter.value("rocketchat_uploads") > Some(0.0));
}

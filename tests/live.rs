//! Live mode: counters follow the change streams of a replica set and equal a recount, also after faults of streams and
//! servers.

mod drift;
mod values;
mod writer;

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};
use rocketchat_exporter::followed_rows;
use testbed::mongod::{Mongod, MongodVersion, Options};

use crate::support::{
    Exporter, Filled, client, eventually, exporter_of_reader, fresh_database, mongod, uri_of,
    with_reader_on,
};

/// Flags for live mode in which no collector runs again during a test.
const ONCE: [&str; 4] = [
    "--collection.fast-interval=1h",
    "--collection.normal-interval=1h",
    "--collection.slow-interval=1h",
    "--mongodb.live=on",
];

const FOLLOWING: &str = "rocketchat_exporter_live_state{state=\"following\"}";

/// Whether a series belongs to a metric.
fn is_of(series: &str, metric: &str) -> bool {
    let rest = series.strip_prefix(metric);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}

/// Flags that enable only the followed collectors and those that they depend on.
fn only_followed_collectors() -> Vec<String> {
    let rows = followed_rows();
    let names = rows.iter().map(|rows| rows.collector);
    let mut arguments = vec!["--collector.disable-defaults".to_owned()];
    let names = names.chain(["instances", "settings"]);
    arguments.extend(names.map(|name| format!("--collector.{name}")));
    arguments
}

/// Every followed series, and its value as text.
fn followed(exporter: &Exporter) -> BTreeMap<String, String> {
    let metrics = exporter.metrics();
    let rows = followed_rows();
    let names: Vec<_> = rows.iter().flat_map(|rows| &rows.metrics).collect();
    let lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .filter(|(series, _)| names.iter().any(|name| is_of(series, name)))
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect()
}

/// The series whose values differ, with both.
fn differences(
    read: &BTreeMap<String, String>,
    followed: &BTreeMap<String, String>,
) -> Vec<String> {
    let names: BTreeSet<_> = read.keys().chain(followed.keys()).collect();
    let value = |of: &BTreeMap<String, String>, name| of.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|name| (name, value(read, name), value(followed, name)))
        .filter(|(_, read, followed)| read != followed)
        .map(|(name, read, followed)| format!("{name}: read {read:?}, followed {followed:?}"))
        .collect()
}

async fn replica_set() -> Mongod {
    replica_set_of(MongodVersion::default()).await
}

async fn replica_set_of(version: MongodVersion) -> Mongod {
    let options = Options {
        version,
        replica_set: true,
        ..Options::default()
    };
    mongod(options).await
}

async fn filled(uri: &str) -> Database {
    let database = client(uri).await.database("rocketchat");
    Filled::on(database).await.database
}

async fn wait_until_following(exporter: &Exporter) {
    eventually("changes are followed", || {
        exporter.value(FOLLOWING).filter(|state| *state > 0.0)
    })
    .await;
}

async fn wait_for_value(exporter: &Exporter, series: &str, expected: f64) {
    let condition = format!("{series} {expected}");
    eventually(&condition, || {
        exporter
            .value(series)
            .filter(|value| (value - expected).abs() < 0.5)
    })
    .await;
}

fn value(exporter: &Exporter, series: &str) -> f64 {
    exporter
        .value(series)
        .unwrap_or_else(|| panic!("{series} is absent"))
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_rooms_and_uploads_follow_writes() {
    values_follow_writes(replica_set().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_on_mongodb_4_4() {
    values_follow_writes(replica_set_of(MongodVersion::V4_4).await).await;
}

async fn values_follow_writes(mongod: Mongod) {
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(&mongod.uri(), &ONCE);
    wait_until_following(&exporter).await;
    let users: Collection<Document> = database.collection("users");
    let (online, offline, messages, files, bytes) = (
        "rocketchat_users{presence=\"online\"}",
        "rocketchat_users{presence=\"offline\"}",
        "rocketchat_room_messages{kind=\"channel\"}",
        "rocketchat_uploads",
        "rocketchat_uploads_size_bytes",
    );
    let before = [online, offline, messages, files, bytes].map(|series| value(&exporter, series));
    let changed = users
        .update_many(
            doc! { "status": "offline" },
            doc! { "$set": { "status": "online", "statusText": "here" } },
        )
        .await
        .expect("users can be updated");
    let changed = changed.modified_count as f64;
    assert!(changed > 0.0);
    wait_for_value(&exporter, online, before[0] + changed).await;
    // Users without a presence count as offline too, and are unchanged.
    wait_for_value(&exporter, offline, before[1] - changed).await;
    // The change names only an item of the list, so the exporter looks up the user.
    let guests = "rocketchat_accounts{kind=\"guest\",state=\"activated\"}";
    let before_guests = value(&exporter, guests);
    let user = doc! { "_id": "new user", "active": true, "roles": ["user"] };
    users
        .insert_one(user)
        .await
        .expect("a user can be inserted");
    let guest = doc! { "$set": { "roles.0": "guest" } };
    users
        .update_one(doc! { "_id": "new user" }, guest)
        .await
        .expect("a user can be updated");
    wait_for_value(&exporter, guests, before_guests + 1.0).await;
    let rooms: Collection<Document> = database.collection("rocketchat_room");
    rooms
        .update_one(doc! { "t": "c" }, doc! { "$inc": { "msgs": 1000 } })
        .await
        .expect("a room can be updated");
    wait_for_value(&exporter, messages, before[2] + 1000.0).await;
    let broadcast = "rocketchat_rooms_with_feature{feature=\"broadcast\"}";
    let before_broadcast = value(&exporter, broadcast);
    let room = doc! { "_id": "new", "t": "c", "msgs": 0, "broadcast": true };
    rooms
        .insert_one(room)
        .await
        .expect("a room can be inserted");
    wait_for_value(&exporter, broadcast, before_broadcast + 1.0).await;
    let uploads: Collection<Document> = database.collection("rocketchat_uploads");
    uploads
        .insert_many([
            doc! { "size": 70_000 },
            doc! { "size": 5.0 },
            doc! { "size": "big" },
        ])
        .await
        .expect("uploads can be inserted");
    wait_for_value(&exporter, bytes, before[4] + 70_005.0).await;
    wait_for_value(&exporter, files, before[3] + 3.0).await;
    uploads
        .delete_one(doc! { "size": 70_000 })
        .await
        .expect("an upload can be deleted");
    wait_for_value(&exporter, bytes, before[4] + 5.0).await;
    assert_eq!(
        exporter.value("rocketchat_exporter_live_fallbacks_total"),
        Some(0.0)
    );
    let readings = "rocketchat_exporter_collector_readings_total{collector=\"users\"}";
    assert_eq!(exporter.value(readings), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_follow_sessions_and_instances() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(
        &mongod.uri(),
        &[&ONCE[..], &["--collection.max-share=1"]].concat(),
    );
    wait_until_following(&exporter).await;
    let (people, connections, live) = (
        "rocketchat_people_connected",
        "rocketchat_user_connections",
        "rocketchat_instances",
    );
    let before = [people, connections, live].map(|series| value(&exporter, series));
    let instances = database.collection::<Document>("instances");
    let instance = doc! { "_id": "new", "_updatedAt": DateTime::now() };
    instances
        .insert_one(instance)
        .await
        .expect("an instance can be inserted");
    wait_for_value(&exporter, live, before[2] + 1.0).await;
    let users = database.collection::<Document>("users");
    let sessions = database.collection::<Document>("usersSessions");
    let (person, bot) = (
        doc! { "_id": "a person" },
        doc! { "_id": "a bot", "type": "bot" },
    );
    users
        .insert_many([&person, &bot])
        .await
        .expect("users can be inserted");
    let to = |instance: &str| doc! { "instanceId": instance, "status": "online" };
    for user in [&person, &bot] {
        let connect = doc! { "$push": { "connections": { "$each": [to("new"), to("unknown")] } } };
        let id = doc! { "_id": user.get("_id") };
        sessions
            .update_one(id, connect)
            .upsert(true)
            .await
            .expect("a session can be updated");
    }
    wait_for_value(&exporter, connections, before[1] + 2.0).await;
    wait_for_value(&exporter, people, before[0] + 1.0).await;
    // The bot becomes a person.
    let person = doc! { "$unset": { "type": 1 } };
    users
        .update_one(bot, person)
        .await
        .expect("a user can be updated");
    wait_for_value(&exporter, people, before[0] + 2.0).await;
    let disconnect = doc! { "$pull": { "connections": { "instanceId": "new" } } };
    let id = doc! { "_id": "a person" };
    sessions
        .update_one(id, disconnect)
        .await
        .expect("a session can be updated");
    wait_for_value(&exporter, people, before[0] + 1.0).await;
    // Connections of a deleted instance no longer count, before the sections are published again without a change.
    let deleted = std::time::Instant::now();
    instances
        .delete_one(doc! { "_id": "new" })
        .await
        .expect("an instance can be deleted");
    wait_for_value(&exporter, live, before[2]).await;
    wait_for_value(&exporter, connections, before[1]).await;
    wait_for_value(&exporter, people, before[0]).await;
    let took = deleted.elapsed();
    assert!(took.as_secs() < 7, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone_server_is_logged_once() {
    let database = fresh_database().await;
    let filled = Filled::on(database).await;
    let exporter = Exporter::on(
        &uri_of(&filled.database),
        &[
            "--collection.fast-interval=100ms",
            "--collection.max-share=1",
        ],
    );
    let obstacle = "rocketchat_exporter_live_obstacle{reason=\"topology\"}";
    wait_for_value(&exporter, obstacle, 1.0).await;
    let readings = "rocketchat_exporter_collector_readings_total{collector=\"presence\"}";
    let before = value(&exporter, readings);
    eventually("reads continue", || {
        exporter
            .value(readings)
            .filter(|number| *number > before + 3.0)
    })
    .await;
    let message = "changes are not followed";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
    assert!(!log.contains("level=warn"), "{log}");
    assert_eq!(exporter.value(FOLLOWING), Some(0.0));
    assert!(followed(&exporter).len() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_server_is_resumed() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(
        &mongod.uri(),
        &[
            &ONCE[..],
            &["--mongodb.query-timeout=3s", "--mongodb.connect-timeout=2s"],
        ]
        .concat(),
    );
    wait_until_following(&exporter).await;
    let online = "rocketchat_users{presence=\"online\"}";
    let before = value(&exporter, online);
    mongod.pause().expect("mongod can be paused");
    // The collectors run again, long before their interval, and fail.
    eventually("presence is absent", || {
        exporter.value(online).is_none().then_some(())
    })
    .await;
    wait_for_value(&exporter, FOLLOWING, 0.0).await;
    mongod.resume().expect("mongod can be resumed");
    wait_until_following(&exporter).await;
    assert_eq!(exporter.value(online), Some(before));
    let user = doc! { "_id": "new", "status": "online" };
    let users = database.collection::<Document>("users");
    users
        .insert_one(user)
        .await
        .expect("a user can be inserted");
    wait_for_value(&exporter, online, before + 1.0).await;
    assert!(value(&exporter, "rocketchat_exporter_live_resumes_total") > 0.0);
    let full_readings = "rocketchat_exporter_live_full_readings_total";
    assert_eq!(exporter.value(full_readings), Some(1.0));
    assert_eq!(
        exporter.value("rocketchat_exporter_live_fallbacks_total"),
        Some(0.0)
    );
    exporter.logged("changes can no longer be followed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_stream_is_followed_by_a_full_read() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let arguments = [&ONCE[..], &["--collection.max-share=1"]].concat();
    let exporter = Exporter::on(&mongod.uri(), &arguments);
    wait_until_following(&exporter).await;
    let fallbacks = "rocketchat_exporter_live_fallbacks_total";
    // CappedPositionLost, as when the oplog rolls over meanwhile.
    let fail_point = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "times": 1 },
        "data": { "errorCode": 136, "failCommands": ["find"], "namespace": "local.oplog.rs" },
    };
    let admin = database.client().database("admin");
    admin
        .run_command(fail_point)
        .await
        .expect("the fail point can be set");
    wait_for_value(&exporter, fallbacks, 1.0).await;
    wait_until_following(&exporter).await;
    let uploads = database.collection::<Document>("rocketchat_uploads");
    let before = value(&exporter, "rocketchat_uploads");
    uploads
        .insert_one(doc! { "size": 1 })
        .await
        .expect("an upload can be inserted");
    wait_for_value(&exporter, "rocketchat_uploads", before + 1.0).await;
    // Dropping a collection causes no change for each document.
    uploads.drop().await.expect("a collection can be dropped");
    wait_for_value(&exporter, fallbacks, 2.0).await;
    wait_for_value(&exporter, "rocketchat_uploads", 0.0).await;
    wait_until_following(&exporter).await;
    assert_eq!(exporter.value("rocketchat_uploads_size_bytes"), Some(0.0));
    let full_readings = "rocketchat_exporter_live_full_readings_total";
    assert_eq!(exporter.value(full_readings), Some(3.0));
    assert_eq!(exporter.value(fallbacks), Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_role_can_follow_and_a_smaller_role_reads() {
    let mongod = with_reader_on(true).await;
    let exporter = exporter_of_reader(&mongod, &["--mongodb.live=on"]);
    wait_until_following(&exporter).await;
    drop(exporter);
    let admin = client(&mongod.uri()).await.database("admin");
    let users = doc! { "db": "rocketchat", "collection": "users" };
    let oplog = doc! { "db": "local", "collection": "oplog.rs" };
    admin
        .run_command(doc! {
            "revokePrivilegesFromRole": "rocketchatExporter",
            "privileges": [
                { "resource": users, "actions": ["changeStream"] },
                { "resource": oplog, "actions": ["find"] },
            ],
        })
        .await
        .expect("privileges can be revoked");
    let exporter = exporter_of_reader(&mongod, &["--mongodb.live=on"]);
    let obstacle = "rocketchat_exporter_live_obstacle{reason=\"privileges\"}";
    wait_for_value(&exporter, obstacle, 1.0).await;
    let message = "changes cannot be followed";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
    assert!(value(&exporter, "rocketchat_users{presence=\"online\"}") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_shows_earlier_writes() {
    let mongod = replica_set().await;
    let database = client(&mongod.uri()).await.database("rocketchat");
    let filled = Filled::on(database).await;
    let workspace = filled.start_on(&mongod.uri(), &["--mongodb.live=on"]).await;
    wait_until_following(&workspace.exporter).await;
    let admin = &workspace.credentials.admin;
    let total = || {
        let response = workspace.get_as(admin, "/api/v1/statistics?refresh=true");
        assert_eq!(response.status, 200);
        response.json()["statistics"]["totalUsers"].as_u64()
    };
    let before = total().expect("users are counted");
    for number in 1..=3 {
        let users = workspace.database.collection::<Document>("users");
        users
            .insert_one(doc! {})
            .await
            .expect("a user can be inserted");
        assert_eq!(total(), Some(before + number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_new_login_services_of_logins_are_changes() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(&mongod.uri(), &ONCE);
    wait_until_following(&exporter).await;
    let users: Collection<Document> = database.collection("users");
    let user = doc! { "_id": "new user", "active": true, "services": { "resume": {} } };
    users
        .insert_one(user)
        .await
        .expect("a user can be inserted");
    let saml = "rocketchat_users_by_login_service{login_service=\"saml\"}";
    let events = "rocketchat_exporter_live_events_total";
    eventually("the new user is followed", || {
        exporter.value(events).filter(|number| *number > 0.0)
    })
    .await;
    let before = [saml, events].map(|series| value(&exporter, series));
    let change = |change: Document| {
        let users = users.clone();
        async move {
            let changed = users.update_one(doc! { "_id": "new user" }, change).await;
            assert_eq!(changed.expect("a user can be updated").modified_count, 1);
        }
    };
    for _ in 0..5 {
        let token = doc! { "hashedToken": "secret", "when": DateTime::now() };
        change(doc! { "$push": { "services.resume.loginTokens": token } }).await;
    }
    change(doc! { "$set": { "services.saml": { "idpSession": "x" } } }).await;
    wait_for_value(&exporter, saml, before[0] + 1.0).await;
    let changes = value(&exporter, events) - before[1];
    assert!(changes < 1.5, "{changes} changes");
}

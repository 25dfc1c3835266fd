//! Live mode: counters follow the changes that a replica set tells, and stay what a recount would find, whatever
//! happens to documents, streams and servers.

use std::collections::BTreeMap;

use std::time::Duration;

use fastrand::Rng;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Decimal128, Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use testbed::mongod::{Mongod, MongodVersion, Options, ReplicaSet};

use crate::support::{
    Exporter, Filled, client, connections_of_exporters, eventually, exporter_of_reader,
    fresh_database, mongod, uri_of, with_reader_on,
};

/// Nothing is read again by itself during a test.
const ONCE: [&str; 4] = [
    "--collection.fast-interval=1h",
    "--collection.normal-interval=1h",
    "--collection.slow-interval=1h",
    "--mongodb.live=on",
];

const FOLLOWING: &str = "rocketchat_exporter_live_state{state=\"following\"}";

/// Families that are followed.
const FOLLOWED: [&str; 16] = [
    "rocketchat_users{",
    "rocketchat_users_connected{",
    "rocketchat_accounts{",
    "rocketchat_seats_used ",
    "rocketchat_users_by_login_service{",
    "rocketchat_users_with_second_factor{",
    "rocketchat_rooms{",
    "rocketchat_rooms_with_feature{",
    "rocketchat_rooms_without_msgs ",
    "rocketchat_rooms_orphaned ",
    "rocketchat_discussions ",
    "rocketchat_room_messages{",
    "rocketchat_uploads ",
    "rocketchat_uploads_size_bytes ",
    "rocketchat_people_connected ",
    "rocketchat_user_connections ",
];

/// Every series that is followed, and its value as it is written.
fn followed(exporter: &Exporter) -> BTreeMap<String, String> {
    let metrics = exporter.metrics();
    let lines = metrics
        .lines()
        .filter(|line| FOLLOWED.iter().any(|family| line.starts_with(family)));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
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

async fn follows(exporter: &Exporter) {
    eventually("changes are followed", || {
        exporter.value(FOLLOWING).filter(|it| *it > 0.0)
    })
    .await;
}

async fn becomes(exporter: &Exporter, series: &str, expected: f64) {
    let awaited = format!("{series} {expected}");
    eventually(&awaited, || {
        exporter
            .value(series)
            .filter(|it| (it - expected).abs() < 0.5)
    })
    .await;
}

fn value(exporter: &Exporter, series: &str) -> f64 {
    exporter
        .value(series)
        .unwrap_or_else(|| panic!("{series} is not there"))
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_rooms_and_uploads_follow_what_is_written() {
    follow_what_is_written(replica_set().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_4_4_tells_changes_too() {
    follow_what_is_written(replica_set_of(MongodVersion::V4_4).await).await;
}

async fn follow_what_is_written(mongod: Mongod) {
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(&mongod.uri(), &ONCE);
    follows(&exporter).await;
    let users: Collection<Document> = database.collection("users");
    let (online, offline, messages, files, bytes) = (
        "rocketchat_users{presence=\"online\"}",
        "rocketchat_users{presence=\"offline\"}",
        "rocketchat_room_messages{kind=\"channel\"}",
        "rocketchat_uploads",
        "rocketchat_uploads_size_bytes",
    );
    let before = [online, offline, messages, files, bytes].map(|it| value(&exporter, it));
    let changed = users
        .update_many(
            doc! { "status": "offline" },
            doc! { "$set": { "status": "online", "statusText": "here" } },
        )
        .await
        .expect("users can be changed");
    let changed = changed.modified_count as f64;
    assert!(changed > 0.0);
    becomes(&exporter, online, before[0] + changed).await;
    // Some have no presence at all.
    becomes(&exporter, offline, before[1] - changed).await;
    // Of a list only an item is told, so the user is looked up.
    let guests = "rocketchat_accounts{kind=\"guest\",state=\"activated\"}";
    let before_guests = value(&exporter, guests);
    let user = doc! { "_id": "somebody", "active": true, "roles": ["user"] };
    users.insert_one(user).await.expect("a user can be added");
    let guest = doc! { "$set": { "roles.0": "guest" } };
    users
        .update_one(doc! { "_id": "somebody" }, guest)
        .await
        .expect("a user can be changed");
    becomes(&exporter, guests, before_guests + 1.0).await;
    let rooms: Collection<Document> = database.collection("rocketchat_room");
    rooms
        .update_one(doc! { "t": "c" }, doc! { "$inc": { "msgs": 1000 } })
        .await
        .expect("a room can be changed");
    becomes(&exporter, messages, before[2] + 1000.0).await;
    let broadcast = "rocketchat_rooms_with_feature{feature=\"broadcast\"}";
    let before_broadcast = value(&exporter, broadcast);
    let room = doc! { "_id": "new", "t": "c", "msgs": 0, "broadcast": true };
    rooms.insert_one(room).await.expect("a room can be added");
    becomes(&exporter, broadcast, before_broadcast + 1.0).await;
    let uploads: Collection<Document> = database.collection("rocketchat_uploads");
    uploads
        .insert_many([
            doc! { "size": 70_000 },
            doc! { "size": 5.0 },
            doc! { "size": "big" },
        ])
        .await
        .expect("files can be recorded");
    becomes(&exporter, bytes, before[4] + 70_005.0).await;
    becomes(&exporter, files, before[3] + 3.0).await;
    uploads
        .delete_one(doc! { "size": 70_000 })
        .await
        .expect("a file can be deleted");
    becomes(&exporter, bytes, before[4] + 5.0).await;
    assert_eq!(
        exporter.value("rocketchat_exporter_live_fallbacks_total"),
        Some(0.0)
    );
    let readings = "rocketchat_exporter_collector_readings_total{collector=\"users\"}";
    assert_eq!(exporter.value(readings), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_follow_sessions_and_instances_as_they_come_and_go() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(
        &mongod.uri(),
        &[&ONCE[..], &["--collection.max-share=1"]].concat(),
    );
    follows(&exporter).await;
    let (people, connections, live) = (
        "rocketchat_people_connected",
        "rocketchat_user_connections",
        "rocketchat_instances",
    );
    let before = [people, connections, live].map(|it| value(&exporter, it));
    let instances = database.collection::<Document>("instances");
    let instance = doc! { "_id": "new", "_updatedAt": DateTime::now() };
    instances
        .insert_one(instance)
        .await
        .expect("an instance can register");
    becomes(&exporter, live, before[2] + 1.0).await;
    let users = database.collection::<Document>("users");
    let sessions = database.collection::<Document>("usersSessions");
    let (person, bot) = (
        doc! { "_id": "a person" },
        doc! { "_id": "a bot", "type": "bot" },
    );
    users
        .insert_many([&person, &bot])
        .await
        .expect("users can be added");
    let to = |instance: &str| doc! { "instanceId": instance, "status": "online" };
    for user in [&person, &bot] {
        let connect = doc! { "$push": { "connections": { "$each": [to("new"), to("unknown")] } } };
        let id = doc! { "_id": user.get("_id") };
        sessions
            .update_one(id, connect)
            .upsert(true)
            .await
            .expect("somebody can connect");
    }
    becomes(&exporter, connections, before[1] + 2.0).await;
    becomes(&exporter, people, before[0] + 1.0).await;
    // The bot was a person after all.
    let person = doc! { "$unset": { "type": 1 } };
    users
        .update_one(bot, person)
        .await
        .expect("a user can be changed");
    becomes(&exporter, people, before[0] + 2.0).await;
    let disconnect = doc! { "$pull": { "connections": { "instanceId": "new" } } };
    let id = doc! { "_id": "a person" };
    sessions
        .update_one(id, disconnect)
        .await
        .expect("somebody can leave");
    becomes(&exporter, people, before[0] + 1.0).await;
    // What an instance leaves behind that is gone counts no more.
    instances
        .delete_one(doc! { "_id": "new" })
        .await
        .expect("an instance can end");
    becomes(&exporter, live, before[2]).await;
    becomes(&exporter, connections, before[1]).await;
    becomes(&exporter, people, before[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_alone_tells_no_changes_and_that_is_said_once() {
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
    becomes(&exporter, obstacle, 1.0).await;
    let readings = "rocketchat_exporter_collector_readings_total{collector=\"presence\"}";
    let before = value(&exporter, readings);
    eventually("readings go on", || {
        exporter.value(readings).filter(|it| *it > before + 3.0)
    })
    .await;
    let log = exporter.log();
    assert_eq!(log.matches("changes are not followed").count(), 1, "{log}");
    assert!(!log.contains("level=warn"), "{log}");
    assert_eq!(exporter.value(FOLLOWING), Some(0.0));
    assert!(followed(&exporter).len() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_frozen_is_followed_from_where_it_stopped() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(
        &mongod.uri(),
        &[
            &ONCE[..],
            &[
                "--mongodb.query-timeout=1s",
                "--mongodb.connect-timeout=500ms",
            ],
        ]
        .concat(),
    );
    follows(&exporter).await;
    let online = "rocketchat_users{presence=\"online\"}";
    let before = value(&exporter, online);
    mongod.pause().expect("mongod can be stopped");
    // It is left to the tiers, which find out that there is nothing to be read, long before their interval.
    eventually("presence is absent", || {
        exporter.value(online).is_none().then_some(())
    })
    .await;
    becomes(&exporter, FOLLOWING, 0.0).await;
    mongod.resume().expect("mongod can go on");
    follows(&exporter).await;
    assert_eq!(exporter.value(online), Some(before));
    let user = doc! { "_id": "new", "status": "online" };
    let users = database.collection::<Document>("users");
    users.insert_one(user).await.expect("a user can be added");
    becomes(&exporter, online, before + 1.0).await;
    assert!(value(&exporter, "rocketchat_exporter_live_resumes_total") > 0.0);
    let full_readings = "rocketchat_exporter_live_full_readings_total";
    assert_eq!(exporter.value(full_readings), Some(1.0));
    assert_eq!(
        exporter.value("rocketchat_exporter_live_fallbacks_total"),
        Some(0.0)
    );
    let log = exporter.log();
    assert!(log.contains("changes can no longer be followed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_place_in_the_stream_is_lost_everything_is_read_again() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let arguments = [&ONCE[..], &["--collection.max-share=1"]].concat();
    let exporter = Exporter::on(&mongod.uri(), &arguments);
    follows(&exporter).await;
    let fallbacks = "rocketchat_exporter_live_fallbacks_total";
    // ChangeStreamHistoryLost, as after a long outage: the oldest change that is still known is newer.
    let fail_point = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "times": 1 },
        "data": { "errorCode": 286, "failCommands": ["getMore"], "appName": "rocketchat-exporter" },
    };
    let admin = database.client().database("admin");
    admin
        .run_command(fail_point)
        .await
        .expect("the fail point can be set");
    becomes(&exporter, fallbacks, 1.0).await;
    follows(&exporter).await;
    let uploads = database.collection::<Document>("rocketchat_uploads");
    let before = value(&exporter, "rocketchat_uploads");
    uploads
        .insert_one(doc! { "size": 1 })
        .await
        .expect("a file can be recorded");
    becomes(&exporter, "rocketchat_uploads", before + 1.0).await;
    // A collection goes away as a whole, of which no document tells.
    uploads.drop().await.expect("a collection can be dropped");
    becomes(&exporter, fallbacks, 2.0).await;
    becomes(&exporter, "rocketchat_uploads", 0.0).await;
    follows(&exporter).await;
    assert_eq!(exporter.value("rocketchat_uploads_size_bytes"), Some(0.0));
    let full_readings = "rocketchat_exporter_live_full_readings_total";
    assert_eq!(exporter.value(full_readings), Some(3.0));
    assert_eq!(exporter.value(fallbacks), Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_lost_as_soon_as_they_are_opened_are_given_up() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let admin = database.client().database("admin");
    let lost = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        // ChangeStreamHistoryLost
        "data": { "failCommands": ["getMore"], "errorCode": 286, "appName": "rocketchat-exporter" },
    };
    let set = admin.run_command(lost).await;
    set.expect("the fail point can be set");
    let exporter = Exporter::on(&mongod.uri(), &ONCE);
    let obstacle = "rocketchat_exporter_live_obstacle{reason=\"loss\"}";
    eventually(obstacle, || exporter.value(obstacle)).await;
    exporter.whole().await;
    assert!(value(&exporter, "rocketchat_exporter_live_fallbacks_total") <= 5.0);
    let log = exporter.log();
    assert_eq!(
        log.matches("everything had to be read again").count(),
        1,
        "{log}"
    );
    assert!(log.matches("follow").count() <= 12, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_the_readme_may_follow_and_one_who_may_not_reads_as_ever() {
    let mongod = with_reader_on(true).await;
    let exporter = exporter_of_reader(&mongod, &["--mongodb.live=on"]);
    follows(&exporter).await;
    drop(exporter);
    let admin = client(&mongod.uri()).await.database("admin");
    let users = doc! { "db": "rocketchat", "collection": "users" };
    admin
        .run_command(doc! {
            "revokePrivilegesFromRole": "rocketchatExporter",
            "privileges": [{ "resource": users, "actions": ["changeStream"] }],
        })
        .await
        .expect("privileges can be revoked");
    let exporter = exporter_of_reader(&mongod, &["--mongodb.live=on"]);
    let obstacle = "rocketchat_exporter_live_obstacle{reason=\"privileges\"}";
    becomes(&exporter, obstacle, 1.0).await;
    let log = exporter.log();
    assert_eq!(
        log.matches("changes cannot be followed").count(),
        1,
        "{log}"
    );
    assert!(value(&exporter, "rocketchat_users{presence=\"online\"}") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_shows_what_was_written_before_it() {
    let mongod = replica_set().await;
    let database = client(&mongod.uri()).await.database("rocketchat");
    let filled = Filled::on(database).await;
    let workspace = filled.start_on(&mongod.uri(), &["--mongodb.live=on"]).await;
    follows(&workspace.exporter).await;
    let admin = &workspace.credentials.admin;
    let total = || {
        let answer = workspace.get_as(admin, "/api/v1/statistics?refresh=true");
        assert_eq!(answer.status, 200);
        answer.json()["statistics"]["totalUsers"].as_u64()
    };
    let before = total().expect("users are counted");
    for number in 1..=3 {
        let users = workspace.database.collection::<Document>("users");
        users
            .insert_one(doc! {})
            .await
            .expect("a user can be added");
        assert_eq!(total(), Some(before + number));
    }
}

/// Somebody who writes anything at all into the followed collections.
struct Writer {
    random: Rng,
    database: Database,
}

/// What an id may be; few, so that documents come again that were deleted.
fn some_id(random: &mut Rng) -> Bson {
    let number = random.u8(..120);
    match number % 10 {
        0 => ObjectId::from_bytes([number; 12]).into(),
        1 => i32::from(number).into(),
        _ => format!("id{number}").into(),
    }
}

fn one_of<T: Clone>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())].clone()
}

/// A number as an amount, odd ones among them. Fractions are halves, so that sums are the same in any order.
fn some_amount(random: &mut Rng) -> Bson {
    match random.u8(..12) {
        0 => f64::NAN.into(),
        1 => f64::INFINITY.into(),
        2 => "many".into(),
        3 => Bson::Null,
        4 => (-5).into(),
        5 => 2.5.into(),
        6 => (1_i64 << 45).into(),
        7 => Decimal128::from_bytes(*b"\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\x30").into(),
        8 => vec![1, 2].into(),
        _ => random.i32(..10_000).into(),
    }
}

/// Ways to log in, and what else there is beside them.
fn some_services(random: &mut Rng) -> Bson {
    if random.u8(..6) == 0 {
        return one_of(random, &[Bson::Null, "ldap".into(), vec!["ldap"].into()]);
    }
    let mut services = doc! { "password": { "bcrypt": "secret" } };
    for name in ["ldap", "google", "totp", "email2fa", "unknown"] {
        let value = one_of(
            random,
            &[
                Bson::Null,
                doc! { "enabled": true }.into(),
                doc! { "enabled": false, "id": 7 }.into(),
            ],
        );
        if random.bool() {
            services.insert(name, value);
        }
    }
    services.into()
}

/// A connection to one of three instances, of which two live.
fn some_connection(random: &mut Rng) -> Document {
    let instance = one_of(random, &["first", "second", "gone"]);
    doc! { "id": random.u16(..).to_string(), "instanceId": instance, "status": "online" }
}

impl Writer {
    const COLLECTIONS: [&str; 4] = [
        "users",
        "rocketchat_room",
        "rocketchat_uploads",
        "usersSessions",
    ];

    /// Some fields with values, those that count and others.
    fn some_fields(&mut self, collection: &str) -> Document {
        let random = &mut self.random;
        let mut fields = Document::new();
        let mut put = |random: &mut Rng, name: &str, value: Bson| {
            if random.u8(..3) > 0 {
                fields.insert(name, value);
            }
        };
        let odd =
            |random: &mut Rng| one_of(random, &[Bson::Null, true.into(), 1.into(), "x".into()]);
        match collection {
            "users" => {
                for name in ["status", "statusConnection"] {
                    let state = one_of(random, &["online", "away", "busy", "offline"]).into();
                    put(random, name, state);
                }
                let kind = one_of(random, &["user", "user", "bot", "app", "other"]).into();
                put(random, "type", kind);
                let active = one_of(
                    random,
                    &[true.into(), true.into(), false.into(), Bson::Null, 1.into()],
                );
                put(random, "active", active);
                let roles = one_of(
                    random,
                    &[vec!["user"], vec!["guest"], vec!["user", "guest"], vec![]],
                );
                put(random, "roles", roles.into());
                let remote = odd(random);
                put(random, "isRemote", remote);
                let federated = odd(random);
                put(random, "federated", federated);
                let services = some_services(random);
                put(random, "services", services);
            }
            "rocketchat_room" => {
                let kind = one_of(random, &["c", "p", "d", "l", "v", "z"]).into();
                put(random, "t", kind);
                if random.bool() {
                    let parent = one_of(
                        random,
                        &[
                            Bson::Null,
                            "".into(),
                            0.into(),
                            false.into(),
                            "GENERAL".into(),
                            vec![""].into(),
                        ],
                    );
                    put(random, "prid", parent);
                }
                let messages = some_amount(random);
                put(random, "msgs", messages);
                let members = one_of(random, &[0.into(), 0.0.into(), 3.into(), Bson::Null]);
                put(random, "usersCount", members);
                for name in ["broadcast", "archived", "teamId", "teamMain", "teamDefault"] {
                    let value = odd(random);
                    put(random, name, value);
                }
                let kind = one_of(random, &["livestream", "call"]);
                put(random, "streamingOptions", doc! { "type": kind }.into());
            }
            "usersSessions" => {
                let connections: Vec<Document> = (0..random.u8(..4))
                    .map(|_| some_connection(random))
                    .collect();
                put(random, "connections", connections.into());
            }
            _ => {
                let size = some_amount(random);
                put(random, "size", size);
            }
        }
        let name = one_of(random, &["a", "b"]).into();
        put(random, "name", name);
        fields
    }

    /// An update by operators, or by a pipeline.
    fn some_update(&mut self, collection: &str) -> Bson {
        let fields = self.some_fields(collection);
        let names: Vec<String> = fields.keys().cloned().collect();
        let set = doc! { "$set": if fields.is_empty() { doc! { "other": 1 } } else { fields } };
        let amount = if collection == "rocketchat_uploads" {
            "size"
        } else {
            "msgs"
        };
        let random = &mut self.random;
        let update = match random.u8(..12) {
            0..3 if collection == "usersSessions" => doc! { "$push": { "connections": some_connection(random) } },
            3..5 if collection == "usersSessions" => doc! { "$pull": { "connections": { "instanceId": one_of(random, &["first", "second"]) } } },
            5 if collection == "usersSessions" => doc! { "$set": { "connections.0": some_connection(random) } },
            6 if collection == "usersSessions" => doc! { "$pop": { "connections": 1 } },
            0 if !names.is_empty() => doc! { "$unset": { one_of(random, &names): 1 } },
            1 if ["rocketchat_room", "rocketchat_uploads"].contains(&collection) => doc! { "$max": { amount: random.i32(..100_000) } },
            2 if collection == "users" => doc! { "$addToSet": { "roles": "guest" } },
            3 if collection == "users" => doc! { "$pull": { "roles": "user" } },
            4 if collection == "users" => doc! { "$set": { "roles.0": "guest" } },
            5 if collection == "users" && random.bool() => {
                let name = one_of(random, &["ldap", "saml", "totp", "email2fa"]);
                let (part, deeper) = (format!("services.{name}"), format!("services.{name}.enabled"));
                one_of(random, &[
                    doc! { "$set": { &deeper: true } },
                    doc! { "$unset": { &deeper: true } },
                    doc! { "$set": { &part: {} } },
                    doc! { "$unset": { &part: true } },
                ])
            }
            6 if collection == "users" => {
                doc! { "$push": { "services.resume.loginTokens": { "when": DateTime::now() } } }
            }
            6 if collection == "rocketchat_room" && random.bool() => {
                doc! { "$set": { "streamingOptions.type": one_of(random, &["livestream", "call"]) } }
            }
            5 if collection == "users" => doc! { "$push": { "roles": { "$each": ["guest"], "$slice": -1 } } },
            6 if collection == "rocketchat_room" => doc! { "$rename": { "prid": "former" } },
            7 => doc! { "$currentDate": { "_updatedAt": true } },
            8 => return vec![set].into(),
            9 => return vec![doc! { "$replaceWith": { "$mergeObjects": [self.some_fields(collection), { "_id": "$_id" }] } }].into(),
            _ => set,
        };
        update.into()
    }

    /// A command that writes, to one document or to several.
    fn some_command(&mut self) -> Document {
        let collection = one_of(&mut self.random, &Self::COLLECTIONS);
        let id = some_id(&mut self.random);
        let several = || doc! { "$in": [] };
        let mut ids = several();
        let chosen: Vec<Bson> = (0..8).map(|_| some_id(&mut self.random)).collect();
        ids.insert("$in", chosen.clone());
        match self.random.u8(..20) {
            0..5 => {
                let documents: Vec<Document> = chosen
                    .into_iter()
                    .map(|id| {
                        let mut document = doc! { "_id": id };
                        document.extend(self.some_fields(collection));
                        document
                    })
                    .collect();
                // Those that exist already are refused, the others are not.
                doc! { "insert": collection, "documents": documents, "ordered": false }
            }
            5..8 => doc! { "delete": collection, "deletes": [{ "q": { "_id": id }, "limit": 1 }] },
            8 => doc! { "delete": collection, "deletes": [{ "q": { "_id": ids }, "limit": 0 }] },
            9 => {
                doc! { "update": collection, "updates": [{ "q": { "_id": id }, "u": self.some_fields(collection), "upsert": true }] }
            }
            10 => doc! { "findAndModify": collection, "query": { "_id": id }, "remove": true },
            11..14 => doc! { "update": collection, "updates": [
                { "q": { "_id": ids }, "u": self.some_update(collection), "multi": true },
            ] },
            14 => doc! { "update": collection, "ordered": false, "updates": [
                { "q": { "_id": id.clone() }, "u": self.some_update(collection), "upsert": true },
                { "q": { "_id": id }, "u": self.some_update(collection) },
                { "q": { "_id": some_id(&mut self.random) }, "u": self.some_fields(collection) },
            ] },
            _ => {
                doc! { "update": collection, "updates": [{ "q": { "_id": id }, "u": self.some_update(collection) }] }
            }
        }
    }

    /// Writes; what the server refuses, as an operator that does not fit a value, or as it changes its primary, is done in
    /// part or not at all.
    async fn write(&mut self) {
        if self.random.u8(..10) > 0 {
            let command = self.some_command();
            drop(self.database.run_command(command).await);
            return;
        }
        let client = self.database.client();
        let mut session = client.start_session().await.expect("a session can be had");
        if session.start_transaction().await.is_err() {
            return;
        }
        for _ in 0..self.random.u8(1..6) {
            let command = self.some_command();
            drop(
                self.database
                    .run_command(command)
                    .session(&mut session)
                    .await,
            );
        }
        if self.random.u8(..4) > 0 {
            drop(session.commit_transaction().await);
        } else {
            drop(session.abort_transaction().await);
        }
    }

    /// What the majority has once this has returned, a reader of any member sees soon. Two instances live.
    async fn settle(&self) {
        let heartbeats = ["first", "second"].map(|id| {
            doc! {
                "q": { "_id": id },
                "u": { "$currentDate": { "_updatedAt": true }, "$set": { "pid": 7 } },
                "upsert": true,
            }
        });
        let instances = doc! { "update": "instances", "updates": heartbeats.to_vec() };
        let marks = self.database.collection::<Document>("marks");
        for _ in 0..100 {
            if self.database.run_command(instances.clone()).await.is_ok()
                && marks.insert_one(doc! {}).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the set takes no writes");
    }
}

/// A client that gives up soon what does not succeed, and waits for the majority.
async fn impatient_client(uri: &str) -> Client {
    let mut options = ClientOptions::parse(uri)
        .await
        .expect("the address is valid");
    options.server_selection_timeout = Some(Duration::from_secs(5));
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    options.write_concern = Some(majority);
    Client::with_options(options).expect("the options are valid")
}

/// How many times collectors were read, of those that are followed elsewhere.
fn readings(exporter: &Exporter) -> Vec<f64> {
    [
        "presence",
        "users",
        "user_features",
        "rooms",
        "room_features",
        "uploads",
        "instances",
        "connections",
    ]
    .map(|name| format!("rocketchat_exporter_collector_readings_total{{collector=\"{name}\"}}"))
    .map(|series| value(exporter, &series))
    .to_vec()
}

/// Waits until one exporter shows what another one counted meanwhile.
async fn agree(followed_by: &Exporter, counted_by: &Exporter, seed: u64) {
    let before = readings(counted_by);
    eventually("everything is counted again", || {
        let after = readings(counted_by);
        let again = before
            .iter()
            .zip(&after)
            .all(|(before, after)| *after >= before + 2.0);
        again.then_some(())
    })
    .await;
    let begun = std::time::Instant::now();
    loop {
        let (one, other) = (followed(followed_by), followed(counted_by));
        if one == other && !one.is_empty() {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "seed {seed}: {one:#?}\n{other:#?}\n{}",
            followed_by.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_never_drift_whatever_is_written_and_whoever_is_primary() {
    let times: usize =
        std::env::var("SOAK").map_or(1, |times| times.parse().expect("it is a number"));
    let seed = std::env::var("LIVE_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("it is a number"),
    );
    eprintln!("LIVE_SEED={seed}");
    let set = ReplicaSet::start(3).await.expect("the set starts");
    filled(&set.uri()).await;
    let soon = [
        "--collection.fast-interval=300ms",
        "--collection.normal-interval=300ms",
        "--collection.slow-interval=300ms",
        "--collection.max-share=1",
        "--collector.disable-defaults",
        "--collector.presence",
        "--collector.users",
        "--collector.user_features",
        "--collector.rooms",
        "--collector.room_features",
        "--collector.settings",
        "--collector.uploads",
        "--collector.instances",
        "--collector.connections",
    ];
    let live = Exporter::on(&set.uri(), &[&soon[..], &["--mongodb.live=on"]].concat());
    let polling = Exporter::on(&set.uri(), &[&soon[..], &["--mongodb.live=off"]].concat());
    follows(&live).await;
    let mut writer = Writer {
        random: Rng::with_seed(seed),
        database: impatient_client(&set.uri()).await.database("rocketchat"),
    };
    let full_readings = "rocketchat_exporter_live_full_readings_total";
    for batch in 0..4 * times {
        for _ in 0..500 {
            writer.write().await;
        }
        if batch % 2 == 1 {
            let step_down = set.step_down();
            let write = async {
                for _ in 0..100 {
                    writer.write().await;
                }
            };
            let (stepped_down, ()) = tokio::join!(step_down, write);
            stepped_down.expect("another member takes over");
        }
        writer.settle().await;
        agree(&live, &polling, seed).await;
        // Everything was read again and compared, too.
        let before = value(&live, full_readings);
        eventually("it is checked", || {
            live.value(full_readings).filter(|it| *it > before + 1.0)
        })
        .await;
        for collection in Writer::COLLECTIONS {
            let drift = format!("rocketchat_exporter_live_drift{{collection=\"{collection}\"}}");
            assert_eq!(live.value(&drift), Some(0.0), "seed {seed}: {}", live.log());
        }
    }
    assert!(value(&live, "rocketchat_user_connections") > 0.0);
    assert!(value(&live, "rocketchat_exporter_live_events_total") > 500.0);
    assert!(value(&live, "rocketchat_exporter_live_lookups_total") > 0.0);
    let fallbacks = live.value("rocketchat_exporter_live_fallbacks_total");
    assert_eq!(fallbacks, Some(0.0), "{}", live.log());
    assert!(!live.log().contains("defect"), "{}", live.log());
    // Of each exporter the two that ask, the one that watches, and the one that may be made in the place of one whose
    // handshake takes long.
    for member in set.members() {
        let uri = format!(
            "mongodb://127.0.0.1:{}/?directConnection=true",
            member.port()
        );
        let connections = connections_of_exporters(&client(&uri).await).await;
        assert!(connections <= 8, "{connections} connections");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_change_nothing_that_is_followed_and_a_new_way_to_log_in_does() {
    let mongod = replica_set().await;
    let database = filled(&mongod.uri()).await;
    let exporter = Exporter::on(&mongod.uri(), &ONCE);
    follows(&exporter).await;
    let users: Collection<Document> = database.collection("users");
    let somebody = doc! { "_id": "somebody", "active": true, "services": { "resume": {} } };
    users
        .insert_one(somebody)
        .await
        .expect("a user can be added");
    let saml = "rocketchat_users_by_login_service{login_service=\"saml\"}";
    let events = "rocketchat_exporter_live_events_total";
    eventually("the user is noticed", || {
        exporter.value(events).filter(|it| *it > 0.0)
    })
    .await;
    let before = [saml, events].map(|it| value(&exporter, it));
    let change = |change: Document| {
        let users = users.clone();
        async move {
            let changed = users.update_one(doc! { "_id": "somebody" }, change).await;
            assert_eq!(changed.expect("a user can be changed").modified_count, 1);
        }
    };
    for _ in 0..5 {
        let token = doc! { "hashedToken": "secret", "when": DateTime::now() };
        change(doc! { "$push": { "services.resume.loginTokens": token } }).await;
    }
    change(doc! { "$set": { "services.saml": { "idpSession": "x" } } }).await;
    becomes(&exporter, saml, before[0] + 1.0).await;
    let told = value(&exporter, events) - before[1];
    assert!(told < 1.5, "{told} changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_followed_shows_the_same_document_as_what_is_read() {
    let mongod = replica_set().await;
    let credentials = Filled::at(&mongod.uri()).await.credentials;
    let documents = ["--mongodb.live=off", "--mongodb.live=on"].map(async |live| {
        let exporter = Exporter::on(&mongod.uri(), &[live]);
        exporter.whole().await;
        if live.ends_with("on") {
            follows(&exporter).await;
        }
        let headers = [
            ("X-User-Id", credentials.admin.user_id.as_str()),
            ("X-Auth-Token", credentials.admin.token.as_str()),
        ];
        let readings = "rocketchat_exporter_collector_readings_total{collector=\"user_features\"}";
        let before = value(&exporter, readings);
        let answer = exporter.request("GET", "/api/v1/statistics?refresh=true", &headers);
        assert_eq!(answer.status, 200);
        let was_read = value(&exporter, readings) > before;
        assert_eq!(was_read, live.ends_with("off"));
        answer.json()["statistics"].clone()
    });
    let [read, live] = documents;
    let (read, live) = (read.await, live.await);
    let paths = [
        "userLanguages",
        "services",
        "teams",
        "totalUserTOTP",
        "totalBroadcastRooms",
    ];
    for path in paths {
        assert!(!read[path].is_null(), "{path}");
        assert_eq!(live[path], read[path], "{path}");
    }
}

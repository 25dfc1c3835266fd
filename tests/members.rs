//! Which members of a replica set are asked, and what is told of data that are not of now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, Timestamp, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Database};
use testbed::mongod::{Mongod, ReplicaSet};

use crate::support::{
    Exporter, Filled, SOON, client, eventually, log_commands, logged_commands, server_log,
};

/// What the exporter asked of a member since its log had this length: each command with what it was for.
fn asked_since(member: &Mongod, length: usize) -> BTreeSet<(String, String)> {
    // What the driver sends by itself to every member.
    let by_driver = ["endSessions", "hello", "isMaster", "killCursors"];
    logged_commands(member, length)
        .into_iter()
        .filter(|asked| !(asked.comment.is_empty() && by_driver.contains(&&*asked.name)))
        .map(|asked| (asked.name, asked.comment))
        .collect()
}

async fn directly(member: &Mongod) -> Client {
    client(&format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        member.port()
    ))
    .await
}

async fn admin(member: &Mongod, command: Document) -> Document {
    let admin = directly(member).await.database("admin");
    admin
        .run_command(command)
        .await
        .expect("the command succeeds")
}

/// Names one member by a tag.
async fn tag(set: &ReplicaSet, primary: usize, tagged: usize) {
    let answer = admin(&set.members()[primary], doc! { "replSetGetConfig": 1 }).await;
    let mut config = answer.get_document("config").expect("there is one").clone();
    let version = config.get_i32("version").expect("it has a version");
    config.insert("version", version + 1);
    let members = config.get_array_mut("members").expect("it has members");
    let member = members[tagged].as_document_mut().expect("it is a document");
    member.insert("tags", doc! { "use": "reporting" });
    admin(&set.members()[primary], doc! { "replSetReconfig": config }).await;
}

/// Runs the exporter with a read preference until everything was read once and changes are followed, and answers which
/// members were asked what meanwhile.
async fn asked_with(set: &ReplicaSet, preference: &str) -> Vec<BTreeSet<(String, String)>> {
    let lengths: Vec<_> = set
        .members()
        .iter()
        .map(|member| server_log(member).len())
        .collect();
    // Without the database's name, which is found by its collections.
    let exporter = Exporter::on(
        &format!("{}&readPreference={preference}", set.uri()),
        &[
            "--mongodb.live=on",
            "--rocketchat.license-modules=*",
            "--collection.fast-interval=1h",
            "--collection.normal-interval=1h",
            "--collection.slow-interval=1h",
        ],
    );
    exporter.whole().await;
    let following = "rocketchat_exporter_live_state{state=\"following\"}";
    eventually("changes are followed", || {
        exporter.value(following).filter(|value| *value > 0.0)
    })
    .await;
    // And asked for.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(exporter);
    let members = set.members().iter().zip(lengths);
    members
        .map(|(member, length)| asked_since(member, length))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_goes_where_the_read_preference_says() {
    let set = ReplicaSet::start(3).await.expect("the set starts");
    Filled::at(&set.uri()).await;
    let primary = set.primary().await.expect("there is one");
    let reporting = (primary + 1) % 3;
    tag(&set, primary, reporting).await;
    for member in set.members() {
        log_commands(&directly(member).await).await;
    }
    let tagged = "secondary&readPreferenceTags=use:reporting";
    for (preference, only) in [("primary", primary), (tagged, reporting)] {
        let asked = asked_with(&set, preference).await;
        for (place, asked) in asked.iter().enumerate() {
            assert_eq!(
                !asked.is_empty(),
                place == only,
                "{preference}, member {place}: {asked:?}"
            );
        }
        let kinds: BTreeSet<_> = asked[only].iter().map(|(name, _)| name.as_str()).collect();
        for kind in [
            "aggregate",
            "count",
            "find",
            "getMore",
            "listCollections",
            "listDatabases",
            "listIndexes",
            "serverStatus",
        ] {
            assert!(kinds.contains(kind), "{preference}: {kinds:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_section_is_read_from_two_members() {
    let set = ReplicaSet::start(3).await.expect("the set starts");
    Filled::at(&set.uri()).await;
    for member in set.members() {
        log_commands(&directly(member).await).await;
    }
    for _ in 0..2 {
        let mut members_by_collector: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (place, asked) in asked_with(&set, "nearest").await.into_iter().enumerate() {
            for (_, comment) in asked {
                members_by_collector
                    .entry(comment)
                    .or_default()
                    .insert(place);
            }
        }
        assert!(members_by_collector.len() > 20, "{members_by_collector:?}");
        for (collector, members) in members_by_collector {
            // What is asked of the servers between readings may go to any of them.
            let between = [
                "",
                "rocketchat-exporter member",
                "rocketchat-exporter database",
            ];
            let is_section = !between.contains(&collector.as_str());
            assert!(
                !is_section || members.len() == 1,
                "{collector}: {members:?}"
            );
        }
    }
}

const FOLLOWING: &str = "rocketchat_exporter_live_state{state=\"following\"}";
const BEHIND: &str = "rocketchat_exporter_live_state{state=\"behind\"}";
const HAS_PRIMARY: &str = "rocketchat_mongodb_replica_set_has_primary";
const LAG: &str = "rocketchat_mongodb_replication_lag_seconds";
const UPLOADS: &str = "rocketchat_uploads";

fn data_at(exporter: &Exporter, collector: &str) -> f64 {
    let series = format!("rocketchat_exporter_data_timestamp_seconds{{collector=\"{collector}\"}}");
    exporter
        .value(&series)
        .unwrap_or_else(|| panic!("{series} is not there"))
}

async fn becomes(exporter: &Exporter, series: &str, expected: impl Fn(f64) -> bool) -> f64 {
    eventually(series, || {
        exporter.value(series).filter(|value| expected(*value))
    })
    .await
}

/// The time as the metrics have it.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_the_last_member_is_read_and_its_data_age() {
    let mut set = ReplicaSet::start(3).await.expect("the set starts");
    let database = Filled::at(&set.uri()).await.database;
    let live = Exporter::on(&set.uri(), &[&SOON[..], &["--mongodb.live=on"]].concat());
    live.whole().await;
    becomes(&live, FOLLOWING, |value| value > 0.0).await;
    assert_eq!(live.value(HAS_PRIMARY), Some(1.0));
    assert!(now() - data_at(&live, "uploads") < 25.0);
    drop(database);

    let primary = set.primary().await.expect("there is one");
    let left = (primary + 1) % 3;
    for (place, member) in set.members_mut().iter_mut().enumerate() {
        if place != left {
            member.kill().expect("it can be killed");
        }
    }
    let killed = now();
    becomes(&live, HAS_PRIMARY, |value| value < 1.0).await;
    // An exporter that starts now finds the database and reads everything.
    let fresh = Exporter::on(&set.uri(), &SOON);
    fresh.whole().await;
    for exporter in [&live, &fresh] {
        becomes(exporter, "rocketchat_up", |value| value > 0.0).await;
        assert!(exporter.value(UPLOADS) > Some(0.0));
    }
    becomes(&live, BEHIND, |value| value > 0.0).await;
    live.whole().await;
    for exporter in [&live, &fresh] {
        // What was opened after the loss is followed until its data are too old.
        becomes(exporter, FOLLOWING, |value| value < 1.0).await;
        for collector in ["uploads", "presence", "rooms", "jobs"] {
            let data_at = data_at(exporter, collector);
            assert!(
                data_at < killed + 5.0,
                "{collector}: {data_at}, killed {killed}"
            );
        }
    }
    let log = live.log();
    assert!(log.contains("the replica set has no primary"), "{log}");
    // The document tells the moment of its data, and the page warns.
    let page = live.get("/info").text();
    assert!(page.contains("has no primary"), "{page}");
}

/// Moves the set's time ahead, as a client may that has seen a later one, and writes an upload at that time.
async fn write_ahead(primary: &Mongod, database: &Database, seconds: u32) {
    let hello = admin(primary, doc! { "hello": 1 }).await;
    let time = hello
        .get_timestamp("operationTime")
        .expect("it tells its time");
    let signature = Binary {
        subtype: BinarySubtype::Generic,
        bytes: vec![0; 20],
    };
    let ahead = Timestamp {
        time: time.time + seconds,
        increment: 1,
    };
    let gossip = doc! {
        "ping": 1,
        "$clusterTime": { "clusterTime": ahead, "signature": { "hash": signature, "keyId": 0_i64 } },
    };
    admin(primary, gossip).await;
    let upload = doc! { "_id": format!("upload at {}", ahead.time), "size": 1 };
    // No majority will have it.
    let write_concern = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    let uploads = database.collection::<Document>("rocketchat_uploads");
    let write = uploads.insert_one(upload).write_concern(write_concern);
    write.await.expect("it is written");
}

async fn replicate(member: &Mongod, replicates: bool) {
    let mode = if replicates { "off" } else { "alwaysOn" };
    admin(
        member,
        doc! { "configureFailPoint": "stopReplProducer", "mode": mode },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_secondaries_lag_the_primary_is_read_unless_a_preference_forbids_that() {
    let set = ReplicaSet::start(3).await.expect("the set starts");
    Filled::at(&set.uri()).await;
    let default = Exporter::on(&set.uri(), &[&SOON[..], &["--mongodb.live=on"]].concat());
    let secondary = format!("{}&readPreference=secondary", set.uri());
    let secondary = Exporter::on(&secondary, &[&SOON[..], &["--mongodb.live=off"]].concat());
    for exporter in [&default, &secondary] {
        exporter.whole().await;
        becomes(exporter, LAG, |value| value < 30.0).await;
    }
    becomes(&default, FOLLOWING, |value| value > 0.0).await;
    let before = default.value(UPLOADS).expect("they are counted");

    let primary = set.primary().await.expect("there is one");
    let secondaries = || {
        (0..3)
            .filter(|index| *index != primary)
            .map(|index| &set.members()[index])
    };
    for member in secondaries() {
        replicate(member, false).await;
    }
    let database = directly(&set.members()[primary])
        .await
        .database("rocketchat");
    // The batch that is under way when replication stops may still take the first write along.
    for ahead in [60, 60] {
        write_ahead(&set.members()[primary], &database, ahead).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Changes that no majority has are not told, so the primary is read.
    becomes(&default, BEHIND, |value| value > 0.0).await;
    becomes(&default, UPLOADS, |value| value > before + 1.5).await;
    becomes(
        &default,
        "rocketchat_mongodb_majority_lag_seconds",
        |value| value > 30.0,
    )
    .await;
    assert!(now() - data_at(&default, "uploads") < 10.0);
    // A preference that is stated is obeyed, and the lag is told.
    becomes(&secondary, LAG, |value| value > 30.0).await;
    assert!(secondary.value(UPLOADS) < Some(before + 1.5));

    for member in secondaries() {
        replicate(member, true).await;
    }
    becomes(&default, FOLLOWING, |value| value > 0.0).await;
    for exporter in [&default, &secondary] {
        becomes(exporter, LAG, |value| value < 30.0).await;
        becomes(exporter, UPLOADS, |value| value > before + 1.5).await;
    }
}

//! Which members of a replica set are read, and how old data are reported.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, Timestamp, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Database};
use testbed::mongod::{Mongod, ReplicaSet};

use crate::support::{
    Exporter, Filled, client, eventually, log_commands, logged_commands, server_log,
};

/// Name and comment of the exporter's commands in a member's log, from this offset on.
fn commands_since(member: &Mongod, offset: usize) -> BTreeSet<(String, String)> {
    // The driver sends these to every member by itself.
    let by_driver = ["endSessions", "hello", "isMaster", "killCursors"];
    logged_commands(member, offset)
        .into_iter()
        .filter(|command| !(command.comment.is_empty() && by_driver.contains(&&*command.name)))
        .map(|command| (command.name, command.comment))
        .collect()
}

async fn direct_client(member: &Mongod) -> Client {
    client(&format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        member.port()
    ))
    .await
}

async fn admin(member: &Mongod, command: Document) -> Document {
    let admin = direct_client(member).await.database("admin");
    admin
        .run_command(command)
        .await
        .expect("the command succeeds")
}

/// Adds a tag to a member.
async fn tag(set: &ReplicaSet, primary: usize, tagged: usize) {
    let response = admin(&set.members()[primary], doc! { "replSetGetConfig": 1 }).await;
    let mut config = response
        .get_document("config")
        .expect("there is a configuration")
        .clone();
    let version = config
        .get_i32("version")
        .expect("the configuration has a version");
    config.insert("version", version + 1);
    let members = config
        .get_array_mut("members")
        .expect("the configuration has members");
    let member = members[tagged]
        .as_document_mut()
        .expect("a member is a document");
    member.insert("tags", doc! { "use": "reporting" });
    admin(&set.members()[primary], doc! { "replSetReconfig": config }).await;
}

/// Runs the exporter with a read preference until all collectors have run and changes are followed, and returns the
/// commands that each member received.
async fn commands_with(set: &ReplicaSet, preference: &str) -> Vec<BTreeSet<(String, String)>> {
    let offsets: Vec<_> = set
        .members()
        .iter()
        .map(|member| server_log(member).len())
        .collect();
    // Without a database name, so that the exporter lists databases.
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
    exporter.wait_for_collectors().await;
    let following = "rocketchat_exporter_live_state{state=\"following\"}";
    eventually("changes are followed", || {
        exporter.value(following).filter(|value| *value > 0.0)
    })
    .await;
    // The streams are polled.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(exporter);
    let members = set.members().iter().zip(offsets);
    members
        .map(|(member, offset)| commands_since(member, offset))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_goes_to_the_preferred_member() {
    let set = ReplicaSet::start(3).await.expect("the replica set starts");
    Filled::at(&set.uri()).await;
    let primary = set.primary().await.expect("the set has a primary");
    let reporting = (primary + 1) % 3;
    tag(&set, primary, reporting).await;
    for member in set.members() {
        log_commands(&direct_client(member).await).await;
    }
    let tagged = "secondary&readPreferenceTags=use:reporting";
    for (preference, only) in [("primary", primary), (tagged, reporting)] {
        let received = commands_with(&set, preference).await;
        for (place, commands) in received.iter().enumerate() {
            assert_eq!(
                !commands.is_empty(),
                place == only,
                "{preference}, member {place}: {commands:?}"
            );
        }
        let kinds: BTreeSet<_> = received[only]
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        for kind in [
            "aggregate",
            "count",
            "find",
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
async fn no_collector_reads_from_two_members() {
    let set = ReplicaSet::start(3).await.expect("the replica set starts");
    Filled::at(&set.uri()).await;
    for member in set.members() {
        log_commands(&direct_client(member).await).await;
    }
    for _ in 0..2 {
        let mut members_by_collector: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (place, commands) in commands_with(&set, "nearest").await.into_iter().enumerate() {
            for (_, comment) in commands {
                members_by_collector
                    .entry(comment)
                    .or_default()
                    .insert(place);
            }
        }
        assert!(members_by_collector.len() > 20, "{members_by_collector:?}");
        for (collector, members) in members_by_collector {
            // Commands outside of a collector may go to any member.
            let outside = [
                "",
                "rocketchat-exporter member",
                "rocketchat-exporter database",
            ];
            let is_collector = !outside.contains(&collector.as_str());
            assert!(
                !is_collector || members.len() == 1,
                "{collector}: {members:?}"
            );
        }
    }
}

/// The followed collectors whose data are looked at, and what they depend on.
const COLLECTORS: [&str; 6] = [
    "instances",
    "jobs",
    "presence",
    "rooms",
    "settings",
    "uploads",
];

/// Starts an exporter that runs these collectors every second.
fn exporter_of_few_collectors(uri: &str, live: &str) -> Exporter {
    let collectors = COLLECTORS.map(|name| format!("--collector.{name}"));
    let mut arguments = vec![
        "--collection.fast-interval=1s",
        "--collection.normal-interval=1s",
        "--collection.slow-interval=1s",
        "--collection.max-share=1",
        "--mongodb.connect-timeout=2s",
        "--collector.disable-defaults",
        live,
    ];
    arguments.extend(collectors.iter().map(String::as_str));
    Exporter::on(uri, &arguments)
}

/// Waits until the newest run of each of these collectors succeeded.
async fn wait_for_readings(exporter: &Exporter) {
    eventually("the collectors have run", || {
        let metrics = exporter.metrics();
        let succeeded = |name: &&str| {
            let series =
                format!("rocketchat_exporter_collector_success{{collector=\"{name}\"}} 1\n");
            metrics.contains(&series)
        };
        COLLECTORS.iter().all(succeeded).then_some(())
    })
    .await;
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
        .unwrap_or_else(|| panic!("{series} is absent"))
}

async fn wait_for(exporter: &Exporter, series: &str, expected: impl Fn(f64) -> bool) -> f64 {
    eventually(series, || {
        exporter.value(series).filter(|value| expected(*value))
    })
    .await
}

/// The current time in seconds since 1970, as in metrics.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("the clock is after 1970").as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn last_member_is_read_without_a_majority_and_its_data_age() {
    let mut set = ReplicaSet::start(3).await.expect("the replica set starts");
    let database = Filled::at(&set.uri()).await.database;
    let live = exporter_of_few_collectors(&set.uri(), "--mongodb.live=on");
    wait_for_readings(&live).await;
    wait_for(&live, FOLLOWING, |value| value > 0.0).await;
    assert_eq!(live.value(HAS_PRIMARY), Some(1.0));
    assert!(now() - data_at(&live, "uploads") < 25.0);
    drop(database);

    let primary = set.primary().await.expect("the set has a primary");
    let left = (primary + 1) % 3;
    for (place, member) in set.members_mut().iter_mut().enumerate() {
        if place != left {
            member.kill().expect("mongod can be killed");
        }
    }
    let killed = now();
    wait_for(&live, HAS_PRIMARY, |value| value < 1.0).await;
    // An exporter that starts now reads everything too.
    let fresh = exporter_of_few_collectors(&set.uri(), "--mongodb.live=auto");
    wait_for_readings(&fresh).await;
    for exporter in [&live, &fresh] {
        wait_for(exporter, "rocketchat_up", |value| value > 0.0).await;
        assert!(exporter.value(UPLOADS) > Some(0.0));
    }
    wait_for(&live, BEHIND, |value| value > 0.0).await;
    wait_for_readings(&live).await;
    for exporter in [&live, &fresh] {
        // Streams that were opened after the loss are followed until their data are too old.
        wait_for(exporter, FOLLOWING, |value| value < 1.0).await;
        for collector in ["uploads", "presence", "rooms", "jobs"] {
            let data_at = data_at(exporter, collector);
            assert!(
                data_at < killed + 5.0,
                "{collector}: {data_at}, killed {killed}"
            );
        }
    }
    live.logged("the replica set has no primary").await;
    // The page warns.
    let page = live.get("/info").text();
    assert!(page.contains("has no primary"), "{page}");
}

/// Advances the set's cluster time, as a client with a later time does, and writes an upload at that time.
async fn write_ahead(primary: &Mongod, database: &Database, seconds: u32) {
    let hello = admin(primary, doc! { "hello": 1 }).await;
    let time = hello
        .get_timestamp("operationTime")
        .expect("hello has the operation time");
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
    // The write never reaches a majority.
    let write_concern = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    let uploads = database.collection::<Document>("rocketchat_uploads");
    let write = uploads.insert_one(upload).write_concern(write_concern);
    write.await.expect("the upload can be inserted");
}

async fn set_replication(member: &Mongod, enabled: bool) {
    let mode = if enabled { "off" } else { "alwaysOn" };
    admin(
        member,
        doc! { "configureFailPoint": "stopReplProducer", "mode": mode },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn primary_is_read_while_secondaries_lag_unless_the_preference_forbids_it() {
    let set = ReplicaSet::start(3).await.expect("the replica set starts");
    Filled::at(&set.uri()).await;
    let default = exporter_of_few_collectors(&set.uri(), "--mongodb.live=on");
    let secondary = format!("{}&readPreference=secondary", set.uri());
    let secondary = exporter_of_few_collectors(&secondary, "--mongodb.live=off");
    for exporter in [&default, &secondary] {
        wait_for_readings(exporter).await;
        wait_for(exporter, LAG, |value| value < 30.0).await;
    }
    wait_for(&default, FOLLOWING, |value| value > 0.0).await;
    let before = default.value(UPLOADS).expect("uploads are counted");

    let primary = set.primary().await.expect("the set has a primary");
    let secondaries = || {
        (0..3)
            .filter(|index| *index != primary)
            .map(|index| &set.members()[index])
    };
    for member in secondaries() {
        set_replication(member, false).await;
    }
    let database = direct_client(&set.members()[primary])
        .await
        .database("rocketchat");
    // A batch in progress may still replicate the first write.
    for ahead in [60, 60] {
        write_ahead(&set.members()[primary], &database, ahead).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Change streams omit changes without a majority, so the exporter reads from the primary.
    wait_for(&default, BEHIND, |value| value > 0.0).await;
    wait_for(&default, UPLOADS, |value| value > before + 1.5).await;
    wait_for(
        &default,
        "rocketchat_mongodb_majority_lag_seconds",
        |value| value > 30.0,
    )
    .await;
    assert!(now() - data_at(&default, "uploads") < 10.0);
    // An explicit read preference is obeyed, and the lag is reported.
    wait_for(&secondary, LAG, |value| value > 30.0).await;
    assert!(secondary.value(UPLOADS) < Some(before + 1.5));

    for member in secondaries() {
        set_replication(member, true).await;
    }
    wait_for(&default, FOLLOWING, |value| value > 0.0).await;
    for exporter in [&default, &secondary] {
        wait_for(exporter, LAG, |value| value < 30.0).await;
        wait_for(exporter, UPLOADS, |value| value > before + 1.5).await;
    }
}

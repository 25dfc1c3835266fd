//! What kills exporters, done to the database with real processes. After each fault: the exporter is up and answers at
//! once, tells which collectors fail and why, keeps to its connections, logs each change once, and recovers by itself.

use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Document, doc};
use testbed::mongod::{Options, ReplicaSet};

use crate::support::{
    Exporter, Filled, MAX_CONNECTIONS, PASSWORD, Proxy, READER, assert_no_structures, client,
    connections_of_exporters, eventually, exporter_of_reader, mongod, with_reader,
};

/// Everything is read; what becomes of following changes is told in `live.rs`.
const SOON: [&str; 7] = [
    "--mongodb.live=off",
    "--collection.fast-interval=300ms",
    "--collection.normal-interval=300ms",
    "--collection.slow-interval=300ms",
    "--collection.max-share=1",
    "--mongodb.connect-timeout=500ms",
    "--mongodb.query-timeout=2s",
];

/// How long connections that are given up may be seen.
const GONE: Duration = Duration::from_secs(20);

async fn exporter(uri: &str) -> Exporter {
    let exporter = Exporter::on(uri, &SOON);
    is_whole(&exporter).await;
    exporter
}

async fn is_whole(exporter: &Exporter) {
    exporter.whole().await;
    // In one scrape: on a busy machine a query may pass its limit between two.
    eventually("no collector fails", || {
        let metrics = exporter.metrics();
        let is_failing = metrics.contains("rocketchat_exporter_collector_failing{");
        (!is_failing && metrics.contains("\nrocketchat_up 1\n")).then_some(())
    })
    .await;
}

/// Waits until a collector fails for a reason; meanwhile every scrape is answered.
async fn fails(exporter: &Exporter, collector: &str, reason: &str) {
    let series = format!(
        "rocketchat_exporter_collector_failing{{collector=\"{collector}\",reason=\"{reason}\"}}"
    );
    eventually(&series, || exporter.value(&series)).await;
    let success = format!("rocketchat_exporter_collector_success{{collector=\"{collector}\"}}");
    assert_eq!(exporter.value(&success), Some(0.0));
    assert_no_structures(&exporter.get("/info").text());
}

fn assert_told(exporter: &Exporter, what: &str, times: usize) {
    let log = exporter.log();
    assert_eq!(log.matches(what).count(), times, "{what}: {log}");
}

/// The connections of a client that was given up may end a moment after the next one has begun.
async fn assert_within_budget(client: &Client) {
    let begun = Instant::now();
    loop {
        let connections = connections_of_exporters(client).await;
        if connections <= MAX_CONNECTIONS {
            return;
        }
        assert!(begun.elapsed() < GONE, "{connections} connections");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_frozen() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = exporter(&mongod.uri()).await;
    mongod.pause().expect("mongod can be stopped");
    fails(&exporter, "presence", "unreachable").await;
    fails(&exporter, "rooms", "unreachable").await;
    eventually("the database is told to be down", || {
        exporter.value("rocketchat_up").filter(|up| *up < 1.0)
    })
    .await;
    assert_eq!(exporter.value("rocketchat_rooms{kind=\"channel\"}"), None);
    assert!(exporter.value("rocketchat_host_load1").is_some());
    mongod.resume().expect("mongod can go on");
    is_whole(&exporter).await;
    assert_told(&exporter, "no database of a workspace can be read", 1);
    assert_told(&exporter, "the database is read", 2);
    assert_within_budget(database.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_that_are_lost() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let proxy = Proxy::before(mongod.port()).await;
    let uri = format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        proxy.port()
    );
    let exporter = exporter(&uri).await;
    proxy.lose(true);
    fails(&exporter, "users", "unreachable").await;
    proxy.lose(false);
    is_whole(&exporter).await;
    assert_told(&exporter, "no database of a workspace can be read", 1);
    assert_within_budget(database.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_never_answered_while_the_server_is_well() {
    let mongod = mongod(Options::default()).await;
    Filled::at(&mongod.uri()).await;
    // The first one watches the server, and the next two are all that the pool may have.
    let proxy = Proxy::losing(mongod.port(), 1..3).await;
    let uri = format!(
        "mongodb://127.0.0.1:{}/rocketchat?directConnection=true",
        proxy.port()
    );
    let exporter = Exporter::on(&uri, &SOON);
    is_whole(&exporter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_past_their_limit() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = exporter(&mongod.uri()).await;
    // Counts end with MaxTimeMSExpired. The license is read with find, so one collector goes on.
    let fail_point = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {
            "failCommands": ["aggregate", "count"],
            "appName": "rocketchat-exporter",
            "errorCode": 50,
        },
    };
    let admin = database.client().database("admin");
    let set = admin.run_command(fail_point).await;
    set.expect("the fail point can be set");
    fails(&exporter, "rooms", "timed_out").await;
    // The server answers, so the database is not down.
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    let reset = admin.run_command(off).await;
    reset.expect("the fail point can be reset");
    is_whole(&exporter).await;
    // It may stand in one line with others that fail for the same reason.
    let told = |what: &str| {
        let log = exporter.log();
        let lines = log.lines().filter(|line| line.contains(what));
        lines.filter(|line| line.contains("rooms")).count()
    };
    assert_eq!(told("reading failed"), 1, "{}", exporter.log());
    assert_eq!(told("reading succeeds again"), 1, "{}", exporter.log());
    assert_within_budget(database.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_steps_down() {
    let set = ReplicaSet::start(3).await.expect("the set starts");
    let database = Filled::at(&set.uri()).await.database;
    let exporter = exporter(&set.uri()).await;
    let readings =
        || exporter.value("rocketchat_exporter_collector_readings_total{collector=\"presence\"}");
    let before = readings();
    set.step_down().await.expect("another member takes over");
    is_whole(&exporter).await;
    eventually("readings go on", || (readings() > before).then_some(())).await;
    // Reading goes on from the secondaries: the database was never down, and if a reading broke it was told once.
    assert!(exporter.log().matches("no database of a workspace").count() <= 1);
    for member in set.members() {
        let uri = format!(
            "mongodb://127.0.0.1:{}/?directConnection=true",
            member.port()
        );
        assert_within_budget(&client(&uri).await).await;
    }
    drop(database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privilege_that_is_revoked() {
    let mongod = with_reader().await;
    let admin = client(&mongod.uri()).await.database("admin");
    let exporter = exporter_of_reader(&mongod, &SOON);
    is_whole(&exporter).await;
    let change = async |command: &str| {
        let privilege = doc! {
            "resource": { "db": "rocketchat", "collection": "rocketchat_apps" },
            "actions": ["find"],
        };
        let command = doc! { command: "rocketchatExporter", "privileges": [privilege] };
        let changed = admin.run_command(command).await;
        changed.expect("the role can be changed");
    };
    change("revokePrivilegesFromRole").await;
    fails(&exporter, "apps", "unauthorized").await;
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    assert!(
        exporter
            .value("rocketchat_rooms{kind=\"channel\"}")
            .is_some()
    );
    change("grantPrivilegesToRole").await;
    is_whole(&exporter).await;
    assert_told(&exporter, "collector=apps", 2);
    assert_within_budget(admin.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused() {
    let mongod = with_reader().await;
    let admin = client(&mongod.uri()).await.database("admin");
    let exporter = exporter_of_reader(&mongod, &SOON);
    is_whole(&exporter).await;
    let drop_user = doc! { "dropUser": READER };
    let dropped = admin.run_command(drop_user).await;
    dropped.expect("a user can be dropped");
    fails(&exporter, "users", "unauthenticated").await;
    fails(&exporter, "rooms", "unauthenticated").await;
    assert_eq!(exporter.value("rocketchat_rooms{kind=\"channel\"}"), None);
    let create = doc! { "createUser": READER, "pwd": PASSWORD, "roles": ["rocketchatExporter"] };
    let created = admin.run_command(create).await;
    created.expect("a user can be made");
    is_whole(&exporter).await;
    assert_told(&exporter, "no database of a workspace can be read", 1);
    assert!(!exporter.log().contains(PASSWORD), "{}", exporter.log());
    assert_within_budget(admin.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_lost() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = exporter(&mongod.uri()).await;
    let uploads = || exporter.value("rocketchat_uploads");
    assert!(uploads() > Some(0.0));
    let collection = database.collection::<Document>("rocketchat_uploads");
    collection
        .drop()
        .await
        .expect("a collection can be dropped");
    // As in Rocket.Chat, what is not there is none.
    eventually("there is none", || uploads().filter(|number| *number < 1.0)).await;
    is_whole(&exporter).await;
    assert_told(&exporter, "level=warn", 0);
}

//! Faults of the database, caused on real servers. During each fault the exporter responds at once, reports the failing
//! collectors with their reason, keeps its connection limit, logs each change once, and recovers by itself.

use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Document, doc};
use testbed::mongod::{Options, ReplicaSet};

use crate::support::{
    Exporter, Filled, MAX_CONNECTIONS, PASSWORD, Proxy, READER, assert_no_debug_output, client,
    connections_of_exporters, eventually, exporter_of_reader, mongod, with_reader,
};

/// Short intervals without live mode, which `live.rs` tests. The timeouts are long enough for a busy machine: a probe that
/// runs into one counts as another outage, and the next probe comes 15 seconds later.
const SHORT_INTERVALS: [&str; 7] = [
    "--mongodb.live=off",
    "--collection.fast-interval=400ms",
    "--collection.normal-interval=400ms",
    "--collection.slow-interval=400ms",
    "--collection.max-share=1",
    "--mongodb.connect-timeout=2s",
    "--mongodb.query-timeout=4s",
];

/// How long abandoned connections may stay open.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

async fn exporter(uri: &str) -> Exporter {
    let exporter = Exporter::on(uri, &SHORT_INTERVALS);
    wait_until_healthy(&exporter).await;
    exporter
}

async fn wait_until_healthy(exporter: &Exporter) {
    exporter.wait_for_collectors().await;
    // In a single scrape, because on a busy machine a query may time out between two.
    eventually("no collector fails", || {
        let metrics = exporter.metrics();
        let is_failing = metrics.contains("rocketchat_exporter_collector_failing{");
        (!is_failing && metrics.contains("\nrocketchat_up 1\n")).then_some(())
    })
    .await;
}

/// Waits until a collector fails for a reason.
async fn wait_for_failure(exporter: &Exporter, collector: &str, reason: &str) {
    let series = format!(
        "rocketchat_exporter_collector_failing{{collector=\"{collector}\",reason=\"{reason}\"}}"
    );
    eventually(&series, || exporter.value(&series)).await;
    let success = format!("rocketchat_exporter_collector_success{{collector=\"{collector}\"}}");
    assert_eq!(exporter.value(&success), Some(0.0));
    assert_no_debug_output(&exporter.get("/info").text());
}

/// Waits until the exporter keeps its connection limit; connections of an abandoned client may close late.
async fn assert_within_budget(client: &Client) {
    let begun = Instant::now();
    loop {
        let connections = connections_of_exporters(client).await;
        if connections <= MAX_CONNECTIONS {
            return;
        }
        assert!(begun.elapsed() < CLOSE_TIMEOUT, "{connections} connections");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_server_recovers() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = exporter(&mongod.uri()).await;
    mongod.pause().expect("mongod can be paused");
    wait_for_failure(&exporter, "presence", "unreachable").await;
    wait_for_failure(&exporter, "rooms", "unreachable").await;
    eventually("the database is reported as down", || {
        exporter.value("rocketchat_up").filter(|up| *up < 1.0)
    })
    .await;
    assert_eq!(exporter.value("rocketchat_rooms{kind=\"channel\"}"), None);
    assert!(exporter.value("rocketchat_host_load1").is_some());
    mongod.resume().expect("mongod can be resumed");
    wait_until_healthy(&exporter).await;
    exporter
        .logged_times("no database of a workspace can be read", 1)
        .await;
    exporter.logged_times("the database is read", 2).await;
    assert_within_budget(database.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_are_survived() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let proxy = Proxy::before(mongod.port()).await;
    let uri = format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        proxy.port()
    );
    let exporter = exporter(&uri).await;
    proxy.set_dropping(true);
    wait_for_failure(&exporter, "users", "unreachable").await;
    proxy.set_dropping(false);
    wait_until_healthy(&exporter).await;
    exporter
        .logged_times("no database of a workspace can be read", 1)
        .await;
    assert_within_budget(database.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unanswered_connections_to_a_healthy_server_are_replaced() {
    let mongod = mongod(Options::default()).await;
    Filled::at(&mongod.uri()).await;
    // The first connection monitors the server; the next two are all that the pool may open.
    let proxy = Proxy::dropping(mongod.port(), 1..3).await;
    let uri = format!(
        "mongodb://127.0.0.1:{}/rocketchat?directConnection=true",
        proxy.port()
    );
    let exporter = Exporter::on(&uri, &SHORT_INTERVALS);
    wait_until_healthy(&exporter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_queries_are_stopped_by_their_limit() {
    let mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = exporter(&mongod.uri()).await;
    // Counts fail with MaxTimeMSExpired. The license is read with `find`, so its collector continues.
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
    wait_for_failure(&exporter, "rooms", "timed_out").await;
    // The server responds, so the database is up.
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    let reset = admin.run_command(off).await;
    reset.expect("the fail point can be reset");
    wait_until_healthy(&exporter).await;
    // One line may name several collectors that fail for the same reason.
    let lines_about_rooms = |what: &str| {
        let log = exporter.log();
        let lines = log.lines().filter(|line| line.contains(what));
        lines.filter(|line| line.contains("rooms")).count()
    };
    eventually("the recovery is logged", || {
        (lines_about_rooms("reading succeeds again") > 0).then_some(())
    })
    .await;
    for what in ["reading failed", "reading succeeds again"] {
        assert_eq!(lines_about_rooms(what), 1, "{}", exporter.log());
    }
    assert_within_budget(database.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn primary_step_down_is_survived() {
    let set = ReplicaSet::start(3).await.expect("the replica set starts");
    let database = Filled::at(&set.uri()).await.database;
    let exporter = exporter(&set.uri()).await;
    let readings =
        || exporter.value("rocketchat_exporter_collector_readings_total{collector=\"presence\"}");
    let before = readings();
    set.step_down().await.expect("another member takes over");
    wait_until_healthy(&exporter).await;
    eventually("reads continue", || (readings() > before).then_some(())).await;
    // Reads continue on the secondaries, so an interruption may be logged at most once.
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
async fn revoked_privilege_fails_its_collectors_until_it_is_granted() {
    let mongod = with_reader().await;
    let admin = client(&mongod.uri()).await.database("admin");
    let exporter = exporter_of_reader(&mongod, &SHORT_INTERVALS);
    wait_until_healthy(&exporter).await;
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
    wait_for_failure(&exporter, "apps", "unauthorized").await;
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    assert!(
        exporter
            .value("rocketchat_rooms{kind=\"channel\"}")
            .is_some()
    );
    change("grantPrivilegesToRole").await;
    wait_until_healthy(&exporter).await;
    exporter.logged_times("collector=apps", 2).await;
    assert_within_budget(admin.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_login_recovers() {
    let mongod = with_reader().await;
    let admin = client(&mongod.uri()).await.database("admin");
    let exporter = exporter_of_reader(&mongod, &SHORT_INTERVALS);
    wait_until_healthy(&exporter).await;
    let drop_user = doc! { "dropUser": READER };
    let dropped = admin.run_command(drop_user).await;
    dropped.expect("a user can be dropped");
    wait_for_failure(&exporter, "users", "unauthenticated").await;
    wait_for_failure(&exporter, "rooms", "unauthenticated").await;
    assert_eq!(exporter.value("rocketchat_rooms{kind=\"channel\"}"), None);
    let create = doc! { "createUser": READER, "pwd": PASSWORD, "roles": ["rocketchatExporter"] };
    let created = admin.run_command(create).await;
    created.expect("a user can be created");
    wait_until_healthy(&exporter).await;
    exporter
        .logged_times("no database of a workspace can be read", 1)
        .await;
    assert!(!exporter.log().contains(PASSWORD), "{}", exporter.log());
    assert_within_budget(admin.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_collection_is_read_as_empty() {
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
    // As in Rocket.Chat, a missing collection counts as empty.
    eventually("there are no uploads", || {
        uploads().filter(|number| *number < 1.0)
    })
    .await;
    wait_until_healthy(&exporter).await;
    exporter.logged_times("level=warn", 0).await;
}

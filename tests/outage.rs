//! Outages of the database: at start, while running, and recovery.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use testbed::mongod::Options;

use crate::support::{Exporter, Filled, SHORT_INTERVALS, eventually, mongod, uri_of};

/// Less than the time limit of queries (`--mongodb.query-timeout`, 10 s): a faster response did not wait for the database.
const IMMEDIATELY: Duration = Duration::from_secs(5);

#[test]
fn exporter_serves_at_once_without_a_database() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    assert_eq!(exporter.value("rocketchat_up"), Some(0.0));
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert_eq!(exporter.get("/-/ready").status, 503);
    assert_eq!(exporter.get("/").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn host_is_read_without_a_database() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    eventually("the host is read", || {
        exporter.value("rocketchat_host_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}")
    })
    .await;
    assert!(exporter.value("process_resident_memory_bytes") > Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_a_database_disappear_with_it_and_return() {
    let mut mongod = mongod(Options::default()).await;
    let _database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    assert_eq!(exporter.get("/-/ready").status, 200);
    let outages = || {
        let log = exporter.log();
        log.matches("no database of a workspace can be read")
            .count()
    };
    // On a busy machine the first connection may take longer than its time limit.
    let before = outages();

    mongod.kill().expect("mongod can be killed");
    eventually("the database is down", || {
        (exporter.value("rocketchat_up") == Some(0.0)).then_some(())
    })
    .await;
    eventually("failed metrics are absent", || {
        let metrics = exporter.metrics();
        let gone = [
            "rocketchat_users{",
            "rocketchat_rooms{",
            "rocketchat_uploads ",
        ]
        .iter()
        .all(|series| !metrics.contains(series));
        gone.then_some(())
    })
    .await;
    assert!(exporter.value("rocketchat_host_load1").is_some());
    let last_success =
        "rocketchat_exporter_collector_last_success_timestamp_seconds{collector=\"users\"}";
    assert!(exporter.value(last_success).is_some());
    let begun = Instant::now();
    assert_eq!(exporter.get("/metrics").status, 200);
    assert!(begun.elapsed() < IMMEDIATELY);

    mongod.restart().await.expect("mongod can be restarted");
    exporter.wait_for_collectors().await;
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    assert_eq!(outages(), before + 1, "{}", exporter.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_collector_does_not_affect_others_and_recovers() {
    let database = Filled::new().await.database;
    // A view that fails, so that the collection cannot be aggregated.
    let broken = doc! {
        "create": "rocketchat_apps",
        "viewOn": "users",
        "pipeline": [{ "$project": { "x": { "$divide": [1, 0] } } }],
    };
    let apps = database.collection::<mongodb::bson::Document>("rocketchat_apps");
    apps.drop().await.expect("a collection can be dropped");
    database
        .run_command(broken)
        .await
        .expect("a view can be created");
    let exporter = Exporter::on(&uri_of(&database), &SHORT_INTERVALS);
    let success = |collector: &str| {
        exporter.value(&format!(
            "rocketchat_exporter_collector_success{{collector=\"{collector}\"}}"
        ))
    };
    eventually("the collector has run", || success("sessions")).await;
    eventually("the collector has run", || success("rooms")).await;
    eventually("the collector has run", || success("apps")).await;
    assert_eq!(success("apps"), Some(0.0));
    assert_eq!(exporter.value("rocketchat_apps{state=\"enabled\"}"), None);
    assert_eq!(success("rooms"), Some(1.0));
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));

    apps.drop().await.expect("the view can be dropped");
    eventually("the collector recovers", || {
        (success("apps") == Some(1.0)).then_some(())
    })
    .await;
    exporter.logged_times("collector=apps", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_database_does_not_delay_a_scrape() {
    let mongod = mongod(Options::default()).await;
    let _database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    mongod.pause().expect("mongod can be paused");
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(exporter.get("/metrics").status, 200);
        assert!(begun.elapsed() < IMMEDIATELY);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    mongod.resume().expect("mongod can be resumed");
}

//! When the database is not there, goes away, or comes back.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use testbed::mongod::Options;

use crate::support::{Exporter, Filled, SOON, eventually, mongod, uri_of};

/// Sooner than the database's time limit is over (--mongodb.query-timeout, 10 s): what takes less does not wait for it.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn without_a_database_it_serves_from_the_first_moment_and_says_so() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    assert_eq!(exporter.value("rocketchat_up"), Some(0.0));
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert_eq!(exporter.get("/-/ready").status, 503);
    assert_eq!(exporter.get("/").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_read_without_a_database() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    eventually("the host is read", || {
        exporter.value("rocketchat_host_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}")
    })
    .await;
    assert!(exporter.value("process_resident_memory_bytes") > Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_takes_its_sections_along_and_brings_them_back() {
    let mut mongod = mongod(Options::default()).await;
    let _database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &SOON);
    exporter.whole().await;
    assert_eq!(exporter.get("/-/ready").status, 200);

    mongod.kill().expect("mongod can be killed");
    eventually("the database is seen to be down", || {
        (exporter.value("rocketchat_up") == Some(0.0)).then_some(())
    })
    .await;
    eventually("what failed is absent", || {
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
    assert!(begun.elapsed() < AT_ONCE);

    mongod.restart().await.expect("mongod starts again");
    exporter.whole().await;
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
    let told = exporter
        .log()
        .matches("no database of a workspace can be read")
        .count();
    assert_eq!(told, 1, "once, not for each failure: {}", exporter.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_section_leaves_the_others_whole_and_recovers() {
    let database = Filled::new().await.database;
    // A view that fails: the section's collection cannot be aggregated.
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
        .expect("a view can be made");
    let exporter = Exporter::on(&uri_of(&database), &SOON);
    let success = |collector: &str| {
        exporter.value(&format!(
            "rocketchat_exporter_collector_success{{collector=\"{collector}\"}}"
        ))
    };
    eventually("everything was tried", || success("sessions")).await;
    eventually("everything was tried", || success("rooms")).await;
    assert_eq!(success("apps"), Some(0.0));
    assert_eq!(exporter.value("rocketchat_apps{state=\"enabled\"}"), None);
    assert_eq!(success("rooms"), Some(1.0));
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));

    apps.drop().await.expect("the view can be dropped");
    eventually("the section recovers", || {
        (success("apps") == Some(1.0)).then_some(())
    })
    .await;
    let log = exporter.log();
    assert_eq!(
        log.matches("collector=apps").count(),
        2,
        "one line each way: {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_does_not_hold_up_a_scrape() {
    let mongod = mongod(Options::default()).await;
    let _database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &SOON);
    exporter.whole().await;
    mongod.pause().expect("mongod can be stopped");
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(exporter.get("/metrics").status, 200);
        assert!(begun.elapsed() < AT_ONCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    mongod.resume().expect("mongod can go on");
}

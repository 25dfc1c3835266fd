//! Followed values against read values, on a replica set of three members whose primary steps down.

use std::time::Duration;

use fastrand::Rng;
use rocketchat_exporter::followed_rows;
use testbed::mongod::ReplicaSet;

use super::writer::{Writer, impatient_client};
use super::{differences, filled, followed, only_followed_collectors, value, wait_until_following};
use crate::support::{
    Exporter, MAX_CONNECTIONS, client, connections_of_exporters, eventually, seed,
};

/// The number of runs of each collector that the other exporter follows, and of `instances`.
fn readings(exporter: &Exporter) -> Vec<f64> {
    let rows = followed_rows();
    let names = rows.iter().map(|rows| rows.collector).chain(["instances"]);
    names
        .map(|name| format!("rocketchat_exporter_collector_readings_total{{collector=\"{name}\"}}"))
        .map(|series| value(exporter, &series))
        .collect()
}

/// Waits until the following exporter shows the values that the polling one has read since.
async fn wait_until_equal(following: &Exporter, polling: &Exporter, seed: u64) {
    let before = readings(polling);
    eventually("all collectors have run again", || {
        let after = readings(polling);
        let again = before
            .iter()
            .zip(&after)
            .all(|(before, after)| *after >= before + 2.0);
        again.then_some(())
    })
    .await;
    let begun = std::time::Instant::now();
    loop {
        let read = followed(polling);
        let differences = differences(&read, &followed(following));
        if differences.is_empty() && !read.is_empty() {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "seed {seed}: {differences:#?}\n{}",
            following.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_do_not_drift_across_random_writes_and_step_downs() {
    let times: usize =
        std::env::var("SOAK").map_or(1, |times| times.parse().expect("SOAK is a number"));
    let seed = seed();
    let set = ReplicaSet::start(3).await.expect("the replica set starts");
    filled(&set.uri()).await;
    let exporter = |live: &str| {
        let mut command = Exporter::command();
        command
            .env("ROCKETCHAT_EXPORTER_MONGODB_URI", set.uri())
            .args([
                "--rocketchat.timezone=UTC",
                "--collection.fast-interval=1s",
                "--collection.normal-interval=1s",
                "--collection.slow-interval=1s",
                "--collection.max-share=1",
                live,
            ])
            .args(only_followed_collectors());
        Exporter::spawn(&mut command)
    };
    let (live, polling) = (
        exporter("--mongodb.live=on"),
        exporter("--mongodb.live=off"),
    );
    wait_until_following(&live).await;
    let mut writer = Writer {
        random: Rng::with_seed(seed),
        database: impatient_client(&set.uri()).await.database("rocketchat"),
        ids: 120,
    };
    let full_readings = "rocketchat_exporter_live_full_readings_total";
    for batch in 0..4 * times {
        for _ in 0..300 {
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
        wait_until_equal(&live, &polling, seed).await;
        // The exporter's own comparison with a full read finds no drift either.
        let before = value(&live, full_readings);
        eventually("a full read is compared", || {
            live.value(full_readings)
                .filter(|number| *number > before + 1.0)
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
    for member in set.members() {
        let uri = format!(
            "mongodb://127.0.0.1:{}/?directConnection=true",
            member.port()
        );
        let connections = connections_of_exporters(&client(&uri).await).await;
        assert!(
            connections <= 2 * MAX_CONNECTIONS,
            "{connections} connections"
        );
    }
}

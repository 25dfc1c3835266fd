//! `rocketchat_up` and `/-/ready` while the database fails every command, and after it recovers.

use mongodb::Database;
use mongodb::bson::{Bson, doc};
use testbed::mongod::{Mongod, Options};

use crate::support::{Exporter, Filled, SHORT_INTERVALS, client, eventually, mongod};

/// Every command that the exporter sends to read.
const READ_COMMANDS: [&str; 9] = [
    "aggregate",
    "buildInfo",
    "collStats",
    "count",
    "find",
    "getMore",
    "listCollections",
    "listIndexes",
    "serverStatus",
];

/// Error codes of servers, routers and hosted MongoDB of every kind: network, privileges, elections, time limits, storage,
/// unsupported commands.
const ERROR_CODES: [i32; 32] = [
    1, 2, 6, 7, 8, 11, 13, 18, 20, 26, 43, 50, 59, 72, 89, 91, 96, 115, 133, 134, 136, 175, 189,
    202, 262, 292, 317, 8000, 10107, 11600, 13388, 13436,
];

/// Makes every command of the exporter fail with a code, or succeed again.
async fn fail_with(admin: &Database, code: Option<i32>) {
    let mut fail_point = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    if let Some(code) = code {
        fail_point.insert("mode", "alwaysOn");
        let commands = READ_COMMANDS.map(Bson::from).to_vec();
        let data =
            doc! { "failCommands": commands, "errorCode": code, "appName": "rocketchat-exporter" };
        fail_point.insert("data", data);
    }
    let set = admin.run_command(fail_point).await;
    set.expect("the fail point can be set");
}

async fn workspace() -> (Mongod, Database) {
    let mongod = mongod(Options::default()).await;
    Filled::at(&mongod.uri()).await;
    let admin = client(&mongod.uri()).await.database("admin");
    (mongod, admin)
}

fn is_up(exporter: &Exporter) -> bool {
    exporter.value("rocketchat_up") == Some(1.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn database_is_down_while_every_command_fails() {
    let (mongod, admin) = workspace().await;
    let exporter = Exporter::on(&mongod.uri(), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    for code in ERROR_CODES {
        fail_with(&admin, Some(code)).await;
        // A read in progress may still succeed.
        let reason = eventually(&format!("{code}: nothing is read"), || {
            let ready = exporter.get("/-/ready");
            let users = "collector_success{collector=\"users\"} 1";
            let is_down = !is_up(&exporter) && !exporter.metrics().contains(users);
            (is_down && ready.status == 503).then(|| ready.text())
        })
        .await;
        assert!(reason.contains("since 20"), "{code}: {reason}");
        fail_with(&admin, None).await;
        eventually(&format!("{code}: something is read"), || {
            (is_up(&exporter) && exporter.get("/-/ready").status == 200).then_some(())
        })
        .await;
    }
    // Each change is logged once.
    let (log, changes) = eventually("all changes are logged", || {
        let log = exporter.log();
        let changes = log.lines().filter_map(|line| {
            let is_up = line.contains("the database is read");
            (is_up || line.contains("no database of a workspace can be read")).then_some(is_up)
        });
        let changes: Vec<bool> = changes.collect();
        (changes.len() > 2 * ERROR_CODES.len()).then_some((log, changes))
    })
    .await;
    assert!(changes.iter().step_by(2).all(|is_up| *is_up), "{log}");
    assert!(
        changes.iter().skip(1).step_by(2).all(|is_up| !is_up),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_collectors_fail_and_recover_with_the_others() {
    let (mongod, admin) = workspace().await;
    // Without the budget, which makes collectors wait for minutes on a busy machine.
    let flags = [
        "--collection.fast-interval=200ms",
        "--collection.max-share=1",
    ];
    let exporter = Exporter::on(&mongod.uri(), &flags);
    exporter.wait_for_collectors().await;
    fail_with(&admin, Some(8000)).await;
    eventually("nothing is read", || (!is_up(&exporter)).then_some(())).await;
    // The uploads are read every 15 minutes.
    let uploads = "rocketchat_exporter_collector_success{collector=\"uploads\"}";
    assert_eq!(exporter.value(uploads), Some(0.0));
    fail_with(&admin, None).await;
    eventually("something is read", || is_up(&exporter).then_some(())).await;
    // The wait times out long before the interval of the uploads ends.
    exporter.wait_for_collectors().await;
}

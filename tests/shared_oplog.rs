//! Workspaces on the same servers read the oplog together.

use std::fmt::Write as _;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use testbed::mongod::{Mongod, Options};
use tokio::time::sleep;

use crate::support::{
    Exporter, Filled, client, eventually, log_commands, logged_commands, mongod, server_log,
};

const DATABASES: [&str; 2] = ["one", "two"];

/// Workspaces of each database.
const WORKSPACES: usize = 5;

const FALLBACKS: &str = "rocketchat_exporter_live_fallbacks_total";

/// A fleet on one replica set whose live mode follows changes.
struct Fleet {
    mongod: Mongod,
    client: Client,
    exporter: Exporter,
    _folder: tempfile::TempDir,
}

impl Fleet {
    async fn start(options: Options) -> Self {
        let mongod = mongod(Options {
            replica_set: true,
            ..options
        })
        .await;
        let client = client(&mongod.uri()).await;
        for name in DATABASES {
            Filled::on(client.database(name)).await;
        }
        let folder = tempfile::tempdir().expect("a directory can be created");
        let mut text = "mongodb: {query-timeout: 2s, live: 'on'}\n\
             collection: {fast-interval: 1s, max-share: 1}\nrocketchat: {timezone: UTC}\n\
             collector: {disable-defaults: true, presence: true, users: true}\nworkspaces:\n"
            .to_owned();
        for (database, number) in all() {
            let uri = mongod.uri();
            writeln!(
                text,
                "  {database}{number}: {{mongodb: {{uri: '{uri}', database: {database}}}}}"
            )
            .expect("a string takes it");
        }
        let file = folder.path().join("exporter.yml");
        std::fs::write(&file, text).expect("the file can be written");
        let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
        let fleet = Self {
            mongod,
            client,
            exporter,
            _folder: folder,
        };
        fleet.wait_for_live_mode().await;
        fleet
    }

    async fn wait_for_live_mode(&self) {
        eventually("all workspaces are followed", || {
            let following = |database: &str| {
                let labels = "{workspace=\"NAME\",state=\"following\"}";
                self.values(database, &format!("rocketchat_exporter_live_state{labels}"))
            };
            let all = DATABASES.map(following).concat();
            (all == [1.0; DATABASES.len() * WORKSPACES]).then_some(())
        })
        .await;
    }

    /// The value of a series of each workspace of a database; `NAME` stands for its name.
    fn values(&self, database: &str, series: &str) -> Vec<f64> {
        let of_workspace = |number| {
            let series = series.replace("NAME", &format!("{database}{number}"));
            self.exporter.value(&series)
        };
        (0..WORKSPACES).filter_map(of_workspace).collect()
    }

    /// Waits until each workspace of a database counts so many busy users.
    async fn wait_for_busy(&self, database: &str, number: f64) {
        let series = "rocketchat_users{workspace=\"NAME\",presence=\"busy\"}";
        eventually("the users are counted", || {
            let values = self.values(database, series);
            (values == [number; WORKSPACES]).then_some(())
        })
        .await;
    }

    fn fallbacks(&self, database: &str) -> Vec<f64> {
        self.values(database, &format!("{FALLBACKS}{{workspace=\"NAME\"}}"))
    }

    async fn insert_busy(&self, database: &str) {
        let users = self.client.database(database).collection("users");
        let inserted = users.insert_one(busy_user()).await;
        inserted.expect("a user can be inserted");
    }

    /// The number of busy users that the small workspace has.
    async fn busy(&self, database: &str) -> f64 {
        let users = self.client.database(database);
        let users = users.collection::<Document>("users");
        let busy = doc! { "type": { "$ne": "app" }, "status": "busy" };
        let number = users.count_documents(busy).await;
        number.expect("users can be counted") as f64
    }
}

fn all() -> impl Iterator<Item = (&'static str, usize)> {
    DATABASES
        .into_iter()
        .flat_map(|database| (0..WORKSPACES).map(move |number| (database, number)))
}

fn busy_user() -> Document {
    doc! { "type": "user", "active": true, "status": "busy", "roles": ["user"] }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_workspace_takes_the_changes_of_its_own_database() {
    let fleet = Fleet::start(Options::default()).await;
    let [one, two] = [fleet.busy("one").await, fleet.busy("two").await];
    fleet.insert_busy("one").await;
    fleet.wait_for_busy("one", one + 1.0).await;
    fleet.wait_for_busy("two", two).await;

    // Both databases and a third one in one transaction.
    let mut session = fleet
        .client
        .start_session()
        .await
        .expect("a session can start");
    let begun = session.start_transaction().await;
    begun.expect("a transaction can start");
    for database in ["one", "two", "three"] {
        let users = fleet.client.database(database).collection("users");
        let inserted = users.insert_one(busy_user()).session(&mut session).await;
        inserted.expect("a user can be inserted");
    }
    let committed = session.commit_transaction().await;
    committed.expect("the transaction can be committed");
    fleet.wait_for_busy("one", one + 2.0).await;
    fleet.wait_for_busy("two", two + 1.0).await;

    // After a server that hung, changes are followed where they were left.
    fleet.mongod.pause().expect("the server can be stopped");
    sleep(Duration::from_secs(8)).await;
    fleet.mongod.resume().expect("the server can be continued");
    fleet.insert_busy("two").await;
    fleet.wait_for_busy("two", two + 2.0).await;
    fleet.wait_for_busy("one", one + 2.0).await;
    assert_eq!(fleet.fallbacks("one"), [0.0; WORKSPACES]);
    assert_eq!(fleet.fallbacks("two"), [0.0; WORKSPACES]);

    // The drop of a collection concerns the workspaces of its database alone.
    let users = fleet.client.database("two").collection::<Document>("users");
    users.drop().await.expect("the collection can be dropped");
    fleet.insert_busy("two").await;
    fleet.wait_for_busy("two", 1.0).await;
    fleet.insert_busy("one").await;
    fleet.wait_for_busy("one", one + 3.0).await;
    assert_eq!(fleet.fallbacks("one"), [0.0; WORKSPACES]);
    assert!(fleet.fallbacks("two").iter().all(|number| *number > 0.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn oplog_is_read_once_for_all_workspaces() {
    let fleet = Fleet::start(Options::default()).await;
    log_commands(&fleet.client).await;
    let offset = server_log(&fleet.mongod).len();
    sleep(Duration::from_secs(6)).await;
    let of_oplog = logged_commands(&fleet.mongod, offset)
        .into_iter()
        .filter(|logged| logged.name == "find" && logged.command["find"] == "oplog.rs");
    // Six reads of two queries, which are repeated now and then to measure what they cost. By itself each of the ten workspaces
    // would read as often.
    let queries = of_oplog.count();
    assert!((1..=24).contains(&queries), "{queries}");
}

#[tokio::test(flavor = "multi_thread")]
async fn oplog_that_rolled_over_costs_each_workspace_one_full_read() {
    let fleet = Fleet::start(Options {
        oplog_megabytes: Some(1),
        // The oplog keeps everything since the last checkpoint.
        arguments: ["--syncdelay", "1"].map(str::to_owned).into(),
        ..Options::default()
    })
    .await;
    let one = fleet.busy("one").await;
    fleet.exporter.signal("STOP");
    let other = fleet.client.database("other").collection("other");
    let text = "x".repeat(100_000);
    for _ in 0..100 {
        let inserted = other.insert_one(doc! { "text": &text }).await;
        inserted.expect("a document can be inserted");
        sleep(Duration::from_millis(50)).await;
    }
    fleet.insert_busy("one").await;
    fleet.exporter.signal("CONT");
    eventually("every workspace reads everything", || {
        let fallbacks = DATABASES.map(|database| fleet.fallbacks(database));
        let mut all = fallbacks.iter().flatten();
        all.all(|number| *number > 0.5).then_some(())
    })
    .await;
    fleet.wait_for_busy("one", one + 1.0).await;
    fleet.wait_for_live_mode().await;
    for database in DATABASES {
        assert_eq!(fleet.fallbacks(database), [1.0; WORKSPACES]);
    }
}

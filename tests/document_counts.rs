//! Totals after an unclean stop of mongod, which leaves wrong counts in the collections' metadata.

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::WriteConcern;
use testbed::mongod::{Mongod, Options};
use testbed::workspace::Credentials;
use tokio::sync::OnceCell;

use crate::support::{Exporter, Filled, SHORT_INTERVALS, client, eventually, mongod};

const DEVIATION: &str = "rocketchat_collection_count_deviation{collection=\"users\"}";

/// A workspace on a server that was killed before its first checkpoint and started again.
struct Crashed {
    mongod: Mongod,
    credentials: Credentials,
}

impl Crashed {
    async fn new() -> Self {
        let mut mongod = mongod(Options::default()).await;
        let filled = Filled::at(&mongod.uri()).await;
        let messages = filled.collection("rocketchat_message");
        // Without the index the count of threads would read every message.
        let dropped = messages.drop_index("tcount_1_tlm_1").await;
        dropped.expect("the index can be dropped");
        let journaled = WriteConcern::builder().journal(true).build();
        let marks = filled.collection("marks");
        let marked = marks.insert_one(doc! {}).write_concern(journaled).await;
        marked.expect("a document can be written");
        mongod.kill().expect("mongod can be killed");
        mongod.restart().await.expect("mongod starts again");
        Self {
            mongod,
            credentials: filled.credentials,
        }
    }

    /// Its database by a new client: one of another test ends with its runtime.
    async fn database(&self) -> Database {
        client(&self.mongod.uri()).await.database("rocketchat")
    }

    fn exporter(&self) -> Exporter {
        Exporter::on(&self.mongod.uri(), &SHORT_INTERVALS)
    }
}

/// The workspace that tests only read.
async fn crashed() -> &'static Crashed {
    static SHARED: OnceCell<Crashed> = OnceCell::const_new();
    let shared = SHARED.get_or_init(Crashed::new).await;
    let database = shared.database().await;
    for collection in ["users", "rocketchat_message"] {
        let (counted, in_metadata) = counts(&database, collection).await;
        assert!(counted > 10.0, "{collection} is not filled: {counted}");
        assert!(
            in_metadata < counted,
            "the metadata of {collection} are right, so this test tests nothing: {in_metadata}"
        );
    }
    shared
}

/// The documents of a collection, and their number in its metadata.
async fn counts(database: &Database, collection: &str) -> (f64, f64) {
    let collection = database.collection::<Document>(collection);
    let counted = collection.count_documents(doc! {}).await;
    let in_metadata = collection.estimated_document_count().await;
    (
        counted.expect("documents can be counted") as f64,
        in_metadata.expect("the metadata can be read") as f64,
    )
}

/// The sum of all samples of a metric.
fn sum(exporter: &Exporter, metric: &str) -> f64 {
    let metrics = exporter.metrics();
    let samples = metrics
        .lines()
        .filter(|line| line.starts_with(&format!("{metric}{{")));
    let values = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_after_a_crash_agree_with_counted_documents() {
    let crashed = crashed().await;
    let exporter = crashed.exporter();
    exporter.wait_for_collectors().await;
    let (users, _) = counts(&crashed.database().await, "users").await;
    let (messages, in_metadata) = counts(&crashed.database().await, "rocketchat_message").await;
    for metric in ["rocketchat_users", "rocketchat_accounts"] {
        let total = sum(&exporter, metric);
        assert!(
            (total - users).abs() < 0.5,
            "{metric}: {total}, not {users}"
        );
    }
    assert_eq!(exporter.value("rocketchat_messages"), Some(messages));
    let deviation = "rocketchat_collection_count_deviation{collection=\"rocketchat_message\"}";
    assert_eq!(exporter.value(deviation), Some(messages - in_metadata));
    let documents = "rocketchat_collection_documents{collection=\"rocketchat_message\"}";
    assert_eq!(exporter.value(documents), Some(messages));
    let collection = crashed.database().await.collection::<Document>("users");
    let offline = doc! { "status": { "$nin": ["online", "away", "busy"] } };
    let offline = collection.count_documents(offline).await;
    let offline = offline.expect("users can be counted") as f64;
    let shown = exporter.value("rocketchat_users{presence=\"offline\"}");
    assert_eq!(shown, Some(offline));
}

#[tokio::test(flavor = "multi_thread")]
async fn document_after_a_crash_has_the_counted_totals() {
    let crashed = crashed().await;
    let (users, _) = counts(&crashed.database().await, "users").await;
    for version in ["5.4.0", "8.3.0"] {
        let version = format!("--rocketchat.version={version}");
        let exporter = Exporter::on(&crashed.mongod.uri(), &[&version]);
        exporter.wait_for_collectors().await;
        let admin = &crashed.credentials.admin;
        let headers = [
            ("X-User-Id", &*admin.user_id),
            ("X-Auth-Token", &*admin.token),
        ];
        let path = "/api/v1/statistics?shape=flat";
        let document = exporter.request("GET", path, &headers).json();
        let number = |field: &str| document[field].as_f64().unwrap_or(f64::NAN);
        assert_eq!(document["totalUsers"].as_f64(), Some(users), "{version}");
        let states = ["onlineUsers", "awayUsers", "busyUsers", "offlineUsers"];
        let sum: f64 = states.into_iter().map(number).sum();
        assert!((sum - users).abs() < 0.5, "{version}: {sum}, not {users}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_not_scanned_because_the_metadata_say_that_there_are_none() {
    let crashed = crashed().await;
    let exporter = crashed.exporter();
    exporter.wait_for_collectors().await;
    assert_eq!(exporter.value("rocketchat_threads"), None);
    let missing =
        "rocketchat_exporter_missing_index{collection=\"rocketchat_message\",key=\"tcount\"}";
    assert_eq!(exporter.value(missing), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn deviation_ends_with_validate_and_a_later_crash_is_noticed() {
    let mut crashed = Crashed::new().await;
    let exporter = crashed.exporter();
    exporter.wait_for_collectors().await;
    let (users, in_metadata) = counts(&crashed.database().await, "users").await;
    assert_eq!(exporter.value(DEVIATION), Some(users - in_metadata));
    let database = crashed.database().await;
    let validated = database.run_command(doc! { "validate": "users" }).await;
    let validated = validated.expect("the collection can be validated");
    assert_eq!(validated.get("valid"), Some(&Bson::Boolean(true)));
    eventually("the deviation ends", || {
        exporter.value(DEVIATION).filter(|value| *value == 0.0)
    })
    .await;
    // Documents since the checkpoint of validate are missing in the metadata after the next crash.
    let journaled = WriteConcern::builder().journal(true).build();
    let added = database.collection("users");
    let added = added
        .insert_many(vec![doc! {}; 3])
        .write_concern(journaled)
        .await;
    added.expect("users can be inserted");
    crashed.mongod.kill().expect("mongod can be killed");
    let restarted = crashed.mongod.restart().await;
    restarted.expect("mongod starts again");
    let (users, in_metadata) = counts(&crashed.database().await, "users").await;
    assert!(in_metadata < users, "the metadata are right: {in_metadata}");
    eventually("the next process is compared", || {
        let deviation = exporter.value(DEVIATION)?;
        ((deviation - (users - in_metadata)).abs() < 0.5).then_some(())
    })
    .await;
    eventually("users are counted again", || {
        let total = sum(&exporter, "rocketchat_users");
        ((total - users).abs() < 0.5).then_some(())
    })
    .await;
}

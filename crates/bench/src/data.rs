//! The filled database of the bench: made once for each size, kept below `target/bench`, and served by a mongod of its
//! own while something is measured. That is a replica set of one member, because Rocket.Chat demands a set; only the
//! workspace is made by a mongod that stands alone, which keeps no log of what it writes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use serde_json::{Value, json};

use crate::size::Size;
use crate::table::say;
use testbed::mongod::{self, Mongod};
use testbed::workspace;

/// Measurement of the directory's name: another number leaves data behind that an older generator made.
const REVISION: u32 = 2;

/// Enough for the usual size, so that every contender reads from memory and none pays for the disk.
const CACHE_MEGABYTES: u32 = 4096;

pub(crate) const DATABASE: &str = "rocketchat";

/// A workspace in a running mongod.
pub(crate) struct Data {
    pub(crate) mongod: Mongod,
    pub(crate) database: Database,
    /// The instant the workspace was made for; all readers take it as now.
    pub(crate) now: DateTime,
    /// An account that may refresh the statistics: user id and token.
    pub(crate) user_id: String,
    pub(crate) token: String,
    pub(crate) seconds_to_fill: Option<f64>,
}

impl Data {
    /// Starts a mongod on the data of this size, which are made first if they are not there yet.
    pub(crate) async fn open(directory: &Path, size: &Size) -> Result<Self> {
        let directory = directory.join(format!("data-{REVISION}-{}", size.name()));
        let manifest = directory.join("workspace.json");
        let known = fs::read(&manifest)
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        if known.is_none() {
            // What an interrupted run left is not complete.
            drop(fs::remove_dir_all(&directory));
            fs::create_dir_all(directory.join("mongod"))
                .with_context(|| format!("cannot create `{}`", directory.display()))?;
        }
        let (known, seconds_to_fill) = if let Some(known) = known {
            (known, None)
        } else {
            let begun = Instant::now();
            let known = make(&directory.join("mongod"), size).await?;
            fs::write(&manifest, known.to_string())
                .with_context(|| format!("cannot write `{}`", manifest.display()))?;
            (known, Some(begun.elapsed().as_secs_f64()))
        };
        let mongod = start(&directory.join("mongod"), Topology::ReplicaSet).await?;
        let database = connect(&mongod).await?;
        let text = |name: &str| {
            let text = known.get(name).and_then(Value::as_str).map(str::to_owned);
            text.with_context(|| format!("`{}` lacks {name}", manifest.display()))
        };
        let now = known.get("now").and_then(Value::as_i64);
        Ok(Self {
            mongod,
            database,
            now: DateTime::from_millis(now.context("the manifest lacks the time")?),
            user_id: text("user_id")?,
            token: text("token")?,
            seconds_to_fill,
        })
    }

    /// Stops the mongod cleanly, so that the data can be used again at once.
    pub(crate) async fn close(self) -> Result<()> {
        stop(self.mongod, self.database).await
    }
}

/// How a mongod is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topology {
    Standalone,
    ReplicaSet,
}

async fn start(data: &Path, kind: Topology) -> Result<Mongod> {
    let parameters = [
        // The workspace stays as old as it is, so nothing in it may expire; and nothing else may run meanwhile.
        ("ttlMonitorEnabled", "false"),
        ("diagnosticDataCollectionEnabled", "false"),
        // The profiler tells the processor time of each query.
        ("profileOperationResourceConsumptionMetrics", "true"),
        // There is no other member that could take over.
        ("shutdownTimeoutMillisForSignaledShutdown", "0"),
    ];
    let options = mongod::Options {
        replica_set: kind == Topology::ReplicaSet,
        data: Some(data.to_owned()),
        cache_megabytes: Some(CACHE_MEGABYTES),
        parameters: parameters
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..mongod::Options::default()
    };
    Mongod::start(&options).await
}

async fn stop(mut mongod: Mongod, database: Database) -> Result<()> {
    database.client().clone().shutdown().immediate(true).await;
    mongod.shut_down().await
}

async fn connect(mongod: &Mongod) -> Result<Database> {
    let mut options = ClientOptions::parse(mongod.uri()).await?;
    options.app_name = Some("rocketchat-exporter bench".to_owned());
    options.server_selection_timeout = Some(Duration::from_secs(10));
    Ok(Client::with_options(options)?.database(DATABASE))
}

/// Makes a workspace in an empty directory.
async fn make(data: &Path, size: &Size) -> Result<Value> {
    let mongod = start(data, Topology::Standalone).await?;
    let database = connect(&mongod).await?;
    let known = fill(&database, size).await?;
    stop(mongod, database).await?;
    Ok(known)
}

async fn fill(database: &Database, size: &Size) -> Result<Value> {
    say(&format!(
        "making a workspace of {} users, {} rooms, {} messages, {} uploads and {} rows of sessions",
        size.users, size.rooms, size.messages, size.uploads, size.sessions
    ));
    let now = DateTime::now();
    let credentials = workspace::fill_large(database, &size.workspace(), now).await?;
    // Everything on disk, which may take longer than the server is given to stop.
    let admin = database.client().database("admin");
    admin.run_command(doc! { "fsync": 1 }).await?;
    Ok(json!({
        "now": now.timestamp_millis(),
        "user_id": credentials.admin.user_id,
        "token": credentials.admin.token,
    }))
}

/// The numbers of documents that are really there.
pub(crate) async fn counts(database: &Database) -> Result<Vec<(String, u64)>> {
    let mut counts = Vec::new();
    for name in [
        "users",
        "rocketchat_room",
        "rocketchat_message",
        "rocketchat_uploads",
        "rocketchat_sessions",
        "usersSessions",
        "rocketchat_livechat_contact",
    ] {
        let collection = database.collection::<Document>(name);
        counts.push((
            name.to_owned(),
            collection.estimated_document_count().await?,
        ));
    }
    Ok(counts)
}

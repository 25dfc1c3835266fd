//! What the tests share: a MongoDB for all of them, the exporter as a process, and a look at its answers.

mod alertmanager;
pub mod browser;
mod command_log;
pub mod dump;
mod exporter;
mod formats;
mod golden;
pub mod license;
mod prometheus;
mod proxy;
mod reader;
pub mod rocketchat;
mod shifted_clock;
pub mod tls;
mod wire_proxy;
mod workspace;

use std::fmt::Debug;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection, Database};
use testbed::mongod::{Mongod, Options, exporter_connections};

pub use alertmanager::{Alertmanager, Receiver};
pub use command_log::{LoggedCommand, log_commands, logged_commands, server_log};
pub use exporter::{Answer, Exporter, assert_no_structures};
pub use formats::{complaint_of_promtool, complaint_of_strict_parser};
pub use golden::assert_golden;
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use reader::{PASSWORD, READER, exporter_of_reader, with_reader, with_reader_on};
pub use shifted_clock::shift_clock;
pub use wire_proxy::WireProxy;
pub use workspace::{
    Filled, SharedExporter, SharedWorkspace, Workspace, WorkspaceExporter, shared_exporter,
    shared_workspace,
};

/// How long a test waits for what has to come. It says only when to give up: a busy machine of two cores may take its time.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Arguments with which everything is read all the time, and a database that is away is noticed at once.
pub const SOON: [&str; 5] = [
    "--collection.fast-interval=200ms",
    "--collection.normal-interval=200ms",
    "--collection.slow-interval=200ms",
    "--collection.max-share=1",
    "--mongodb.connect-timeout=500ms",
];

/// The variable with the address of a MongoDB that several test processes share, as those of `cargo nextest`: a single
/// server, started with `--setParameter enableTestCommands=1`. Without it each process starts one when it needs it.
const SHARED_MONGODB: &str = "ROCKETCHAT_EXPORTER_TEST_MONGODB";

/// With this variable a proxy before the MongoDB that tests share makes every command declare version 1 of the Stable API, with
/// errors for what is deprecated in it.
const STABLE_API: &str = "ROCKETCHAT_EXPORTER_TEST_STABLE_API";

/// The MongoDB that tests share; each test has a database of its own.
pub struct SharedMongod {
    port: u16,
    _process: Option<Mongod>,
}

impl SharedMongod {
    pub fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

pub fn shared_mongod() -> &'static SharedMongod {
    static SHARED: OnceLock<SharedMongod> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut shared = find_shared_mongod();
        if std::env::var_os(STABLE_API).is_some() {
            shared.port = WireProxy::with_stable_api_for_ever(shared.port);
        }
        shared
    })
}

/// The MongoDB of the variable [`SHARED_MONGODB`], or one of this process.
fn find_shared_mongod() -> SharedMongod {
    if let Ok(address) = std::env::var(SHARED_MONGODB) {
        let url = url::Url::parse(&address).expect("the variable has an address");
        assert_eq!(url.host_str(), Some("127.0.0.1"), "{SHARED_MONGODB}");
        return SharedMongod {
            port: url.port().expect("the address names a port"),
            _process: None,
        };
    }
    // In a thread with a runtime of its own: the first test that comes here runs in one already.
    let start = || {
        tokio::runtime::Runtime::new()
            .expect("a runtime can be started")
            .block_on(start_shared_mongod())
    };
    let mongod = std::thread::spawn(start).join().expect("the thread ends");
    SharedMongod {
        port: mongod.port(),
        _process: Some(mongod),
    }
}

async fn start_shared_mongod() -> Mongod {
    let mongod = mongod(Options::default()).await;
    // Each collection and each index is a file. Those of tests that have ended would stay open for ten minutes, and all
    // together are more than a process may have.
    let admin = client(&mongod.uri()).await.database("admin");
    let files = "file_manager=(close_idle_time=10,close_scan_interval=5,close_handle_minimum=500)";
    admin
        .run_command(doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": files })
        .await
        .expect("files can be closed sooner");
    mongod
}

/// A MongoDB of the test's own.
pub async fn mongod(options: Options) -> Mongod {
    Mongod::start(&options).await.expect("mongod starts")
}

/// An empty database on the shared MongoDB that no other test uses.
pub async fn fresh_database() -> Database {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    client(&shared_mongod().uri())
        .await
        .database(&format!("test_{process}_{number}"))
}

/// Everything in a collection.
pub async fn all_documents(collection: &Collection<Document>) -> Vec<Document> {
    let documents = collection.find(doc! {}).await.expect("it can be read");
    documents.try_collect().await.expect("it can be read")
}

/// The same with a collection by which it is Rocket.Chat's, and no documents.
pub async fn empty_workspace() -> Database {
    let database = fresh_database().await;
    let created = database.create_collection("rocketchat_settings").await;
    created.expect("a collection can be made");
    database
}

/// A database of documents that never change and that no test changes: the first process that comes here fills it, also
/// of several that share the MongoDB. It is named after its documents.
pub async fn fixture(documents: &impl Debug, fill: impl AsyncFnOnce(&Database)) -> Database {
    let mut hasher = DefaultHasher::new();
    format!("{documents:?}").hash(&mut hasher);
    let name = format!("fixture_{:016x}", hasher.finish());
    let client = client(&shared_mongod().uri()).await;
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures.lock");
    let lock = File::create(lock).expect("a file can be made");
    lock.lock().expect("no other process fills one for ever");
    let complete = client.database("fixtures").collection("complete");
    let mark = doc! { "_id": &name };
    let found = complete.find_one(mark.clone()).await;
    let database = client.database(&name);
    if found.expect("it can be read").is_none() {
        // What a process left behind that was ended while it filled it.
        database.drop().await.expect("it can be dropped");
        fill(&database).await;
        complete.insert_one(mark).await.expect("it can be noted");
    }
    database
}

/// A client of a MongoDB.
pub async fn client(uri: &str) -> Client {
    Client::with_uri_str(uri)
        .await
        .expect("the connection string is valid")
}

/// The number of connections that exporters have to a MongoDB, those of its monitors included.
pub async fn connections_of_exporters(client: &Client) -> usize {
    let connections = exporter_connections(client).await;
    connections.expect("connections can be listed")
}

/// The most connections of an exporter to a server: two for queries, the pool's spare one, and the one that monitors it.
pub const MAX_CONNECTIONS: usize = 4;

/// The connection string of a database on the shared MongoDB.
pub fn uri_of(database: &Database) -> String {
    format!("{}{}", shared_mongod().uri(), database.name())
}

/// The seed of what a test makes up by chance: `TEST_SEED`, so that other cases can be tried, or always the same.
pub fn seed() -> u64 {
    let seed = std::env::var("TEST_SEED");
    seed.map_or(7, |seed| seed.parse().expect("TEST_SEED is a number"))
}

/// Waits until `look` sees something, and fails with what was awaited when it never does.
pub async fn eventually<T>(awaited: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "never happened: {awaited}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The exporter on a database with the given documents, after every collector has read it.
pub async fn exporter_on(documents: Vec<(&str, Vec<Document>)>) -> Exporter {
    let database = empty_workspace().await;
    for (collection, documents) in documents {
        database
            .collection(collection)
            .insert_many(documents)
            .await
            .expect("the documents can be inserted");
    }
    let exporter = Exporter::on(&uri_of(&database), &[]);
    exporter.whole().await;
    exporter
}

/// Inserts documents with bytes that are no UTF-8 wherever they say `BROKEN`: MongoDB checks no text.
pub async fn insert_broken(database: &Database, collection: &str, documents: Vec<Document>) {
    let command = doc! { "insert": collection, "documents": documents };
    let mut bytes = RawDocumentBuf::try_from(&command)
        .expect("the command is valid")
        .into_bytes();
    for place in 0..bytes.len().saturating_sub(6) {
        if &bytes[place..place + 6] == b"BROKEN" {
            // An end without a beginning, a half of a surrogate pair, and a byte that never occurs.
            bytes[place..place + 6].copy_from_slice(b"\x80\xed\xa0\x80\xff!");
        }
    }
    let command = RawDocumentBuf::from_bytes(bytes).expect("its length is right");
    let answer = database.run_raw_command(command).await;
    answer.expect("the documents can be inserted");
}

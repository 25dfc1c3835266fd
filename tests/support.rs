//! Helpers that the tests share: one MongoDB, the exporter as a process, and other programs.

mod alertmanager;
pub mod browser;
mod command_log;
pub mod dump;
mod exporter;
mod formats;
mod golden;
pub mod helm;
mod kubernetes_models;
pub mod license;
mod prometheus;
mod proxy;
mod reader;
pub mod rocketchat;
mod server_process;
mod shifted_clock;
pub mod tls;
mod webdriver;
mod wire_proxy;
mod workspace;

use std::fmt::Debug;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection, Database};
use testbed::mongod::{Mongod, Options, exporter_connections};
use tokio::net::TcpListener;

pub use alertmanager::{Alertmanager, Receiver};
pub use command_log::{LoggedCommand, log_commands, logged_commands, server_log};
pub use exporter::{Exporter, Response, assert_no_debug_output};
pub use formats::{promtool_error, strict_parser_error};
pub use golden::assert_golden;
pub use kubernetes_models::custom_resource_error;
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use reader::{
    PASSWORD, READER, create_reader, exporter_of_reader, printed_connection_string, printed_role,
    with_reader, with_reader_on,
};
pub use shifted_clock::shift_clock;
pub use wire_proxy::WireProxy;
pub use workspace::{
    Filled, SharedExporter, SharedWorkspace, Workspace, WorkspaceExporter, shared_exporter,
    shared_workspace,
};

/// Time limit of waiting for an expected state; long, because a busy machine of two cores is slow.
pub const TIMEOUT: Duration = Duration::from_mins(2);

/// All files in a directory and its subdirectories.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the directory can be listed") {
        let path = entry.expect("the directory can be listed").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// A listener on a free port of this machine, and its address.
async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    (listener, address)
}

/// Flags that make every collector run again soon, and an unreachable database be noticed soon. On a busy machine connecting
/// takes most of a second.
pub const SHORT_INTERVALS: [&str; 5] = [
    "--collection.fast-interval=400ms",
    "--collection.normal-interval=1s",
    "--collection.slow-interval=1s",
    "--collection.max-share=1",
    "--mongodb.connect-timeout=2s",
];

/// The variable with the address of a MongoDB that several test processes share, such as those of `cargo nextest`: a
/// standalone server, started with `--setParameter enableTestCommands=1`. Without it each process starts one on demand.
const SHARED_MONGODB: &str = "ROCKETCHAT_EXPORTER_TEST_MONGODB";

/// If this variable is set, a proxy in front of the shared MongoDB adds version 1 of the Stable API to every command, with
/// errors for deprecated features.
const STABLE_API: &str = "ROCKETCHAT_EXPORTER_TEST_STABLE_API";

/// The MongoDB that the tests share. Each test has its own database.
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
            shared.port = WireProxy::spawn_with_stable_api(shared.port);
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
    // A new thread, because the calling test already runs inside a runtime.
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
    // Each collection and each index is a file. The server keeps the files of finished tests open for ten minutes by
    // default, which exceeds its limit of open files.
    let admin = client(&mongod.uri()).await.database("admin");
    let files = "file_manager=(close_idle_time=10,close_scan_interval=5,close_handle_minimum=500)";
    admin
        .run_command(doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": files })
        .await
        .expect("the storage engine can be configured");
    mongod
}

/// Starts a MongoDB for one test.
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

/// All documents of a collection.
pub async fn all_documents(collection: &Collection<Document>) -> Vec<Document> {
    let cursor = collection.find(doc! {}).await;
    let documents = cursor.expect("the collection can be read").try_collect();
    documents.await.expect("the collection can be read")
}

/// A database with an empty collection that identifies it as a workspace, and nothing else.
pub async fn empty_workspace() -> Database {
    let database = fresh_database().await;
    let created = database.create_collection("rocketchat_settings").await;
    created.expect("a collection can be made");
    database
}

/// A database of documents that no test changes. It is named after a hash of the documents, so that the processes that
/// share a MongoDB fill it once.
pub async fn fixture(documents: &impl Debug, fill: impl AsyncFnOnce(&Database)) -> Database {
    let mut hasher = DefaultHasher::new();
    format!("{documents:?}").hash(&mut hasher);
    let name = format!("fixture_{:016x}", hasher.finish());
    let client = client(&shared_mongod().uri()).await;
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures.lock");
    let lock = File::create(lock).expect("the lock file can be created");
    lock.lock().expect("the lock can be taken");
    let complete = client.database("fixtures").collection("complete");
    let mark = doc! { "_id": &name };
    let found = complete.find_one(mark.clone()).await;
    let database = client.database(&name);
    if found.expect("the list of fixtures can be read").is_none() {
        // A process may have been killed while filling it.
        database.drop().await.expect("the database can be dropped");
        fill(&database).await;
        let noted = complete.insert_one(mark).await;
        noted.expect("the fixture can be listed");
    }
    database
}

/// A client of a MongoDB.
pub async fn client(uri: &str) -> Client {
    Client::with_uri_str(uri)
        .await
        .expect("the connection string is valid")
}

/// The number of connections from exporters to a MongoDB, including their monitoring connections.
pub async fn connections_of_exporters(client: &Client) -> usize {
    let connections = exporter_connections(client).await;
    connections.expect("connections can be listed")
}

/// The maximum number of connections from an exporter to a server: two for queries, a spare one of the pool, and the
/// monitoring connection.
pub const MAX_CONNECTIONS: usize = 4;

/// The connection string of a database on the shared MongoDB.
pub fn uri_of(database: &Database) -> String {
    format!("{}{}", shared_mongod().uri(), database.name())
}

/// The seed of random test data: the value of `TEST_SEED`, or a constant.
pub fn seed() -> u64 {
    let seed = std::env::var("TEST_SEED");
    seed.map_or(7, |seed| seed.parse().expect("TEST_SEED is a number"))
}

/// Polls `probe` until it returns a value, and panics with `expected` after [`TIMEOUT`].
pub async fn eventually<T>(expected: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        let probed = Instant::now();
        if let Some(value) = probe() {
            return value;
        }
        assert!(begun.elapsed() < TIMEOUT, "timed out: {expected}");
        pause_after(probed).await;
    }
}

/// Waits before the next probe, for a multiple of what a probe takes: waiting tests leave the processor to others.
async fn pause_after(probed: Instant) {
    let pause = (probed.elapsed() * 9).max(Duration::from_millis(25));
    tokio::time::sleep(pause.min(Duration::from_secs(1))).await;
}

/// Starts an exporter on a database with these documents and waits until every collector has read it.
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
    exporter.wait_for_collectors().await;
    exporter
}

/// Inserts documents and replaces each `BROKEN` in them by bytes that are not UTF-8; MongoDB does not validate strings.
pub async fn insert_broken(database: &Database, collection: &str, documents: Vec<Document>) {
    let command = doc! { "insert": collection, "documents": documents };
    let mut bytes = RawDocumentBuf::try_from(&command)
        .expect("the command is valid")
        .into_bytes();
    for place in 0..bytes.len().saturating_sub(6) {
        if &bytes[place..place + 6] == b"BROKEN" {
            // A continuation byte alone, half of a surrogate pair, and a byte that UTF-8 never uses.
            bytes[place..place + 6].copy_from_slice(b"\x80\xed\xa0\x80\xff!");
        }
    }
    let command = RawDocumentBuf::from_bytes(bytes).expect("the length is unchanged");
    let response = database.run_raw_command(command).await;
    response.expect("the documents can be inserted");
}

//! Workspaces, exporters on them, and requests by their users.
//!
//! Filling and reading a database takes longer than most tests. A test that only sends requests uses
//! [`shared_exporter`]; a test that needs its own exporter but changes no document uses [`shared_workspace`].

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};
use testbed::workspace::{self, Account, Credentials, Size};
use tokio::sync::{Mutex, OnceCell};

use super::{
    Exporter, Response, all_documents, assert_no_debug_output, client, fresh_database, uri_of,
};

/// The flags of an exporter that runs each collector once.
const READ_ONCE: [&str; 3] = [
    "--collection.fast-interval=1h",
    "--collection.normal-interval=1h",
    "--collection.slow-interval=1h",
];

/// The database of a generated workspace, without an exporter.
pub struct Filled {
    pub database: Database,
    pub credentials: Credentials,
}

/// A workspace that several tests share because none of them changes a document.
pub struct SharedWorkspace {
    pub uri: String,
    pub credentials: Credentials,
    /// Documents of `instances`. They expire unless their heartbeats are renewed.
    instances: Vec<Document>,
}

/// An exporter that has read a workspace, and the accounts of that workspace.
pub struct WorkspaceExporter {
    pub exporter: Exporter,
    pub credentials: Credentials,
}

/// An exporter that several tests use at the same time: they send it requests and change nothing.
pub struct SharedExporter(Arc<WorkspaceExporter>);

/// A database that the test may change, and an exporter that has read it.
pub struct Workspace {
    pub database: Database,
    exporter: WorkspaceExporter,
}

impl Filled {
    pub async fn new() -> Self {
        Self::on(fresh_database().await).await
    }

    /// Generates a workspace of the demo's size.
    pub async fn demo_sized() -> Self {
        Self::of_size(fresh_database().await, &Size::default()).await
    }

    /// Fills the database `rocketchat` of a MongoDB server.
    pub async fn at(uri: &str) -> Self {
        Self::on(client(uri).await.database("rocketchat")).await
    }

    /// Fills an empty database.
    pub async fn on(database: Database) -> Self {
        Self::of_size(database, &Size::small()).await
    }

    async fn of_size(database: Database, size: &Size) -> Self {
        let credentials = workspace::fill(&database, size, DateTime::now())
            .await
            .expect("the workspace can be generated");
        Self {
            database,
            credentials,
        }
    }

    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// Sets the value of a setting.
    pub async fn set(&self, setting: &str, value: impl Into<mongodb::bson::Bson>) {
        self.collection("rocketchat_settings")
            .update_one(
                doc! { "_id": setting },
                doc! { "$set": { "value": value.into() } },
            )
            .upsert(true)
            .await
            .expect("the setting can be updated");
    }

    /// Locks the migration, as Rocket.Chat does while it migrates and after a failure.
    pub async fn lock_migration(&self, since: DateTime) {
        let locked = doc! { "$set": { "locked": true, "lockedAt": since } };
        self.collection("migrations")
            .update_one(doc! { "_id": "control" }, locked)
            .await
            .expect("the migration can be locked");
    }

    /// Starts an exporter and keeps the database for others.
    pub async fn exporter(&self, arguments: &[&str]) -> WorkspaceExporter {
        let uri = uri_of(&self.database);
        WorkspaceExporter::start(&uri, arguments, self.credentials.clone()).await
    }

    pub async fn start(self, arguments: &[&str]) -> Workspace {
        let uri = uri_of(&self.database);
        self.start_on(&uri, arguments).await
    }

    /// Starts an exporter with this connection string.
    pub async fn start_on(self, uri: &str, arguments: &[&str]) -> Workspace {
        Workspace {
            database: self.database,
            exporter: WorkspaceExporter::start(uri, arguments, self.credentials).await,
        }
    }
}

/// The workspace that most tests share.
pub async fn shared_workspace() -> &'static SharedWorkspace {
    static SHARED: OnceCell<SharedWorkspace> = OnceCell::const_new();
    let fill = || async { SharedWorkspace::new(Filled::new().await).await };
    let shared = SHARED.get_or_init(fill).await;
    shared.keep_alive().await;
    shared
}

/// The shared exporter of the shared workspace with these flags.
pub async fn shared_exporter(arguments: &[&str]) -> SharedExporter {
    shared_workspace().await.shared_exporter(arguments).await
}

impl SharedWorkspace {
    pub async fn new(filled: Filled) -> Self {
        Self {
            uri: uri_of(&filled.database),
            instances: all_documents(&filled.collection("instances")).await,
            credentials: filled.credentials,
        }
    }

    /// The name of its database.
    pub fn name(&self) -> &str {
        self.uri.rsplit('/').next().unwrap_or_default()
    }

    /// Its connection string through a proxy on this port.
    pub fn uri_at(&self, port: u16) -> String {
        format!(
            "mongodb://127.0.0.1:{port}/{}?directConnection=true",
            self.name()
        )
    }

    /// The workspace for a test that changes documents while no other test uses it.
    pub async fn filled(&self) -> Filled {
        Filled {
            database: self.database().await,
            credentials: self.credentials.clone(),
        }
    }

    async fn database(&self) -> Database {
        // Each test needs its own client, because a client ends with the runtime that created it.
        client(&self.uri).await.database(self.name())
    }

    /// Starts an exporter for one test.
    pub async fn start(&self, arguments: &[&str]) -> WorkspaceExporter {
        self.keep_alive().await;
        WorkspaceExporter::start(&self.uri, arguments, self.credentials.clone()).await
    }

    /// The shared exporter with these flags. The first call starts it.
    pub async fn shared_exporter(&self, arguments: &[&str]) -> SharedExporter {
        type Exporters = BTreeMap<(String, Vec<String>), Arc<WorkspaceExporter>>;
        static EXPORTERS: Mutex<Exporters> = Mutex::const_new(Exporters::new());
        let flags = arguments.iter().map(ToString::to_string).collect();
        let key = (self.uri.clone(), flags);
        let mut exporters = EXPORTERS.lock().await;
        if let Some(exporter) = exporters.get(&key) {
            return SharedExporter(Arc::clone(exporter));
        }
        self.keep_alive().await;
        let mut command = Exporter::guarded_command();
        Exporter::with_database(&mut command, &self.uri, &READ_ONCE).args(arguments);
        let exporter = Exporter::spawn(&mut command);
        exporter.wait_for_collectors().await;
        let exporter = Arc::new(WorkspaceExporter {
            exporter,
            credentials: self.credentials.clone(),
        });
        exporters.insert(key, Arc::clone(&exporter));
        SharedExporter(exporter)
    }

    /// Writes the heartbeats of the instances.
    pub async fn keep_alive(&self) {
        let database = self.database().await;
        for instance in &self.instances {
            let mut alive = instance.clone();
            alive.insert("_updatedAt", DateTime::now());
            let id = alive.remove("_id");
            database
                .collection::<Document>("instances")
                .update_one(doc! { "_id": id }, doc! { "$set": alive })
                .upsert(true)
                .await
                .expect("a heartbeat can be written");
        }
    }
}

impl Workspace {
    pub async fn start(arguments: &[&str]) -> Self {
        Filled::new().await.start(arguments).await
    }

    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

impl WorkspaceExporter {
    async fn start(uri: &str, arguments: &[&str], credentials: Credentials) -> Self {
        let exporter = Exporter::on(uri, &[&READ_ONCE[..], arguments].concat());
        exporter.wait_for_collectors().await;
        Self {
            exporter,
            credentials,
        }
    }

    pub fn get_as(&self, account: &Account, path: &str) -> Response {
        self.request_as(account, "GET", path)
    }

    pub fn request_as(&self, account: &Account, method: &str, path: &str) -> Response {
        let headers = [
            ("X-User-Id", account.user_id.as_str()),
            ("X-Auth-Token", account.token.as_str()),
        ];
        self.exporter.request(method, path, &headers)
    }

    pub fn get(&self, path: &str) -> Response {
        self.get_as(&self.credentials.admin, path)
    }
}

impl Deref for Workspace {
    type Target = WorkspaceExporter;

    fn deref(&self) -> &WorkspaceExporter {
        &self.exporter
    }
}

impl Deref for SharedExporter {
    type Target = WorkspaceExporter;

    fn deref(&self) -> &WorkspaceExporter {
        &self.0
    }
}

impl Drop for SharedExporter {
    fn drop(&mut self) {
        // `Exporter`, whose `Drop` asserts the same, is never dropped here.
        if !std::thread::panicking() {
            assert_no_debug_output(&self.exporter.log());
        }
    }
}

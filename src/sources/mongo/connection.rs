//! Connecting to MongoDB, lazily, and finding the database that is Rocket.Chat's.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::event::EventHandler;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerMonitoringMode};
use mongodb::{Client, Database};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::pool::Pool;
use super::recorder::Recorder;
use crate::secret::Secret;
use crate::sources::{Scope, SourceError};
use crate::statistics::{FailureKind, PoolState};

/// How long ending the connections of a client may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Collections that every Rocket.Chat database has.
pub const TELLING_COLLECTIONS: [&str; 3] = ["rocketchat_settings", "rocketchat_room", "users"];

/// How to reach the workspace's database.
#[derive(Debug, Clone, PartialEq)]
pub struct MongoSettings {
    /// The connection string, complete with its password.
    pub uri: Secret,
    /// The database; `None` means the one in the connection string, else the one that looks like Rocket.Chat's.
    pub database: Option<String>,
    /// The server-side limit of every query.
    pub query_timeout: Duration,
    /// How long to wait for a server that can be asked.
    pub connect_timeout: Duration,
    /// Connections for queries, to each server; the driver adds one to each that watches its state.
    pub max_connections: u32,
}

/// A connection that is made by the first question.
#[derive(Debug)]
pub struct Connection {
    settings: MongoSettings,
    pool: Arc<Pool>,
    /// What notes each command; `None` unless somebody wants to see them, because it copies every answer.
    recorder: Option<Arc<Recorder>>,
    known: Mutex<Known>,
}

/// Tells the clients of one connection apart that followed each other.
pub type ClientNumber = u64;

/// The client, once there is one.
#[derive(Debug, Default)]
struct Known {
    number: ClientNumber,
    database: Option<Database>,
}

impl Connection {
    pub fn new(settings: MongoSettings, recorder: Option<Arc<Recorder>>) -> Self {
        Self {
            settings,
            pool: Arc::default(),
            recorder,
            known: Mutex::default(),
        }
    }

    /// The workspace's database, and the number of the client that it is asked by.
    ///
    /// The lock is held while the client is made and the database is found, so that this happens once.
    pub async fn database(&self) -> Result<(ClientNumber, Database), SourceError> {
        let mut known = self.known.lock().await;
        if let Some(database) = &known.database {
            return Ok((known.number, database.clone()));
        }
        let client = self.client().await;
        let client = client.map_err(|error| error.of(Scope::Everything))?;
        let limit = self.settings.connect_timeout + self.settings.query_timeout;
        let found = timeout(limit, self.find(&client)).await;
        let found = found.unwrap_or_else(|_| {
            Err(SourceError::new(
                FailureKind::Unreachable,
                format!(
                    "MongoDB did not list its databases within {} s",
                    limit.as_secs()
                ),
            ))
        });
        match found {
            Ok(database) => {
                known.number += 1;
                known.database = Some(database.clone());
                Ok((known.number, database))
            }
            Err(error) => {
                end(client);
                Err(error.of(Scope::Everything))
            }
        }
    }

    /// Connections for queries.
    pub fn pool(&self) -> PoolState {
        self.pool.state()
    }

    /// What noted the commands.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_deref()
    }

    /// A failure whose message quotes no part of the user's name and password.
    pub fn without_secrets(&self, error: &SourceError) -> SourceError {
        SourceError {
            message: self.settings.uri.redact(&error.message).into(),
            ..error.clone()
        }
    }

    /// Where a command is sent that is not sent by a collection's own method.
    #[expect(
        clippy::unused_self,
        reason = "belongs to the connection, as the preference of the methods does"
    )]
    pub fn preference(&self) -> SelectionCriteria {
        SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None })
    }

    /// Ends the connections of a client, unless another one has taken its place: the next question makes a new one.
    pub async fn forget(&self, number: ClientNumber) {
        let mut known = self.known.lock().await;
        if known.number == number
            && let Some(database) = known.database.take()
        {
            end(database.client().clone());
        }
    }

    /// Ends the connections.
    pub async fn close(&self) {
        if let Some(database) = self.known.lock().await.database.take() {
            database.client().clone().shutdown().immediate(true).await;
        }
    }

    async fn client(&self) -> Result<Client, SourceError> {
        let settings = &self.settings;
        let mut options = ClientOptions::parse(settings.uri.reveal())
            .await
            .map_err(|error| self.without_secrets(&error.into()))?;
        options.app_name = Some("rocketchat-exporter".to_owned());
        options.max_pool_size = Some(settings.max_connections);
        options.min_pool_size = Some(0);
        options.connect_timeout = Some(settings.connect_timeout);
        options.server_selection_timeout = Some(settings.connect_timeout);
        // The other modes keep a second connection to each server, only to measure its latency.
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        let pool = Arc::clone(&self.pool);
        options.cmap_event_handler = Some(EventHandler::callback(move |event| pool.note(&event)));
        if let Some(recorder) = &self.recorder {
            let recorder = Arc::clone(recorder);
            let note = move |event| recorder.note(event);
            options.command_event_handler = Some(EventHandler::callback(note));
        }
        options
            .selection_criteria
            .get_or_insert_with(|| self.preference());
        Ok(Client::with_options(options)?)
    }

    async fn find(&self, client: &Client) -> Result<Database, SourceError> {
        if let Some(name) = &self.settings.database {
            return Ok(client.database(name));
        }
        if let Some(database) = client.default_database() {
            return Ok(database);
        }
        let mut candidates = Vec::new();
        for name in client.list_database_names().await? {
            if is_rocket_chat(&client.database(&name)).await? {
                candidates.push(name);
            }
        }
        match candidates.as_slice() {
            [name] => {
                tracing::info!(database = name, "found the database");
                Ok(client.database(name))
            }
            [] => Err(SourceError::new(
                FailureKind::NoDatabase,
                "no database of this MongoDB server has Rocket.Chat's collections, as far as this user may see; name it with --mongodb.database",
            )),
            several => Err(SourceError::new(
                FailureKind::NoDatabase,
                format!(
                    "several databases have Rocket.Chat's collections: {}; choose one with --mongodb.database",
                    several.join(", ")
                ),
            )),
        }
    }
}

/// Ends the connections of a client, beside everything else: it says goodbye to its servers, and one that no longer speaks is
/// not waited for. One that is only dropped goes on watching them for a while.
fn end(client: Client) {
    tokio::spawn(timeout(FAREWELL, async {
        client.shutdown().immediate(true).await;
    }));
}

async fn is_rocket_chat(database: &Database) -> Result<bool, SourceError> {
    if ["admin", "config", "local"].contains(&database.name()) {
        return Ok(false);
    }
    let names = database
        .list_collection_names()
        .authorized_collections(true)
        .filter(doc! { "name": { "$in": TELLING_COLLECTIONS.as_slice() } })
        .await?;
    Ok(names.len() == TELLING_COLLECTIONS.len())
}

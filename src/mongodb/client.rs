//! The client that queries use: made by the first query, replaced when files of its configuration change or when it
//! would fail again.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mongodb::Database;
use mongodb::error::Error;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::command_log::CommandLog;
use super::connection_string::ConnectionString;
use super::database_choice::{ChosenDatabase, CoreCollections, DatabaseFinder};
use super::driver::{self, DriverClient, ErrorReporter, redacted};
use super::error::{FailureScope, SourceError};
use super::members::MemberSelector;
use super::pool_events::PoolCounters;
use super::settings::{MongoSettings, UriSource};
use super::shared_clients::{ClientKey, SharedClients};
use super::workspace_client::WorkspaceClient;
use crate::catalogue::{FailureKind, PoolState};
use crate::small_file;

/// How often files are checked for changes.
const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// How long a database without Rocket.Chat's collections is not looked at again.
const REJECTION_TTL: Duration = Duration::from_secs(1);

/// How long closing a client may take; a server that hangs is not waited for.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// How long queries may go on with a client that was replaced.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(1);

/// Makes and replaces the client of one workspace.
#[derive(Debug)]
pub struct ClientManager {
    settings: MongoSettings,
    /// The clients of all workspaces; `None` if this workspace has its own.
    shared: Option<Arc<SharedClients>>,
    /// A permit for each connection that queries may use.
    permits: Arc<Semaphore>,
    /// Records each command; `None` outside `check`, because it copies every command.
    command_log: Option<Arc<CommandLog>>,
    managed: Mutex<ManagedClient>,
    newest: RwLock<NewestClient>,
    /// Whether the next query checks the client's files, however recent the last check.
    recheck: AtomicBool,
}

/// What is needed of the newest client while another one is made.
#[derive(Debug, Default)]
struct NewestClient {
    errors: Option<Arc<ErrorReporter>>,
    /// The counters of its connections. Those of a client that is not shared go on in the next one.
    pool: Arc<PoolCounters>,
}

/// Keeps a client open while it is used.
#[derive(Debug, Clone)]
pub struct ClientLease {
    generation: u64,
    _open: mpsc::Sender<()>,
}

/// What queries of the workspace's database need.
#[derive(Debug, Clone)]
pub struct ClientHandle {
    /// Keeps the client open.
    pub lease: ClientLease,
    /// The database.
    pub database: Database,
    /// Selects the servers.
    pub members: Arc<MemberSelector>,
}

/// The client, once there is one.
#[derive(Debug, Default)]
struct ManagedClient {
    /// Counts the clients.
    generation: u64,
    active: Option<ActiveClient>,
    /// What the newest chosen database had, whichever client chose it.
    core: Option<CoreCollections>,
}

/// A client in use.
#[derive(Debug)]
struct ActiveClient {
    client: Arc<WorkspaceClient>,
    lease: mpsc::Sender<()>,
    released: mpsc::Receiver<()>,
    /// Its files, and when they were last checked.
    files: FileFingerprints,
    checked: Instant,
    chosen: Option<ChosenDatabase>,
    /// When the database was last confirmed to be Rocket.Chat's.
    confirmed: Instant,
    /// Why no database was chosen, and when.
    rejected: Option<(SourceError, Instant)>,
}

impl ClientManager {
    /// Nothing is connected yet.
    pub fn new(
        settings: MongoSettings,
        shared: Option<Arc<SharedClients>>,
        command_log: Option<Arc<CommandLog>>,
    ) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(settings.max_connections as usize)),
            settings,
            shared,
            command_log,
            managed: Mutex::default(),
            newest: RwLock::default(),
            recheck: AtomicBool::new(false),
        }
    }

    /// The workspace's database. Makes a client and chooses the database first where necessary; the lock is held
    /// meanwhile, so that this happens once.
    ///
    /// # Errors
    /// When there is no server, no login, or no database that is Rocket.Chat's.
    pub async fn database(&self) -> Result<ClientHandle, SourceError> {
        let mut managed = self.managed.lock().await;
        self.renew(&mut managed).await;
        if managed.active.is_none() {
            let client = self.make_client().await;
            managed.replace(client.map_err(|error| error.of(FailureScope::Database))?);
        }
        let ManagedClient {
            generation,
            active: Some(active),
            core,
        } = &mut *managed
        else {
            unreachable!("the client was made above");
        };
        match self.choose(active, core).await {
            Ok(chosen) => Ok(ClientHandle {
                lease: ClientLease {
                    generation: *generation,
                    _open: active.lease.clone(),
                },
                database: chosen.database,
                members: Arc::clone(&active.client.members),
            }),
            Err(error) => {
                if error.kind != FailureKind::NoDatabase {
                    // The next client is made of the files as they are then.
                    managed.end();
                }
                Err(error.of(FailureScope::Database))
            }
        }
    }

    /// Checks that the database is still Rocket.Chat's, unless that was confirmed after `begun`: numbers from a database
    /// that is being dropped or restored do not count.
    ///
    /// # Errors
    /// When it is not, or the check fails.
    pub async fn confirm(&self, lease: &ClientLease, begun: Instant) -> Result<(), SourceError> {
        let started = Instant::now();
        let managed = self.managed.lock().await;
        let active = managed
            .active_of(lease)
            .filter(|active| active.confirmed < begun);
        let Some((client, chosen)) =
            active.and_then(|active| Some((Arc::clone(&active.client), active.chosen.clone()?)))
        else {
            return Ok(());
        };
        // Not held during the check, which others need not wait for.
        drop(managed);
        let confirmed = DatabaseFinder(&client).confirm(&chosen).await;
        let mut managed = self.managed.lock().await;
        let Some(active) = managed.active.as_mut() else {
            return Ok(());
        };
        match confirmed {
            Ok(()) => {
                active.confirmed = active.confirmed.max(started);
                Ok(())
            }
            // Any failure counts: the reading does not prove that the database can be read.
            Err(error) => {
                if error.kind == FailureKind::NoDatabase {
                    active.chosen = None;
                    active.rejected = Some((error.clone(), Instant::now()));
                }
                Err(error)
            }
        }
    }

    /// The state of the connection pool for queries.
    pub fn pool(&self) -> PoolState {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        newest.pool.state()
    }

    /// A permit for each connection that queries may use.
    pub fn permits(&self) -> &Arc<Semaphore> {
        &self.permits
    }

    /// The recorded commands.
    pub fn command_log(&self) -> Option<&CommandLog> {
        self.command_log.as_deref()
    }

    /// What failed and what to do about it, without secrets.
    pub fn report(&self, error: &Error) -> SourceError {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        match &newest.errors {
            Some(errors) => errors.report(error),
            None => redacted(&error.into(), &self.settings.uri),
        }
    }

    /// Discards the client of a lease, unless it was replaced already: the next query makes a new one. Other workspaces that
    /// use it keep it.
    pub async fn discard(&self, lease: &ClientLease) {
        let mut managed = self.managed.lock().await;
        if let Some(active) = managed.active_of(lease) {
            active.client.retire();
            managed.end();
        }
    }

    /// Checks the client's files before the next query, however recent the last check.
    pub fn recheck_files(&self) {
        self.recheck.store(true, Ordering::Relaxed);
    }

    /// Closes the connections.
    pub async fn close(&self) {
        let close = async {
            let active = self.managed.lock().await.active.take();
            if let Some(active) = active {
                active.client.release().await;
            }
        };
        if timeout(SHUTDOWN_TIMEOUT, close).await.is_err() {
            tracing::debug!("the connections to the database did not close in time");
        }
    }

    /// Chooses the database, unless that was done.
    async fn choose(
        &self,
        active: &mut ActiveClient,
        core: &mut Option<CoreCollections>,
    ) -> Result<ChosenDatabase, SourceError> {
        if let Some(chosen) = &active.chosen {
            return Ok(chosen.clone());
        }
        if let Some((error, at)) = &active.rejected
            && at.elapsed() < REJECTION_TTL
        {
            return Err(error.clone());
        }
        let started = Instant::now();
        let name = self.settings.database.as_deref();
        let name = name.or(active.client.default_database.as_deref());
        let finder = DatabaseFinder(&active.client);
        let may_be_unseen = self.command_log.is_some();
        let limit = self.settings.connect_timeout + self.settings.query_timeout;
        let chosen = timeout(limit, finder.choose(name, core.as_ref(), may_be_unseen)).await;
        let chosen = chosen.unwrap_or_else(|_| {
            let message = format!(
                "MongoDB did not list its databases within {} s",
                limit.as_secs()
            );
            Err(SourceError::new(FailureKind::Unreachable, message))
        });
        match &chosen {
            Ok(chosen) => {
                *core = Some(chosen.core.clone());
                active.chosen = Some(chosen.clone());
                active.confirmed = started;
                active.rejected = None;
            }
            Err(error) => active.rejected = Some((error.clone(), Instant::now())),
        }
        chosen
    }

    async fn make_client(&self) -> Result<ActiveClient, SourceError> {
        let loaded = self.load_uri().await?;
        let is_shared = self.shared.is_some();
        let options = driver::options(&loaded.uri, &self.settings, is_shared).await?;
        let default_database = options.default_database.clone();
        let preference = driver::read_preference(&options);
        let log = self.command_log.clone();
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let driver = if let Some(shared) = &self.shared {
            let key = ClientKey::new(&options, loaded.files.1);
            let make = |pool| DriverClient::new(&loaded.uri, options, pool, log);
            shared.acquire(key, make)?
        } else {
            let pool = Arc::clone(&newest.pool);
            Arc::new(DriverClient::new(&loaded.uri, options, pool, log)?)
        };
        newest.errors = Some(Arc::clone(&driver.errors));
        newest.pool = Arc::clone(&driver.pool);
        let members = MemberSelector::new(preference, driver.servers.clone());
        let client = WorkspaceClient {
            driver,
            shared: self.shared.clone(),
            default_database,
            members: Arc::new(members),
            query_timeout: self.settings.query_timeout,
            permits: Arc::clone(&self.permits),
        };
        let (lease, released) = mpsc::channel(1);
        Ok(ActiveClient {
            client: Arc::new(client),
            lease,
            released,
            files: loaded.files,
            checked: Instant::now(),
            chosen: None,
            confirmed: Instant::now(),
            rejected: None,
        })
    }

    /// Replaces the client when its files have changed; while they cannot be used the old one stays.
    async fn renew(&self, managed: &mut ManagedClient) {
        let Some(active) = &mut managed.active else {
            return;
        };
        let is_requested = self.recheck.swap(false, Ordering::Relaxed);
        if !is_requested && active.checked.elapsed() < FILE_CHECK_INTERVAL {
            return;
        }
        active.checked = Instant::now();
        let sources = self.settings.source.files();
        let named = active.client.driver.errors.uri().files();
        if sources.is_empty() && named.is_empty() {
            return;
        }
        let fingerprints = spawn_blocking(move || FileFingerprints::of(&sources, &named));
        let Ok(files) = fingerprints.await else {
            return;
        };
        if files == active.files {
            return;
        }
        active.files = files;
        match self.make_client().await {
            Ok(client) => {
                tracing::info!("files of the connection to MongoDB changed, connecting anew");
                managed.replace(client);
            }
            Err(error) => tracing::warn!(
                reason = %error,
                "files of the connection to MongoDB changed but cannot be used, keeping the current connection"
            ),
        }
    }

    /// The current connection string, and the files that it comes from or names.
    async fn load_uri(&self) -> Result<LoadedUri, SourceError> {
        let source = self.settings.source.clone();
        let loaded = spawn_blocking(move || LoadedUri::of(&source)).await;
        loaded
            .unwrap_or_else(|error| Err(format!("reading files failed: {error}")))
            .map_err(|message| SourceError::new(FailureKind::Misconfigured, message))
    }
}

/// A valid connection string.
struct LoadedUri {
    uri: ConnectionString,
    files: FileFingerprints,
}

/// Fingerprints of the files that contain the connection string, and of those that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileFingerprints(u64, u64);

impl LoadedUri {
    fn of(source: &UriSource) -> Result<Self, String> {
        // Before the files are used: a change in between is noticed later.
        let sources = fingerprint(&source.files());
        let uri = source.read().map_err(|error| error.to_string())?;
        let files = FileFingerprints(sources, fingerprint(&uri.files()));
        match uri.problem() {
            Some(problem) => Err(format!("the connection string can never work: {problem}")),
            None => Ok(Self { uri, files }),
        }
    }
}

impl FileFingerprints {
    fn of(sources: &[PathBuf], named: &[PathBuf]) -> Self {
        Self(fingerprint(sources), fingerprint(named))
    }
}

/// An unreadable file differs from every readable one.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        small_file::read(path).ok().hash(&mut hasher);
    }
    hasher.finish()
}

impl ManagedClient {
    /// The client of a lease, unless it was replaced.
    fn active_of(&self, lease: &ClientLease) -> Option<&ActiveClient> {
        let active = self.active.as_ref();
        active.filter(|_| self.generation == lease.generation)
    }

    fn replace(&mut self, client: ActiveClient) {
        self.end();
        self.generation += 1;
        self.active = Some(client);
    }

    /// Lets go of the client, which is closed once no query uses it.
    fn end(&mut self) {
        let Some(ActiveClient {
            client,
            lease,
            mut released,
            ..
        }) = self.active.take()
        else {
            return;
        };
        drop(lease);
        tokio::spawn(async move {
            timeout(DRAIN_TIMEOUT, released.recv()).await.ok();
            timeout(SHUTDOWN_TIMEOUT, client.release()).await.ok();
        });
    }
}

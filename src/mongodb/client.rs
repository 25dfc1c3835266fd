//! The connection to MongoDB: made by the first query, made anew when files changed that it was made of, and the
//! database that is asked by it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mongodb::Database;
use mongodb::error::Error;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::command_log::Recorder;
use super::connection_string::ConnectionString;
use super::database_choice::{Chosen, Listing, Telling};
use super::driver::{Driver, Words, redacted};
use super::error::{Scope, SourceError};
use super::members::Members;
use super::pool_events::Pool;
use super::settings::MongoSettings;
use super::uri_source::UriSource;
use crate::catalogue::{FailureKind, PoolState};
use crate::small_file;

/// How long files are taken to be as they were.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long a database that is none of Rocket.Chat's is taken to be so.
const CHOOSE_AGAIN: Duration = Duration::from_secs(1);

/// How long ending the connections of a client may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a client that another one has replaced is left to those who still ask by it.
const LAST_QUERIES: Duration = Duration::from_mins(1);

/// A connection that is made by the first query.
#[derive(Debug)]
pub struct Connection {
    settings: MongoSettings,
    pool: Arc<Pool>,
    /// As many places as there may be connections for queries.
    places: Arc<Semaphore>,
    /// What notes each command; `None` unless somebody wants to see them, because it copies every answer.
    recorder: Option<Arc<Recorder>>,
    known: Mutex<Known>,
    /// The words of the newest client, for failures while another one is made.
    words: RwLock<Option<Arc<Words>>>,
}

/// The right to ask by a client, which is not closed as long as there is one.
#[derive(Debug, Clone)]
pub struct Lease {
    number: u64,
    _open: mpsc::Sender<()>,
}

/// What is needed to ask the workspace's database.
#[derive(Debug, Clone)]
pub struct ClientHandle {
    /// Keeps the client open.
    pub lease: Lease,
    /// The database.
    pub database: Database,
    /// The servers that may be asked.
    pub members: Arc<Members>,
}

/// The client, once there is one.
#[derive(Debug, Default)]
struct Known {
    /// Tells clients apart that followed each other.
    number: u64,
    open: Option<Open>,
    /// What the database had that was chosen last, by whichever client.
    telling: Option<Telling>,
}

/// A client that is asked.
#[derive(Debug)]
struct Open {
    driver: Arc<Driver>,
    lease: mpsc::Sender<()>,
    released: mpsc::Receiver<()>,
    /// The files that it was made of, as they were, and when that was seen.
    files: Files,
    looked: Instant,
    chosen: Option<Chosen>,
    /// When the database was last seen to be Rocket.Chat's.
    confirmed: Instant,
    /// Why no database was chosen, and when.
    refused: Option<(SourceError, Instant)>,
}

impl Connection {
    pub fn new(settings: MongoSettings, recorder: Option<Arc<Recorder>>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.max_connections as usize)),
            settings,
            pool: Arc::default(),
            recorder,
            known: Mutex::default(),
            words: RwLock::default(),
        }
    }

    /// The workspace's database, and the right to ask it.
    ///
    /// The lock is held while the client is made and the database is chosen, so that this happens once.
    ///
    /// # Errors
    /// When there is no server, no login, or no database that is Rocket.Chat's.
    pub async fn database(&self) -> Result<ClientHandle, SourceError> {
        let mut known = self.known.lock().await;
        self.renew(&mut known).await;
        if known.open.is_none() {
            let open = self
                .open()
                .await
                .map_err(|error| error.of(Scope::Everything))?;
            known.number += 1;
            known.open = Some(open);
        }
        let Known {
            number,
            open: Some(open),
            telling,
        } = &mut *known
        else {
            unreachable!("it was opened above");
        };
        if let Err(error) = self.choose(open, telling).await {
            if error.kind != FailureKind::NoDatabase {
                // The next one is made of the files as they are then.
                known.end();
            }
            return Err(error.of(Scope::Everything));
        }
        let lease = Lease {
            number: *number,
            _open: open.lease.clone(),
        };
        let chosen = open.chosen.as_ref().expect("it was chosen above");
        Ok(ClientHandle {
            lease,
            database: chosen.database.clone(),
            members: Arc::clone(&open.driver.members),
        })
    }

    /// Sees that the database is still Rocket.Chat's, unless that was seen after `begun`: what is read from one that is
    /// dropped or restored meanwhile does not count.
    ///
    /// # Errors
    /// When it is not, or when that cannot be seen.
    pub async fn confirm(&self, lease: &Lease, begun: Instant) -> Result<(), SourceError> {
        let asked = Instant::now();
        let known = self.known.lock().await;
        let open = known.open_as(lease).filter(|it| it.confirmed < begun);
        let Some((driver, chosen)) =
            open.and_then(|it| Some((Arc::clone(&it.driver), it.chosen.clone()?)))
        else {
            return Ok(());
        };
        // Others may ask meanwhile.
        drop(known);
        let confirmed = Listing(&driver).confirm(&chosen).await;
        let mut known = self.known.lock().await;
        let Some(open) = known.open.as_mut() else {
            return Ok(());
        };
        match confirmed {
            Ok(()) => {
                open.confirmed = open.confirmed.max(asked);
                Ok(())
            }
            // Whatever the failure, the reading is no sign that the database can be read.
            Err(error) => {
                if error.kind == FailureKind::NoDatabase {
                    open.chosen = None;
                    open.refused = Some((error.clone(), Instant::now()));
                }
                Err(error)
            }
        }
    }

    /// Connections for queries.
    pub fn pool(&self) -> PoolState {
        self.pool.state()
    }

    /// Places for queries.
    pub fn places(&self) -> &Semaphore {
        &self.places
    }

    /// What noted the commands.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_deref()
    }

    /// What failed, and what to do about it, without secrets.
    pub fn failure(&self, error: &Error) -> SourceError {
        let words = self.words.read().unwrap_or_else(PoisonError::into_inner);
        match &*words {
            Some(words) => words.of(error),
            None => redacted(&error.into(), std::slice::from_ref(&self.settings.uri)),
        }
    }

    /// Replaces a client, unless another one has taken its place: the next query makes a new one.
    pub async fn forget(&self, lease: &Lease) {
        let mut known = self.known.lock().await;
        if known.open_as(lease).is_some() {
            known.end();
        }
    }

    /// Looks at the files that the client was made of before the next query, however short ago that was done.
    pub async fn look_at_files(&self) {
        if let Some(open) = &mut self.known.lock().await.open {
            open.looked -= LOOK_AGAIN;
        }
    }

    /// Ends the connections.
    pub async fn close(&self) {
        let open = self.known.lock().await.open.take();
        if let Some(open) = open {
            let client = open.driver.client.clone();
            client.shutdown().immediate(true).await;
        }
    }

    /// Chooses the database, unless that was done.
    async fn choose(
        &self,
        open: &mut Open,
        telling: &mut Option<Telling>,
    ) -> Result<(), SourceError> {
        if open.chosen.is_some() {
            return Ok(());
        }
        if let Some((error, at)) = &open.refused
            && at.elapsed() < CHOOSE_AGAIN
        {
            return Err(error.clone());
        }
        let asked = Instant::now();
        let given = open.driver.client.default_database();
        let name = self.settings.database.as_deref();
        let name = name.or_else(|| given.as_ref().map(Database::name));
        let listing = Listing(&open.driver);
        let unseen = self.recorder.is_some();
        let limit = self.settings.connect_timeout + self.settings.query_timeout;
        let chosen = timeout(limit, listing.choose(name, telling.as_ref(), unseen)).await;
        let chosen = chosen.unwrap_or_else(|_| {
            Err(SourceError::new(
                FailureKind::Unreachable,
                format!(
                    "MongoDB did not list its databases within {} s",
                    limit.as_secs()
                ),
            ))
        });
        match chosen {
            Ok(chosen) => {
                *telling = Some(chosen.telling.clone());
                open.chosen = Some(chosen);
                open.confirmed = asked;
                open.refused = None;
                Ok(())
            }
            Err(error) => {
                open.refused = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }

    async fn open(&self) -> Result<Open, SourceError> {
        let read = self.read().await?;
        let driver = Driver::make(
            read.uri,
            &self.settings,
            Arc::clone(&self.pool),
            Arc::clone(&self.places),
            self.recorder.clone(),
        )
        .await?;
        let mut words = self.words.write().unwrap_or_else(PoisonError::into_inner);
        *words = Some(Arc::clone(&driver.words));
        let (lease, released) = mpsc::channel(1);
        Ok(Open {
            driver: Arc::new(driver),
            lease,
            released,
            files: read.files,
            looked: Instant::now(),
            chosen: None,
            confirmed: Instant::now(),
            refused: None,
        })
    }

    /// Makes a new client when files changed that the one there is was made of; while they cannot be used it stays.
    async fn renew(&self, known: &mut Known) {
        let Some(open) = &mut known.open else {
            return;
        };
        if open.looked.elapsed() < LOOK_AGAIN {
            return;
        }
        open.looked = Instant::now();
        let sources = self.settings.source.files();
        let named = open.driver.words.uri().files();
        if sources.is_empty() && named.is_empty() {
            return;
        }
        let Ok(files) = spawn_blocking(move || Files::of(&sources, &named)).await else {
            return;
        };
        if files == open.files {
            return;
        }
        open.files = files;
        match self.open().await {
            Ok(new) => {
                tracing::info!("files of the connection to MongoDB changed, so a new one is made");
                known.end();
                known.number += 1;
                known.open = Some(new);
            }
            Err(error) => tracing::warn!(
                reason = %error,
                "files of the connection to MongoDB changed and cannot be used, so the one there is stays"
            ),
        }
    }

    /// The connection string, and the files that it and its secrets come from, as they are now.
    async fn read(&self) -> Result<Read, SourceError> {
        let source = self.settings.source.clone();
        let read = spawn_blocking(move || Read::of(&source)).await;
        let misconfigured = |message| SourceError::new(FailureKind::Misconfigured, message);
        match read {
            Ok(read) => read.map_err(misconfigured),
            Err(error) => Err(misconfigured(format!("reading files failed: {error}"))),
        }
    }
}

/// A connection string that can be used.
struct Read {
    uri: ConnectionString,
    files: Files,
}

/// What tells contents of files apart: of those that hold the connection string, and of those that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Files(u64, u64);

impl Read {
    fn of(source: &UriSource) -> Result<Self, String> {
        // All before they are used: what changes meanwhile is seen to have changed later.
        let sources = fingerprint(&source.files());
        let uri = source.read().map_err(|error| error.to_string())?;
        let files = Files(sources, fingerprint(&uri.files()));
        match uri.problem() {
            Some(problem) => Err(format!("the connection string can never work: {problem}")),
            None => Ok(Self { uri, files }),
        }
    }
}

impl Files {
    fn of(sources: &[PathBuf], named: &[PathBuf]) -> Self {
        Self(fingerprint(sources), fingerprint(named))
    }
}

/// One that cannot be read is unlike any that can.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        small_file::read(path).ok().hash(&mut hasher);
    }
    hasher.finish()
}

impl Known {
    /// The client of a lease, unless another one has taken its place.
    fn open_as(&self, lease: &Lease) -> Option<&Open> {
        let open = self.open.as_ref();
        open.filter(|_| self.number == lease.number)
    }

    /// Lets go of the client, which ends once nobody asks by it.
    fn end(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let Open {
            driver,
            lease,
            mut released,
            ..
        } = open;
        drop(lease);
        tokio::spawn(async move {
            timeout(LAST_QUERIES, released.recv()).await.ok();
            // A client that is only dropped goes on watching its servers for a while. It says goodbye to them, and one that
            // no longer speaks is not waited for.
            let client = driver.client.clone();
            let farewell = client.shutdown().immediate(true).into_future();
            timeout(FAREWELL, farewell).await.ok();
        });
    }
}

//! Clients of the driver that several workspaces share: those whose connection strings have the same hosts, options and user,
//! and differ only in the database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mongodb::options::ClientOptions;
use tokio::time::Instant;

use super::driver::DriverClient;
use super::error::SourceError;
use super::pool_events::PoolCounters;
use super::reading_turns::ReadingTurns;

/// A client that was made so recently is not replaced: while a server hangs, each of its workspaces would replace it.
const MIN_AGE: Duration = Duration::from_secs(10);

/// The clients and clusters of one process.
#[derive(Debug, Default)]
pub struct SharedClients {
    clients: Mutex<Vec<SharedClient>>,
    /// By hosts and ports.
    turns: Mutex<BTreeMap<String, Weak<ReadingTurns>>>,
}

/// What two workspaces must have in common to share a client.
#[derive(Debug, PartialEq)]
pub struct ClientKey {
    options: ClientOptions,
    /// The fingerprint of the files that the connection string names.
    files: u64,
}

/// A client in use, and the number of workspaces that use it.
#[derive(Debug)]
struct SharedClient {
    key: ClientKey,
    client: Arc<DriverClient>,
    users: usize,
    made: Instant,
    /// Whether no further workspace gets it.
    is_retired: bool,
}

impl ClientKey {
    /// Workspaces with equal options and equal files share a client, whatever the database.
    pub fn new(options: &ClientOptions, files: u64) -> Self {
        let mut options = options.clone();
        // The driver has made it the source of the credentials where none is given, so those still differ.
        options.default_database = None;
        Self { options, files }
    }
}

impl SharedClients {
    /// The client with this key for one more workspace; `make` makes it if there is none.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn acquire(
        &self,
        key: ClientKey,
        make: impl FnOnce(Arc<PoolCounters>) -> Result<DriverClient, SourceError>,
    ) -> Result<Arc<DriverClient>, SourceError> {
        let mut clients = self.clients();
        let mut known = clients.iter_mut();
        if let Some(shared) = known.find(|shared| !shared.is_retired && shared.key == key) {
            shared.users += 1;
            return Ok(Arc::clone(&shared.client));
        }
        let client = Arc::new(make(Arc::default())?);
        clients.push(SharedClient {
            key,
            client: Arc::clone(&client),
            users: 1,
            made: Instant::now(),
            is_retired: false,
        });
        Ok(client)
    }

    /// No further workspace gets this client, unless it is new. Those that have it keep it.
    pub fn retire(&self, client: &Arc<DriverClient>) {
        let mut clients = self.clients();
        let mut clients = clients.iter_mut();
        if let Some(shared) = clients.find(|shared| Arc::ptr_eq(&shared.client, client)) {
            shared.is_retired |= shared.made.elapsed() >= MIN_AGE;
        }
    }

    /// One workspace less uses this client. True when none does, so that it is to be closed.
    pub fn release(&self, client: &Arc<DriverClient>) -> bool {
        let mut clients = self.clients();
        let mut places = clients.iter();
        let Some(place) = places.position(|shared| Arc::ptr_eq(&shared.client, client)) else {
            return true;
        };
        clients[place].users -= 1;
        let is_unused = clients[place].users == 0;
        if is_unused {
            clients.swap_remove(place);
        }
        is_unused
    }

    /// The turns of the cluster with these hosts and ports, whoever the user is.
    pub fn turns(&self, hosts: &str) -> Arc<ReadingTurns> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turns| turns.strong_count() > 0);
        if let Some(turns) = turns.get(hosts).and_then(Weak::upgrade) {
            return turns;
        }
        let new = Arc::<ReadingTurns>::default();
        turns.insert(hosts.to_owned(), Arc::downgrade(&new));
        new
    }

    fn clients(&self) -> MutexGuard<'_, Vec<SharedClient>> {
        // A std mutex: nothing is awaited while it is held.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

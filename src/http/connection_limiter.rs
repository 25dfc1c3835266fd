//! Limits the number of open connections, and the response bytes that slow clients keep in memory.
//!
//! At the limit a new connection evicts a waiting one: of the network with the most connections, the one that has waited
//! longest.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::connection::{ClientConnection, EvictionRank};

/// The connection limit, where the process may open enough files.
pub const MAX_CONNECTIONS: u64 = 512;

/// Open files reserved for the exporter: its log, its configuration, and the host's files.
const RESERVED_FILES: u64 = 32;

/// Open files reserved for the connections to a workspace's database: two or three for each member of its replica set.
const FILES_PER_WORKSPACE: u64 = 12;

/// How long an evicted connection may take before another one is evicted too.
const EVICTION_INTERVAL: Duration = Duration::from_millis(20);

/// Response bytes in memory that clients have not received. A single response may be longer.
const MAX_UNSENT_BYTES: usize = 64 * 1024 * 1024;

/// Limits the connections of all listeners.
#[derive(Debug)]
pub struct ConnectionLimiter {
    slots: Arc<Semaphore>,
    max: u32,
    /// Bytes that clients have not received yet; a response to several clients counts for each.
    total_unsent: Arc<AtomicUsize>,
    // A std mutex: nothing is awaited while it is held.
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    connections: HashMap<u64, Arc<ClientConnection>>,
    next_id: u64,
}

/// A slot for one connection, free again when this is dropped.
#[derive(Debug)]
pub struct ConnectionSlot {
    /// The connection's state.
    pub connection: Arc<ClientConnection>,
    limiter: Arc<ConnectionLimiter>,
    id: u64,
    _permit: OwnedSemaphorePermit,
}

/// The connection limit of a process that may open `max_files` files and reads so many workspaces.
pub fn max_connections(max_files: Option<u64>, workspaces: usize) -> u32 {
    let max = max_files.map_or(MAX_CONNECTIONS, |files| {
        let reserved = RESERVED_FILES + FILES_PER_WORKSPACE * workspaces as u64;
        let rest = files.saturating_sub(reserved).max(files / 4);
        rest.clamp(1, MAX_CONNECTIONS)
    });
    u32::try_from(max).unwrap_or(u32::MAX)
}

impl ConnectionLimiter {
    /// A limiter of `max` connections.
    pub fn new(max: u32) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(max as usize)),
            max,
            total_unsent: Arc::default(),
            open: Mutex::default(),
        }
    }

    /// Acquires a slot for a connection from a network; at the limit another connection is evicted.
    pub async fn acquire(self: &Arc<Self>, network: IpAddr) -> Option<ConnectionSlot> {
        let permit = match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => loop {
                self.evict_one(|_| true);
                let permit = Arc::clone(&self.slots).acquire_owned();
                if let Ok(permit) = timeout(EVICTION_INTERVAL, permit).await {
                    break permit.ok()?;
                }
            },
        };
        let connection = Arc::new(ClientConnection::new(
            network,
            Arc::clone(&self.total_unsent),
        ));
        let mut open = self.open();
        let id = open.next_id;
        open.next_id += 1;
        open.connections.insert(id, Arc::clone(&connection));
        Some(ConnectionSlot {
            connection,
            limiter: Arc::clone(self),
            id,
            _permit: permit,
        })
    }

    /// Evicts slow clients until the unsent responses fit into [`MAX_UNSENT_BYTES`].
    pub async fn evict_slow_clients(&self) {
        while self.exceeds_unsent_limit() && self.evict_one(ClientConnection::is_sending) {
            sleep(EVICTION_INTERVAL).await;
        }
    }

    /// Whether the unsent responses exceed the limit. A response to several clients counts once, which is only computed when
    /// the cheap sum that counts it for each of them exceeds the limit.
    fn exceeds_unsent_limit(&self) -> bool {
        self.total_unsent.load(Ordering::Relaxed) > MAX_UNSENT_BYTES
            && self.unsent_bytes() > MAX_UNSENT_BYTES
    }

    fn unsent_bytes(&self) -> usize {
        let mut bytes_at: HashMap<usize, usize> = HashMap::new();
        for connection in self.open().connections.values() {
            for answer in connection.unsent_answers() {
                let bytes = bytes_at.entry(answer.address).or_default();
                *bytes = answer.bytes.max(*bytes);
            }
        }
        bytes_at.values().sum()
    }

    /// Evicts one of the connections that match; `false` when none does.
    fn evict_one(&self, matches: impl Fn(&ClientConnection) -> bool) -> bool {
        let open = self.open();
        let ranked: Vec<(EvictionRank, &Arc<ClientConnection>)> = open
            .connections
            .values()
            .filter(|connection| matches(connection))
            .filter_map(|connection| Some((connection.eviction_rank()?, connection)))
            .collect();
        let is_waiting = |rank: &EvictionRank| matches!(rank, EvictionRank::Waiting(_));
        let any_waiting = ranked.iter().any(|(rank, _)| is_waiting(rank));
        let candidates = ranked
            .iter()
            .filter(|(rank, _)| is_waiting(rank) == any_waiting);
        let mut per_network: HashMap<IpAddr, usize> = HashMap::new();
        for (_, connection) in candidates.clone() {
            *per_network.entry(connection.network).or_default() += 1;
        }
        let evicted = candidates.max_by_key(|(rank, connection)| {
            (per_network.get(&connection.network), Reverse(*rank))
        });
        if let Some((_, connection)) = evicted {
            connection.evict();
        }
        evicted.is_some()
    }

    /// Closes all connections after the responses to their requests, and waits until they are closed.
    pub async fn drain(&self) {
        for connection in self.open().connections.values() {
            connection.close();
        }
        // Fails only when the semaphore is closed, which never happens.
        self.slots.acquire_many(self.max).await.ok();
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.limiter.open().connections.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::http::connection::UnsentAnswer;

    fn network(id: u32) -> IpAddr {
        Ipv4Addr::from(id).into()
    }

    /// Opens a connection and lets a second pass. It closes when it is evicted.
    async fn connect(limiter: &Arc<ConnectionLimiter>, from: u32) -> Arc<ClientConnection> {
        let slot = limiter.acquire(network(from)).await;
        let slot = slot.expect("the limiter is open");
        let connection = Arc::clone(&slot.connection);
        tokio::spawn(async move {
            slot.connection.close_requested().await;
            drop(slot);
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        connection
    }

    fn is_open(connection: &ClientConnection) -> bool {
        connection.eviction_rank().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn longest_idle_connection_is_evicted_and_a_working_one_is_not() {
        let limiter = Arc::new(ConnectionLimiter::new(3));
        let busy = connect(&limiter, 1).await;
        let _work = busy.begin_work();
        let second = connect(&limiter, 1).await;
        let third = connect(&limiter, 1).await;
        connect(&limiter, 1).await;
        assert!(is_open(&busy) && !is_open(&second) && is_open(&third));
    }

    #[tokio::test(start_paused = true)]
    async fn network_with_most_connections_is_evicted_first() {
        let limiter = Arc::new(ConnectionLimiter::new(5));
        let scraper = connect(&limiter, 1).await;
        let idle = connect(&limiter, 2).await;
        let requesting = connect(&limiter, 2).await;
        let _request = requesting.begin_request();
        let slow = connect(&limiter, 2).await;
        slow.add_unsent(UnsentAnswer {
            address: 1,
            bytes: 1,
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let newest = connect(&limiter, 2).await;
        for (from, expected) in [(3, &idle), (4, &requesting), (5, &slow)] {
            assert!(is_open(expected));
            connect(&limiter, from).await;
            assert!(!is_open(expected));
        }
        assert!(is_open(&newest));
        assert!(is_open(&scraper));
    }

    #[tokio::test(start_paused = true)]
    async fn working_connection_is_evicted_as_the_last_resort() {
        let limiter = Arc::new(ConnectionLimiter::new(1));
        let busy = connect(&limiter, 1).await;
        let _work = busy.begin_work();
        connect(&limiter, 2).await;
        assert!(!is_open(&busy));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_client_is_evicted_at_the_unsent_limit_and_shared_responses_count_once() {
        let limiter = Arc::new(ConnectionLimiter::new(10));
        let fast = connect(&limiter, 1).await;
        let slow = connect(&limiter, 2).await;
        let same = UnsentAnswer {
            address: 1,
            bytes: MAX_UNSENT_BYTES,
        };
        for _ in 0..100 {
            slow.add_unsent(same);
        }
        limiter.evict_slow_clients().await;
        assert!(is_open(&slow));
        let other = UnsentAnswer {
            address: 2,
            bytes: 1,
        };
        slow.add_unsent(other);
        limiter.evict_slow_clients().await;
        assert!(!is_open(&slow) && is_open(&fast));
        for answer in [same; 100].into_iter().chain([other]) {
            slow.remove_unsent(answer, 0);
        }
        assert_eq!(limiter.total_unsent.load(Ordering::Relaxed), 0);
        assert_eq!(limiter.unsent_bytes(), 0);
    }

    #[test]
    fn connection_limit_leaves_files_for_databases() {
        assert_eq!(max_connections(None, 1), 512);
        assert_eq!(max_connections(Some(1_048_576), 200), 512);
        assert_eq!(max_connections(Some(1024), 1), 512);
        assert_eq!(max_connections(Some(256), 1), 212);
        assert_eq!(max_connections(Some(128), 1), 84);
        assert_eq!(max_connections(Some(64), 1), 20);
        assert_eq!(max_connections(Some(1024), 200), 256);
        assert_eq!(max_connections(Some(0), 1), 1);
    }
}

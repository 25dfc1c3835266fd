//! The connections that are open: how many there may be, which one gives way to a further one, and how much they may hold
//! that their clients have not taken.
//!
//! A connection that waits may stay for a while, but gives way as soon as somebody else wants its place: first one of the
//! network that has most of them, and there the one that has waited longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::connection::{Connection, Standing};

/// Connections served at once, where the process may have enough files open.
pub const MOST_CONNECTIONS: u64 = 512;

/// Files that are left to the exporter itself: its log, the files of its settings, those of the host that it reads.
const OWN_FILES: u64 = 32;

/// Files that are left to the connections to a workspace's database: two or three to each of several members.
const FILES_OF_A_WORKSPACE: u64 = 12;

/// How soon the next connection has to give way while no place has become free.
const NEXT: Duration = Duration::from_millis(20);

/// Bytes of answers that are kept for clients that have not taken them. One answer may be longer.
const MOST_UNSENT: usize = 64 * 1024 * 1024;

/// All connections.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    most: u32,
    /// Bytes that clients have not taken yet; an answer that several take counts several times.
    all_kept: Arc<AtomicUsize>,
    // A std mutex: nothing is awaited while it is held.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Arc<Connection>>,
    next_number: u64,
}

/// A connection's place, which it leaves when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// What the connection does.
    pub connection: Arc<Connection>,
    connections: Arc<Connections>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

/// How many connections there may be where a process may have so many files open and reads so many workspaces.
pub fn most(files: Option<u64>, workspaces: usize) -> u32 {
    let most = files.map_or(MOST_CONNECTIONS, |files| {
        let others = OWN_FILES + FILES_OF_A_WORKSPACE * workspaces as u64;
        let rest = files.saturating_sub(others).max(files / 4);
        rest.clamp(1, MOST_CONNECTIONS)
    });
    u32::try_from(most).unwrap_or(u32::MAX)
}

impl Connections {
    /// Room for so many.
    pub fn new(most: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            all_kept: Arc::default(),
            open: Mutex::default(),
        }
    }

    /// A place for one more from a network; another connection gives way where there is none.
    pub async fn place(self: &Arc<Self>, network: IpAddr) -> Option<Place> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => loop {
                self.make_one_give_way(|_| true);
                let permit = Arc::clone(&self.places).acquire_owned();
                if let Ok(permit) = timeout(NEXT, permit).await {
                    break permit.ok()?;
                }
            },
        };
        let connection = Arc::new(Connection::new(network, Arc::clone(&self.all_kept)));
        let mut open = self.open();
        let number = open.next_number;
        open.next_number += 1;
        open.connections.insert(number, Arc::clone(&connection));
        Some(Place {
            connection,
            connections: Arc::clone(self),
            number,
            _permit: permit,
        })
    }

    /// Waits until less is kept than may be, for which clients that are slow give way.
    pub async fn make_room(&self) {
        while self.keeps_too_much() && self.make_one_give_way(Connection::is_sending) {
            sleep(NEXT).await;
        }
    }

    /// Whether more is kept for clients than may be. What several clients take counts once; that is found out only where
    /// the sum that counts it for each of them is too much.
    fn keeps_too_much(&self) -> bool {
        self.all_kept.load(Ordering::Relaxed) > MOST_UNSENT && self.unsent_bytes() > MOST_UNSENT
    }

    fn unsent_bytes(&self) -> usize {
        let mut answers: HashMap<usize, usize> = HashMap::new();
        for connection in self.open().connections.values() {
            for kept in connection.kept() {
                let longest = answers.entry(kept.place).or_default();
                *longest = kept.bytes.max(*longest);
            }
        }
        answers.values().sum()
    }

    /// Makes one of the connections give way that are meant; `false` when there is none.
    fn make_one_give_way(&self, is_meant: impl Fn(&Connection) -> bool) -> bool {
        let open = self.open();
        let standing: Vec<(Standing, &Arc<Connection>)> = open
            .connections
            .values()
            .filter(|connection| is_meant(connection))
            .filter_map(|connection| Some((connection.standing()?, connection)))
            .collect();
        let waits = |standing: &Standing| matches!(standing, Standing::Waits(_));
        let any_waits = standing.iter().any(|(standing, _)| waits(standing));
        let mut networks: HashMap<IpAddr, usize> = HashMap::new();
        let candidates = standing
            .iter()
            .filter(|(standing, _)| waits(standing) == any_waits);
        for (_, connection) in candidates.clone() {
            *networks.entry(connection.network).or_default() += 1;
        }
        let first = candidates.max_by_key(|(standing, connection)| {
            let others = networks.get(&connection.network);
            (others, std::cmp::Reverse(*standing))
        });
        if let Some((_, connection)) = first {
            connection.give_way();
        }
        first.is_some()
    }

    /// Lets every connection end when its requests are answered, and waits until all have.
    pub async fn end_all(&self) {
        for connection in self.open().connections.values() {
            connection.end();
        }
        // Fails only when it is closed, which it never is.
        self.places.acquire_many(self.most).await.ok();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::http::connection::UnsentAnswer;

    fn network(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    /// Takes a place and lets a second pass; the connection leaves when it is asked to.
    async fn place(connections: &Arc<Connections>, from: u32) -> Arc<Connection> {
        let place = connections.place(network(from)).await;
        let place = place.expect("places are not closed");
        let connection = Arc::clone(&place.connection);
        tokio::spawn(async move {
            place.connection.asked_to_end().await;
            drop(place);
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        connection
    }

    fn is_there(connection: &Connection) -> bool {
        connection.standing().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_one_gives_way_and_a_busy_one_never() {
        let connections = Arc::new(Connections::new(3));
        let busy = place(&connections, 1).await;
        let _admitted = busy.admit();
        let second = place(&connections, 1).await;
        let third = place(&connections, 1).await;
        place(&connections, 1).await;
        assert!(is_there(&busy) && !is_there(&second) && is_there(&third));
    }

    #[tokio::test(start_paused = true)]
    async fn the_network_with_most_connections_gives_way_first_whatever_they_wait_for() {
        let connections = Arc::new(Connections::new(5));
        let scraper = place(&connections, 1).await;
        let idle = place(&connections, 2).await;
        let asks = place(&connections, 2).await;
        let _request = asks.begin();
        let slow = place(&connections, 2).await;
        slow.has_to_send(UnsentAnswer { place: 1, bytes: 1 });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let newest = place(&connections, 2).await;
        for (from, expected) in [(3, &idle), (4, &asks), (5, &slow)] {
            assert!(is_there(expected));
            place(&connections, from).await;
            assert!(!is_there(expected));
        }
        assert!(is_there(&newest));
        assert!(is_there(&scraper));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_worked_for_gives_way_where_nothing_else_is_left() {
        let connections = Arc::new(Connections::new(1));
        let busy = place(&connections, 1).await;
        let _admitted = busy.admit();
        place(&connections, 2).await;
        assert!(!is_there(&busy));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_clients_give_way_when_too_much_is_kept_and_what_they_share_counts_once() {
        let connections = Arc::new(Connections::new(10));
        let fast = place(&connections, 1).await;
        let slow = place(&connections, 2).await;
        let same = UnsentAnswer {
            place: 1,
            bytes: MOST_UNSENT,
        };
        for _ in 0..100 {
            slow.has_to_send(same);
        }
        connections.make_room().await;
        assert!(is_there(&slow));
        let other = UnsentAnswer { place: 2, bytes: 1 };
        slow.has_to_send(other);
        connections.make_room().await;
        assert!(!is_there(&slow) && is_there(&fast));
        for kept in [same; 100].into_iter().chain([other]) {
            slow.has_dropped(kept, 0);
        }
        assert_eq!(connections.all_kept.load(Ordering::Relaxed), 0);
        assert_eq!(connections.unsent_bytes(), 0);
    }

    #[test]
    fn connections_leave_files_for_the_databases() {
        assert_eq!(most(None, 1), 512);
        assert_eq!(most(Some(1_048_576), 200), 512);
        assert_eq!(most(Some(1024), 1), 512);
        assert_eq!(most(Some(256), 1), 212);
        assert_eq!(most(Some(128), 1), 84);
        assert_eq!(most(Some(64), 1), 20);
        assert_eq!(most(Some(1024), 200), 256);
        assert_eq!(most(Some(0), 1), 1);
    }
}

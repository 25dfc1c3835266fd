//! The connections that are open: how many there may be, what each one does, and when one has to end.
//!
//! A connection that does nothing may stay for a while, but gives way as soon as somebody else wants its place: the one
//! that has been idle longest ends first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How long a connection that was asked to end may take to send what it has to.
const GRACE: Duration = Duration::from_secs(2);

/// How soon the next idle connection is asked to end while no place has become free.
const NEXT: Duration = Duration::from_millis(20);

/// How long connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request to the end of its headers.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
}

/// All connections.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    most: u32,
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

/// What a connection does.
#[derive(Debug)]
pub struct Connection {
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<State>,
    end: Notify,
}

#[derive(Debug)]
struct State {
    /// Requests under way.
    requests: u32,
    /// When the head began, else when there was last something to do.
    since: Instant,
    /// Whether a part of a head has come.
    reads_head: bool,
    is_ending: bool,
    /// Scrapes whose answers are not sent yet.
    scrapes: Vec<OwnedSemaphorePermit>,
}

/// A request under way, until it is dropped.
pub struct UnderWay(Arc<Connection>);

impl Connections {
    /// Room for so many.
    pub fn new(most: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            open: Mutex::default(),
        }
    }

    /// A place for one more; the connection that is idle longest ends for it where there is none.
    pub async fn place(self: &Arc<Self>) -> Option<Place> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => loop {
                self.end_longest_idle();
                let permit = Arc::clone(&self.places).acquire_owned();
                if let Ok(permit) = timeout(NEXT, permit).await {
                    break permit.ok()?;
                }
            },
        };
        let connection = Arc::new(Connection::new());
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

    fn end_longest_idle(&self) {
        let open = self.open();
        let longest = open
            .connections
            .values()
            .filter_map(|it| Some((it.idle_since()?, it)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, connection)) = longest {
            connection.end();
        }
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

impl Connection {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                requests: 0,
                since: Instant::now(),
                reads_head: false,
                is_ending: false,
                scrapes: Vec::new(),
            }),
            end: Notify::new(),
        }
    }

    /// A request has come.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.requests += 1;
        state.reads_head = false;
        UnderWay(Arc::clone(self))
    }

    /// A part of what may be a head has come.
    pub fn has_read(&self) {
        let mut state = self.state();
        if state.requests == 0 && !state.reads_head {
            state.reads_head = true;
            state.since = Instant::now();
        }
    }

    /// A part of an answer was sent.
    pub fn has_written(&self) {
        let mut state = self.state();
        if !state.reads_head {
            state.since = Instant::now();
        }
    }

    /// All there is was sent.
    pub fn has_sent_all(&self) {
        let mut state = self.state();
        if state.requests == 0 {
            state.scrapes.clear();
        }
    }

    /// Keeps the place of a scrape until its answer is sent.
    pub fn hold(&self, scrape: OwnedSemaphorePermit) {
        self.state().scrapes.push(scrape);
    }

    /// When it has to end unless something happens before.
    pub fn deadline(&self, limits: Limits) -> Option<Instant> {
        let state = self.state();
        let time = if state.is_ending {
            GRACE
        } else if state.reads_head {
            limits.head
        } else {
            limits.idle
        };
        (state.requests == 0).then(|| state.since + time)
    }

    /// Waits until it is asked to end.
    pub async fn asked_to_end(&self) {
        self.end.notified().await;
    }

    fn end(&self) {
        self.state().is_ending = true;
        self.end.notify_one();
    }

    /// Since when it has had nothing to do, unless it has, or is ending already.
    fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.requests == 0 && !state.is_ending).then_some(state.since)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(2),
    };

    #[tokio::test(start_paused = true)]
    async fn a_head_has_less_time_than_the_wait_for_it_and_a_request_all_it_needs() {
        let connection = Arc::new(Connection::new());
        let begun = Instant::now();
        let seconds = |seconds| Some(begun + Duration::from_secs(seconds));
        assert_eq!(connection.deadline(LIMITS), seconds(120));
        tokio::time::advance(Duration::from_secs(30)).await;
        connection.has_read();
        tokio::time::advance(Duration::from_secs(5)).await;
        // More bytes give no more time.
        connection.has_read();
        assert_eq!(connection.deadline(LIMITS), seconds(40));
        let under_way = connection.begin();
        assert_eq!(connection.deadline(LIMITS), None);
        tokio::time::advance(Duration::from_mins(1)).await;
        drop(under_way);
        assert_eq!(connection.deadline(LIMITS), seconds(95 + 120));
        // An answer that is still being taken does.
        tokio::time::advance(Duration::from_secs(5)).await;
        connection.has_written();
        assert_eq!(connection.deadline(LIMITS), seconds(100 + 120));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_one_gives_way_and_a_busy_one_never() {
        let connections = Arc::new(Connections::new(3));
        let place = || async { connections.place().await.expect("places are not closed") };
        let first = place().await;
        let _busy = first.connection.begin();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = place().await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let third = place().await;
        let idle = Arc::clone(&second.connection);
        let ended = tokio::spawn(async move {
            idle.asked_to_end().await;
            drop(second);
        });
        let _fourth = place().await;
        ended.await.expect("the second one ended");
        assert!(third.connection.idle_since().is_some());
        assert!(!first.connection.state().is_ending);
    }
}

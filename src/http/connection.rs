//! The state of one client connection: its requests, its deadline, and how soon it is evicted for another one.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an idle connection may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How far a client may fall behind [`MIN_SEND_RATE`]. A client of that rate receives more in this time than the socket
/// buffers of both sides hold.
const SEND_SLACK: Duration = Duration::from_secs(30);

/// Bytes of a response that a client has to receive each second.
const MIN_SEND_RATE: u32 = 4096;

/// Time limits of connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionTimeouts {
    /// From the first byte of a request to the end of its headers.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
}

/// A client connection.
#[derive(Debug)]
pub struct ClientConnection {
    /// The client's network.
    pub network: IpAddr,
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<ConnectionState>,
    close_requests: Notify,
    /// Bytes that clients of all connections have not received yet; a response to several clients counts for each.
    total_unsent: Arc<AtomicUsize>,
}

/// Response bytes that are kept in memory until the client has received them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsentAnswer {
    /// The address in memory, which a response to several clients shares.
    pub address: usize,
    /// The number of bytes.
    pub bytes: usize,
}

#[derive(Debug)]
struct ConnectionState {
    /// Requests whose response is not produced completely.
    requests: u32,
    /// Those of them that are authorized and being worked on.
    working: u32,
    /// When the head, the request or the sending began; on an idle connection, when it became idle.
    since: Instant,
    head: Head,
    /// Bytes of responses that the client has not received yet.
    unsent_bytes: usize,
    /// The responses that hold these bytes.
    unsent: Vec<UnsentAnswer>,
    /// The deadline for the client to receive more of them.
    send_by: Instant,
    closing: Closing,
    /// The task that waits for the deadline.
    waker: Option<Waker>,
}

/// Whether a part of a request's head was read. Most heads are complete at once, so the clock is only read when the deadline
/// is computed before the rest has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    None,
    /// Since the deadline was last computed.
    New,
    /// Since [`ConnectionState::since`].
    Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// After the responses to its requests.
    Gracefully,
    /// Immediately.
    Now,
}

/// The order in which connections are evicted: the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvictionRank {
    /// Waiting since this time: for a request, a body, a queue, or for the client to receive a response.
    Waiting(Instant),
    /// An authorized request is being worked on since this time.
    Working(Instant),
}

/// A request in progress, until this is dropped.
#[derive(Debug)]
pub struct RequestGuard {
    connection: Arc<ClientConnection>,
    begun: Instant,
}

/// An authorized request that is being worked on, until this is dropped.
#[derive(Debug)]
pub struct WorkGuard(Arc<ClientConnection>);

impl ClientConnection {
    /// A connection from a network; its unsent bytes are added to `total_unsent`.
    pub fn new(network: IpAddr, total_unsent: Arc<AtomicUsize>) -> Self {
        let now = Instant::now();
        Self {
            network,
            state: Mutex::new(ConnectionState {
                requests: 0,
                working: 0,
                since: now,
                head: Head::None,
                unsent_bytes: 0,
                unsent: Vec::new(),
                send_by: now,
                closing: Closing::No,
                waker: None,
            }),
            close_requests: Notify::new(),
            total_unsent,
        }
    }

    /// Begins a request whose head is complete.
    pub fn begin_request(self: &Arc<Self>) -> RequestGuard {
        let mut state = self.state();
        state.requests += 1;
        state.head = Head::None;
        let begun = Instant::now();
        state.since = begun;
        RequestGuard {
            connection: Arc::clone(self),
            begun,
        }
    }

    /// Begins the work on an authorized request: from here on the client cannot delay it.
    pub fn begin_work(self: &Arc<Self>) -> WorkGuard {
        self.state().working += 1;
        WorkGuard(Arc::clone(self))
    }

    /// Notes that bytes were read, which may begin a request's head.
    pub fn note_read(&self) {
        let mut state = self.state();
        if state.requests == 0 && state.head == Head::None {
            state.head = Head::New;
        }
    }

    /// Adds response bytes for the client to receive.
    pub fn add_unsent(&self, answer: UnsentAnswer) {
        self.total_unsent.fetch_add(answer.bytes, Ordering::Relaxed);
        let mut state = self.state();
        state.unsent.push(answer);
        if state.unsent_bytes == 0 && answer.bytes > 0 {
            state.since = Instant::now();
            state.send_by = state.since + SEND_SLACK;
            state.wake();
        }
        state.unsent_bytes += answer.bytes;
    }

    /// Notes that bytes were written to the socket.
    pub fn note_sent(&self, bytes: usize) {
        let mut state = self.state();
        let earned = Duration::from_secs(bytes as u64) / MIN_SEND_RATE;
        let now = Instant::now();
        state.send_by = (now + SEND_SLACK).min(state.send_by + earned);
        state.subtract_unsent(bytes, now);
    }

    /// Removes response bytes from memory, of which `rest` were not sent.
    pub fn remove_unsent(&self, answer: UnsentAnswer, rest: usize) {
        self.total_unsent.fetch_sub(answer.bytes, Ordering::Relaxed);
        let mut state = self.state();
        if let Some(index) = state.unsent.iter().position(|other| *other == answer) {
            state.unsent.swap_remove(index);
        }
        if rest > 0 {
            state.subtract_unsent(rest, Instant::now());
        }
    }

    /// The response bytes that are kept in memory for the client.
    pub fn unsent_answers(&self) -> Vec<UnsentAnswer> {
        self.state().unsent.clone()
    }

    /// When the connection times out; `None` while a request is worked on. The task of `context` is woken when the deadline
    /// moves forward.
    pub fn deadline(&self, timeouts: ConnectionTimeouts, context: &Context<'_>) -> Option<Instant> {
        let mut state = self.state();
        if !matches!(&state.waker, Some(waker) if waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        if state.head == Head::New {
            state.head = Head::Reading;
            state.since = Instant::now();
        }
        state.deadline(timeouts)
    }

    /// Waits until the connection should close.
    pub async fn close_requested(&self) {
        self.close_requests.notified().await;
    }

    /// Closes the connection after the responses to its requests.
    pub fn close(&self) {
        self.state().closing = Closing::Gracefully;
        self.close_requests.notify_one();
    }

    /// Closes the connection for another one: gracefully when it is idle, else immediately.
    pub fn evict(&self) {
        let mut state = self.state();
        let is_idle = state.requests == 0 && state.unsent_bytes == 0 && state.head == Head::None;
        state.closing = if is_idle {
            Closing::Gracefully
        } else {
            Closing::Now
        };
        state.wake();
        self.close_requests.notify_one();
    }

    /// How soon the connection is evicted; `None` when it is closing already.
    pub fn eviction_rank(&self) -> Option<EvictionRank> {
        let state = self.state();
        let is_working = state.working > 0 && state.unsent_bytes == 0;
        (state.closing == Closing::No).then_some(if is_working {
            EvictionRank::Working(state.since)
        } else {
            EvictionRank::Waiting(state.since)
        })
    }

    /// Whether the client has not received a response completely.
    pub fn is_sending(&self) -> bool {
        self.state().unsent_bytes > 0
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestGuard {
    /// The connection that the request came over.
    pub fn connection(&self) -> &Arc<ClientConnection> {
        &self.connection
    }

    /// When the request's head was complete.
    pub fn begun(&self) -> Instant {
        self.begun
    }
}

impl ConnectionState {
    fn deadline(&self, timeouts: ConnectionTimeouts) -> Option<Instant> {
        if self.closing == Closing::Now {
            return Some(Instant::now());
        }
        if self.unsent_bytes > 0 {
            return Some(self.send_by);
        }
        let timeout = if self.closing == Closing::Gracefully {
            CLOSE_TIMEOUT
        } else if self.head != Head::None {
            timeouts.head
        } else {
            timeouts.idle
        };
        (self.requests == 0).then(|| self.since + timeout)
    }

    fn subtract_unsent(&mut self, bytes: usize, now: Instant) {
        self.unsent_bytes -= bytes;
        if self.unsent_bytes == 0 && self.head == Head::None {
            self.since = now;
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.connection.state();
        state.requests -= 1;
        if state.unsent_bytes == 0 {
            state.since = Instant::now();
        }
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        self.0.state().working -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(2),
    };

    fn connection() -> Arc<ClientConnection> {
        let total_unsent = Arc::default();
        Arc::new(ClientConnection::new(
            Ipv4Addr::LOCALHOST.into(),
            total_unsent,
        ))
    }

    fn answer(bytes: usize) -> UnsentAnswer {
        UnsentAnswer { address: 1, bytes }
    }

    fn deadline(connection: &ClientConnection) -> Option<Instant> {
        connection.deadline(TIMEOUTS, &Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_covers_idle_time_and_head_but_not_the_request() {
        let connection = connection();
        let begun = Instant::now();
        let seconds = |seconds| Some(begun + Duration::from_secs(seconds));
        assert_eq!(deadline(&connection), seconds(120));
        tokio::time::advance(Duration::from_secs(30)).await;
        connection.note_read();
        assert_eq!(deadline(&connection), seconds(40));
        tokio::time::advance(Duration::from_secs(5)).await;
        // Further bytes do not extend the deadline.
        connection.note_read();
        assert_eq!(deadline(&connection), seconds(40));
        let request = connection.begin_request();
        assert_eq!(deadline(&connection), None);
        tokio::time::advance(Duration::from_mins(1)).await;
        drop(request);
        assert_eq!(deadline(&connection), seconds(95 + 120));
    }

    #[tokio::test(start_paused = true)]
    async fn client_must_receive_at_the_minimum_rate() {
        let connection = connection();
        let begun = Instant::now();
        let seconds = |seconds| Some(begun + Duration::from_secs(seconds));
        let _request = connection.begin_request();
        connection.add_unsent(answer(10_000_000));
        assert_eq!(deadline(&connection), seconds(30));
        // A fast client earns no credit for later.
        connection.note_sent(5_000_000);
        assert_eq!(deadline(&connection), seconds(30));
        for second in 1..=20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            connection.note_sent(MIN_SEND_RATE as usize);
            assert_eq!(deadline(&connection), seconds(30 + second));
        }
        // A byte each second hardly extends the deadline.
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            connection.note_sent(1);
        }
        let late = deadline(&connection).expect("a response is being sent") - begun;
        assert_eq!(late.as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_connections_are_evicted_before_working_ones() {
        let connection = connection();
        let begun = Instant::now();
        let _request = connection.begin_request();
        assert_eq!(
            connection.eviction_rank(),
            Some(EvictionRank::Waiting(begun))
        );
        let work = connection.begin_work();
        assert_eq!(
            connection.eviction_rank(),
            Some(EvictionRank::Working(begun))
        );
        assert!(EvictionRank::Waiting(Instant::now()) < EvictionRank::Working(begun));
        connection.add_unsent(answer(1));
        assert_eq!(
            connection.eviction_rank(),
            Some(EvictionRank::Waiting(begun))
        );
        connection.note_sent(1);
        drop(work);
        connection.evict();
        assert_eq!(connection.eviction_rank(), None);
        assert_eq!(deadline(&connection), Some(Instant::now()));
    }
}

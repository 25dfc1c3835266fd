//! One connection: what it does, when it has to end, and how soon it gives way to another one.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a connection that was asked to end may take to send what it has to.
const GRACE: Duration = Duration::from_secs(2);

/// How far a client may fall behind [`LEAST_RATE`]. What the kernel takes at once on both sides is far less than a client
/// of that rate takes in this time.
const SLACK: Duration = Duration::from_secs(30);

/// Bytes of an answer that a client has to take in a second.
const LEAST_RATE: u32 = 4096;

/// How long connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request to the end of its headers.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// The network that it comes from.
    pub network: IpAddr,
    // A std mutex: nothing is awaited while it is held.
    state: Mutex<State>,
    end: Notify,
    /// Bytes that the clients of all connections have not taken yet; an answer that several take counts several times.
    all_kept: Arc<AtomicUsize>,
}

/// An answer that is kept until a client has taken it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsentAnswer {
    /// Where it is in memory; the same answer to several clients has one place.
    pub place: usize,
    /// Its length.
    pub bytes: usize,
}

#[derive(Debug)]
struct State {
    /// Requests that came and whose answers are not complete.
    requests: u32,
    /// Those of them that are worked on for somebody who may have the answer.
    admitted: u32,
    /// When the head, the request or the sending began, else when there was last something to do.
    since: Instant,
    /// Whether a part of a head has come.
    reads_head: bool,
    /// Bytes of answers that the client has not taken yet.
    unsent: usize,
    /// Those answers.
    kept: Vec<UnsentAnswer>,
    /// When it has to have taken more of them.
    send_by: Instant,
    ending: Ending,
    /// Who waits for the deadline.
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// When its requests are answered.
    Asked,
    /// At once.
    Cut,
}

/// How soon a connection gives way: the lesser the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It waits: for a request, a body, a turn, a client that takes its answer. Since when.
    Waits(Instant),
    /// It is worked for. Since when.
    Works(Instant),
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<Connection>);

/// A request that is worked on, until it is dropped.
#[derive(Debug)]
pub struct Admitted(Arc<Connection>);

impl Connection {
    /// A connection from a network. What it keeps for its client is added to `all_kept`.
    pub fn new(network: IpAddr, all_kept: Arc<AtomicUsize>) -> Self {
        let now = Instant::now();
        Self {
            network,
            state: Mutex::new(State {
                requests: 0,
                admitted: 0,
                since: now,
                reads_head: false,
                unsent: 0,
                kept: Vec::new(),
                send_by: now,
                ending: Ending::No,
                waker: None,
            }),
            end: Notify::new(),
            all_kept,
        }
    }

    /// A request has come.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.requests += 1;
        state.reads_head = false;
        state.since = Instant::now();
        UnderWay(Arc::clone(self))
    }

    /// A request is worked on from now on: nothing that anybody could prolong is waited for.
    pub fn admit(self: &Arc<Self>) -> Admitted {
        self.state().admitted += 1;
        Admitted(Arc::clone(self))
    }

    /// A part of what may be a head has come.
    pub fn has_read(&self) {
        let mut state = self.state();
        if state.requests == 0 && !state.reads_head {
            state.reads_head = true;
            state.since = Instant::now();
        }
    }

    /// An answer is there for the client to take.
    pub fn has_to_send(&self, kept: UnsentAnswer) {
        self.all_kept.fetch_add(kept.bytes, Ordering::Relaxed);
        let mut state = self.state();
        state.kept.push(kept);
        if state.unsent == 0 && kept.bytes > 0 {
            state.since = Instant::now();
            state.send_by = state.since + SLACK;
            state.wake();
        }
        state.unsent += kept.bytes;
    }

    /// The client has taken so many of them.
    pub fn has_sent(&self, bytes: usize) {
        let mut state = self.state();
        let bought = Duration::from_secs(bytes as u64) / LEAST_RATE;
        let now = Instant::now();
        state.send_by = (now + SLACK).min(state.send_by + bought);
        state.has_less(bytes, now);
    }

    /// An answer is no longer kept; so many bytes of it will not be sent.
    pub fn has_dropped(&self, kept: UnsentAnswer, rest: usize) {
        self.all_kept.fetch_sub(kept.bytes, Ordering::Relaxed);
        let mut state = self.state();
        if let Some(index) = state.kept.iter().position(|other| *other == kept) {
            state.kept.swap_remove(index);
        }
        if rest > 0 {
            state.has_less(rest, Instant::now());
        }
    }

    /// The answers that its client has not taken yet.
    pub fn kept(&self) -> Vec<UnsentAnswer> {
        self.state().kept.clone()
    }

    /// When it has to end unless something happens before. Who asks is woken when it becomes sooner.
    pub fn deadline(&self, limits: Limits, context: &Context<'_>) -> Option<Instant> {
        let mut state = self.state();
        if !matches!(&state.waker, Some(waker) if waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        state.deadline(limits)
    }

    /// Waits until it is asked to end.
    pub async fn asked_to_end(&self) {
        self.end.notified().await;
    }

    /// Asks it to end when its requests are answered.
    pub fn end(&self) {
        self.state().ending = Ending::Asked;
        self.end.notify_one();
    }

    /// Makes it give way: one that is idle may say goodbye, and any other one ends at once.
    pub fn give_way(&self) {
        let mut state = self.state();
        let is_idle = state.requests == 0 && state.unsent == 0 && !state.reads_head;
        state.ending = if is_idle { Ending::Asked } else { Ending::Cut };
        state.wake();
        self.end.notify_one();
    }

    /// How soon it gives way; `None` when it is about to end anyway.
    pub fn standing(&self) -> Option<Standing> {
        let state = self.state();
        let works = state.admitted > 0 && state.unsent == 0;
        (state.ending == Ending::No).then_some(if works {
            Standing::Works(state.since)
        } else {
            Standing::Waits(state.since)
        })
    }

    /// Whether its client has a part of an answer to take.
    pub fn is_sending(&self) -> bool {
        self.state().unsent > 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// The connection that the request came over.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl State {
    fn deadline(&self, limits: Limits) -> Option<Instant> {
        if self.ending == Ending::Cut {
            return Some(Instant::now());
        }
        if self.unsent > 0 {
            return Some(self.send_by);
        }
        let time = if self.ending == Ending::Asked {
            GRACE
        } else if self.reads_head {
            limits.head
        } else {
            limits.idle
        };
        (self.requests == 0).then(|| self.since + time)
    }

    fn has_less(&mut self, bytes: usize, now: Instant) {
        self.unsent -= bytes;
        if self.unsent == 0 && !self.reads_head {
            self.since = now;
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        if state.unsent == 0 {
            state.since = Instant::now();
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.state().admitted -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(2),
    };

    fn connection() -> Arc<Connection> {
        let all_kept = Arc::default();
        Arc::new(Connection::new(Ipv4Addr::LOCALHOST.into(), all_kept))
    }

    fn answer(bytes: usize) -> UnsentAnswer {
        UnsentAnswer { place: 1, bytes }
    }

    fn deadline(connection: &Connection) -> Option<Instant> {
        connection.deadline(LIMITS, &Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_less_time_than_the_wait_for_it_and_a_request_all_it_needs() {
        let connection = connection();
        let begun = Instant::now();
        let seconds = |seconds| Some(begun + Duration::from_secs(seconds));
        assert_eq!(deadline(&connection), seconds(120));
        tokio::time::advance(Duration::from_secs(30)).await;
        connection.has_read();
        tokio::time::advance(Duration::from_secs(5)).await;
        // More bytes give no more time.
        connection.has_read();
        assert_eq!(deadline(&connection), seconds(40));
        let under_way = connection.begin();
        assert_eq!(deadline(&connection), None);
        tokio::time::advance(Duration::from_mins(1)).await;
        drop(under_way);
        assert_eq!(deadline(&connection), seconds(95 + 120));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_to_take_its_answer_at_the_least_rate() {
        let connection = connection();
        let begun = Instant::now();
        let seconds = |seconds| Some(begun + Duration::from_secs(seconds));
        let _under_way = connection.begin();
        connection.has_to_send(answer(10_000_000));
        assert_eq!(deadline(&connection), seconds(30));
        // What is taken fast gives no credit for later.
        connection.has_sent(5_000_000);
        assert_eq!(deadline(&connection), seconds(30));
        for second in 1..=20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            connection.has_sent(LEAST_RATE as usize);
            assert_eq!(deadline(&connection), seconds(30 + second));
        }
        // A byte a second is as good as none.
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            connection.has_sent(1);
        }
        let late = deadline(&connection).expect("it sends") - begun;
        assert_eq!(late.as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_gives_way_before_what_is_worked_on() {
        let connection = connection();
        let begun = Instant::now();
        let _under_way = connection.begin();
        assert_eq!(connection.standing(), Some(Standing::Waits(begun)));
        let admitted = connection.admit();
        assert_eq!(connection.standing(), Some(Standing::Works(begun)));
        assert!(Standing::Waits(Instant::now()) < Standing::Works(begun));
        connection.has_to_send(answer(1));
        assert_eq!(connection.standing(), Some(Standing::Waits(begun)));
        connection.has_sent(1);
        drop(admitted);
        connection.give_way();
        assert_eq!(connection.standing(), None);
        assert_eq!(deadline(&connection), Some(Instant::now()));
    }
}

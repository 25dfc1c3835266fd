//! Turns at what is done once at a time. Networks take turns, so that none keeps the others waiting; and of one network
//! the newest request comes first, because whoever floods the queue is in it already.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The queue.
#[derive(Debug, Default)]
pub struct Turns(
    // A std mutex: nothing is awaited while it is held.
    Mutex<State>,
);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    /// Requests of each network, the newest last. The network that comes next is the first.
    waiting: VecDeque<(IpAddr, Vec<oneshot::Sender<Turn>>)>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(Option<Arc<Turns>>);

impl Turns {
    /// Waits for a turn.
    pub async fn take(self: &Arc<Self>, network: IpAddr) -> Turn {
        loop {
            let turn = {
                let mut state = self.state();
                if !state.is_taken {
                    state.is_taken = true;
                    return Turn(Some(Arc::clone(self)));
                }
                let (sender, turn) = oneshot::channel();
                state.add(network, sender);
                turn
            };
            if let Ok(turn) = turn.await {
                return turn;
            }
        }
    }

    fn pass_on(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.next();
                state.is_taken = next.is_some();
                next
            };
            let Some(next) = next else {
                return;
            };
            match next.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // It waits no more, and passes nothing on.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, network: IpAddr, sender: oneshot::Sender<Turn>) {
        let known = self.waiting.iter_mut().find(|(known, _)| *known == network);
        match known {
            Some((_, waiting)) => {
                // Those that left would stay for good where newer ones always come first.
                waiting.retain(|sender| !sender.is_closed());
                waiting.push(sender);
            }
            None => self.waiting.push_back((network, vec![sender])),
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some((network, mut waiting)) = self.waiting.pop_front() {
            if let Some(newest) = waiting.pop() {
                self.waiting.push_back((network, waiting));
                return Some(newest);
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    /// Starts to wait, and notes when the turn comes.
    async fn wait(
        turns: &Arc<Turns>,
        network: u8,
        name: &'static str,
        order: &mpsc::UnboundedSender<&'static str>,
    ) -> JoinHandle<()> {
        let (turns, order) = (Arc::clone(turns), order.clone());
        let waiting = tokio::spawn(async move {
            let _turn = turns.take([192, 0, 2, network].into()).await;
            order.send(name).expect("somebody notes it");
        });
        yield_now().await;
        waiting
    }

    #[tokio::test]
    async fn networks_take_turns_and_within_one_the_newest_comes_first() {
        let turns = Arc::new(Turns::default());
        let (order, mut noted) = mpsc::unbounded_channel();
        let held = turns.take([192, 0, 2, 9].into()).await;
        for (network, name) in [(1, "1a"), (1, "1b"), (1, "1c"), (2, "2a"), (1, "1d")] {
            wait(&turns, network, name, &order).await;
        }
        drop((held, order));
        let mut names = Vec::new();
        while let Some(name) = noted.recv().await {
            names.push(name);
        }
        assert_eq!(names, ["1d", "2a", "1c", "1b", "1a"]);
        assert!(!turns.state().is_taken);
    }

    #[tokio::test]
    async fn whoever_left_gets_no_turn_and_keeps_nobody_waiting() {
        let turns = Arc::new(Turns::default());
        let (order, mut noted) = mpsc::unbounded_channel();
        let held = turns.take([192, 0, 2, 9].into()).await;
        wait(&turns, 1, "stays", &order).await;
        for _ in 0..1000 {
            let leaves = wait(&turns, 1, "leaves", &order).await;
            leaves.abort();
            yield_now().await;
        }
        assert!(turns.state().waiting[0].1.len() <= 2);
        drop((held, order));
        assert_eq!(noted.recv().await, Some("stays"));
        assert_eq!(noted.recv().await, None);
    }
}

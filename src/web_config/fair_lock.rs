//! A lock whose waiters are served fairly: networks take lock, so that none delays the others. Within a network the newest
//! request comes first, because a flood fills the queue with older ones.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The lock.
#[derive(Debug, Default)]
pub struct FairLock(
    // A std mutex: nothing is awaited while it is held.
    Mutex<FairLockState>,
);

#[derive(Debug, Default)]
struct FairLockState {
    is_locked: bool,
    /// The waiters of each network, the newest last; the next network is the first.
    waiters: VecDeque<(IpAddr, Vec<oneshot::Sender<FairLockGuard>>)>,
}

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub struct FairLockGuard(Option<Arc<FairLock>>);

impl FairLock {
    /// Waits for the lock.
    pub async fn lock(self: &Arc<Self>, network: IpAddr) -> FairLockGuard {
        loop {
            let guard = {
                let mut state = self.state();
                if !state.is_locked {
                    state.is_locked = true;
                    return FairLockGuard(Some(Arc::clone(self)));
                }
                let (sender, guard) = oneshot::channel();
                state.add(network, sender);
                guard
            };
            if let Ok(guard) = guard.await {
                return guard;
            }
        }
    }

    fn unlock(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.next();
                state.is_locked = next.is_some();
                next
            };
            let Some(next) = next else {
                return;
            };
            match next.send(FairLockGuard(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // The waiter is gone. The guard must not pass the lock on itself.
                Err(mut guard) => drop(guard.0.take()),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, FairLockState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FairLockState {
    fn add(&mut self, network: IpAddr, sender: oneshot::Sender<FairLockGuard>) {
        let known = self.waiters.iter_mut().find(|(known, _)| *known == network);
        match known {
            Some((_, waiting)) => {
                // Newer ones come first, so those that are gone would never be removed.
                waiting.retain(|sender| !sender.is_closed());
                waiting.push(sender);
            }
            None => self.waiters.push_back((network, vec![sender])),
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<FairLockGuard>> {
        while let Some((network, mut waiting)) = self.waiters.pop_front() {
            if let Some(newest) = waiting.pop() {
                self.waiters.push_back((network, waiting));
                return Some(newest);
            }
        }
        None
    }
}

impl Drop for FairLockGuard {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    /// Waits for the lock, and records when it is acquired.
    async fn wait(
        lock: &Arc<FairLock>,
        network: u8,
        name: &'static str,
        order: &mpsc::UnboundedSender<&'static str>,
    ) -> JoinHandle<()> {
        let (lock, order) = (Arc::clone(lock), order.clone());
        let waiting = tokio::spawn(async move {
            let _guard = lock.lock([192, 0, 2, network].into()).await;
            order.send(name).expect("the test receives it");
        });
        yield_now().await;
        waiting
    }

    #[tokio::test]
    async fn networks_take_turns_and_the_newest_waiter_of_one_is_first() {
        let lock = Arc::new(FairLock::default());
        let (order, mut noted) = mpsc::unbounded_channel();
        let held = lock.lock([192, 0, 2, 9].into()).await;
        for (network, name) in [(1, "1a"), (1, "1b"), (1, "1c"), (2, "2a"), (1, "1d")] {
            wait(&lock, network, name, &order).await;
        }
        drop((held, order));
        let mut names = Vec::new();
        while let Some(name) = noted.recv().await {
            names.push(name);
        }
        assert_eq!(names, ["1d", "2a", "1c", "1b", "1a"]);
        assert!(!lock.state().is_locked);
    }

    #[tokio::test]
    async fn cancelled_waiter_is_skipped() {
        let lock = Arc::new(FairLock::default());
        let (order, mut noted) = mpsc::unbounded_channel();
        let held = lock.lock([192, 0, 2, 9].into()).await;
        wait(&lock, 1, "stays", &order).await;
        for _ in 0..1000 {
            let leaves = wait(&lock, 1, "leaves", &order).await;
            leaves.abort();
            yield_now().await;
        }
        assert!(lock.state().waiters[0].1.len() <= 2);
        drop((held, order));
        assert_eq!(noted.recv().await, Some("stays"));
        assert_eq!(noted.recv().await, None);
    }
}

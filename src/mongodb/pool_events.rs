//! Counting the connections for queries, by what the driver tells of them.

use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::event::cmap::CmapEvent;

use crate::catalogue::PoolState;

/// Counters that only grow; what is open or in use now is a difference.
#[derive(Debug, Default)]
pub struct Pool {
    opened: AtomicU64,
    closed: AtomicU64,
    taken: AtomicU64,
    returned: AtomicU64,
}

impl Pool {
    /// Notes what happened.
    pub fn note(&self, event: &CmapEvent) {
        let counter = match event {
            CmapEvent::ConnectionCreated(_) => &self.opened,
            CmapEvent::ConnectionClosed(_) => &self.closed,
            CmapEvent::ConnectionCheckedOut(_) => &self.taken,
            CmapEvent::ConnectionCheckedIn(_) => &self.returned,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn state(&self) -> PoolState {
        // What ends is read before what begins, so that a difference is never negative.
        let [closed, returned, opened, taken] =
            [&self.closed, &self.returned, &self.opened, &self.taken]
                .map(|counter| counter.load(Ordering::Relaxed));
        PoolState {
            open: opened.saturating_sub(closed),
            in_use: taken.saturating_sub(returned),
            opened,
        }
    }
}

//! Counters of the connections for queries, from the driver's events.

use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::event::cmap::CmapEvent;

use crate::catalogue::PoolState;

/// Monotonic counters; the gauges are their differences.
#[derive(Debug, Default)]
pub struct PoolCounters {
    opened: AtomicU64,
    closed: AtomicU64,
    checked_out: AtomicU64,
    checked_in: AtomicU64,
}

impl PoolCounters {
    /// Records an event of the driver's connection pool.
    pub fn record(&self, event: &CmapEvent) {
        let counter = match event {
            CmapEvent::ConnectionCreated(_) => &self.opened,
            CmapEvent::ConnectionClosed(_) => &self.closed,
            CmapEvent::ConnectionCheckedOut(_) => &self.checked_out,
            CmapEvent::ConnectionCheckedIn(_) => &self.checked_in,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The current state.
    pub fn state(&self) -> PoolState {
        // Ends are read before beginnings, so that a difference is never negative.
        let [closed, checked_in, opened, checked_out] = [
            &self.closed,
            &self.checked_in,
            &self.opened,
            &self.checked_out,
        ]
        .map(|counter| counter.load(Ordering::Relaxed));
        PoolState {
            open: opened.saturating_sub(closed),
            in_use: checked_out.saturating_sub(checked_in),
            opened,
        }
    }
}

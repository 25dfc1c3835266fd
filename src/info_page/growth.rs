//! Caches the workspace's growth for the Info page, and reads it in the background.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::catalogue::GrowthPoint;
use crate::collectors::Collector;
use crate::http::{QueryRejected, ServedWorkspace, Unavailable};

/// How long the growth is cached.
const CACHE_TTL: Duration = Duration::from_mins(10);

/// The pause after a failure.
const RETRY_DELAY: Duration = Duration::from_mins(1);

/// How long a page waits for a reading: enough for most workspaces to be complete on the first view.
const MAX_WAIT: Duration = Duration::from_millis(25);

/// What a page shows of the growth.
#[derive(Debug, Clone)]
pub enum GrowthStatus {
    /// The page does not show it.
    NotNeeded,
    /// It is being read.
    Loading,
    /// The growth, or why it is unknown.
    Done(Result<Arc<[GrowthPoint]>, String>),
}

/// The cached growth. Begins a reading when it is outdated.
pub async fn status(workspace: &Arc<ServedWorkspace>) -> GrowthStatus {
    if !workspace.collectors.contains(&Collector::StoredDocument) {
        let why = "The stored statistics are not read: the collector stored is switched off.";
        return GrowthStatus::Done(Err(why.to_owned()));
    }
    let growth = &workspace.info_page.growth;
    let mut states = growth.subscribe();
    let starts = growth.send_if_modified(|state| {
        let is_outdated = state.known.as_ref().is_none_or(|(at, growth)| {
            let ttl = if growth.is_ok() {
                CACHE_TTL
            } else {
                RETRY_DELAY
            };
            at.elapsed() > ttl
        });
        let starts = is_outdated && !state.is_reading && workspace.is_up();
        state.is_reading |= starts;
        starts
    });
    if starts {
        tokio::spawn(read(Arc::clone(workspace)));
    }
    // An outdated growth is better than to wait.
    let waited = timeout(
        MAX_WAIT,
        states.wait_for(|state| state.known.is_some() || !state.is_reading),
    )
    .await;
    drop(waited);
    let state = growth.borrow().clone();
    match (state.known, state.is_reading) {
        (Some((_, known)), _) => GrowthStatus::Done(known),
        (None, true) => GrowthStatus::Loading,
        (None, false) => GrowthStatus::Done(Err("Not known: the database is not read.".to_owned())),
    }
}

async fn read(workspace: Arc<ServedWorkspace>) {
    let growth = match workspace.backend.growth().await {
        Ok(Ok(points)) => Ok(points.into()),
        Ok(Err(QueryRejected(why))) => Err(why),
        Err(Unavailable) => {
            Err("The stored statistics cannot be read; the reason is in the log.".to_owned())
        }
    };
    workspace.info_page.growth.send_modify(|state| {
        state.known = Some((Instant::now(), growth));
        state.is_reading = false;
    });
}

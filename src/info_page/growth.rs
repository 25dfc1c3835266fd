//! How a workspace grew, as it was last read: once in a while, and never while somebody waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::catalogue::GrowthPoint;
use crate::collectors::Collector;
use crate::http::{Refused, Unavailable, Workspace};

/// How long it is believed.
const CACHE_TTL: Duration = Duration::from_mins(10);

/// How long it is left alone after it could not be read.
const LEFT_ALONE_FOR: Duration = Duration::from_mins(1);

/// How long a page waits for it: long enough for most workspaces to be complete at the first sight.
const WAIT: Duration = Duration::from_millis(25);

/// What a page shows of it.
#[derive(Debug, Clone)]
pub enum Reading {
    /// Nothing.
    NotNeeded,
    /// That it is read.
    UnderWay,
    /// What was read, or why nothing was.
    Done(Result<Arc<[GrowthPoint]>, String>),
}

/// What is known, which begins a reading where that is old.
pub async fn look(workspace: &Arc<Workspace>) -> Reading {
    if !workspace.collectors.contains(&Collector::Stored) {
        let why = "The stored statistics are not read: the collector stored is switched off.";
        return Reading::Done(Err(why.to_owned()));
    }
    let growth = &workspace.desk.growth;
    let mut states = growth.subscribe();
    let begins = growth.send_if_modified(|state| {
        let is_old = state.known.as_ref().is_none_or(|(at, known)| {
            let believed = if known.is_ok() {
                CACHE_TTL
            } else {
                LEFT_ALONE_FOR
            };
            at.elapsed() > believed
        });
        let begins = is_old && !state.is_reading && workspace.is_up();
        state.is_reading |= begins;
        begins
    });
    if begins {
        tokio::spawn(read(Arc::clone(workspace)));
    }
    // What was read before is better than to wait.
    let known = timeout(
        WAIT,
        states.wait_for(|it| it.known.is_some() || !it.is_reading),
    )
    .await;
    drop(known);
    let state = growth.borrow().clone();
    match (state.known, state.is_reading) {
        (Some((_, known)), _) => Reading::Done(known),
        (None, true) => Reading::UnderWay,
        (None, false) => Reading::Done(Err("Not known: the database is not read.".to_owned())),
    }
}

async fn read(workspace: Arc<Workspace>) {
    let grown = match workspace.backend.growth().await {
        Ok(Ok(grown)) => Ok(grown.into()),
        Ok(Err(Refused(why))) => Err(why),
        Err(Unavailable) => {
            Err("The stored statistics cannot be read; the reason is in the log.".to_owned())
        }
    };
    workspace.desk.growth.send_modify(|state| {
        state.known = Some((Instant::now(), grown));
        state.is_reading = false;
    });
}

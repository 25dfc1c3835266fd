//! The button that reads everything once more: one reading at a time, not too often, and only from the page itself.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::csrf;
use super::page::Refreshed;
use super::state::RefreshState;
use crate::collectors::{RefreshScope, Snapshot};
use crate::http::response::{self, Response};
use crate::http::{Unavailable, Workspace};

/// From the end of one reading to the begin of the next.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the answer waits for the reading; a longer one goes on, and the page shows how far it is.
const WAIT: Duration = Duration::from_secs(2);

/// As the page shows it.
pub fn shown(state: &RefreshState, snapshot: &Snapshot) -> Refreshed {
    // The tiers read on by themselves meanwhile.
    let collectors = snapshot.outcomes.len() as u64;
    let done = |before: u64| readings(snapshot).saturating_sub(before).min(collectors);
    Refreshed {
        running: state.running.map(done),
        last: state
            .last
            .map(|(_, at, took, succeeded)| (at, took, succeeded)),
    }
}

/// Reads everything once more, and shows the page again.
pub async fn answer(
    workspace: &Arc<Workspace>,
    request: &Request<Incoming>,
    path: &str,
) -> Response {
    let desk = &workspace.desk;
    if let Some(refusal) = csrf::refusal(request, &desk.token) {
        return refusal;
    }
    let mut states = desk.refreshing.subscribe();
    let mut wait = None;
    let before = readings(&workspace.snapshots.borrow());
    let begins = desk.refreshing.send_if_modified(|state| {
        let ended = state.last.map(|(ended, ..)| ended.elapsed());
        wait = ended.and_then(|it| PAUSE.checked_sub(it));
        let begins = state.running.is_none() && wait.is_none();
        if begins {
            state.running = Some(before);
        }
        begins
    });
    if begins {
        tokio::spawn(refresh(Arc::clone(workspace)));
    } else if let Some(wait) = wait.filter(|_| states.borrow().running.is_none()) {
        let seconds = wait.as_secs() + 1;
        let text = format!("It was refreshed just now; it can be again in {seconds} s.\n");
        return response::too_soon(text, seconds);
    }
    drop(timeout(WAIT, states.wait_for(|it| it.running.is_none())).await);
    response::see_other(path)
}

async fn refresh(workspace: Arc<Workspace>) {
    let begun = Instant::now();
    let result = workspace.backend.refresh(RefreshScope::Everything).await;
    let succeeded = match result {
        Ok(snapshot) => snapshot.up() != Some(false),
        Err(Unavailable) => false,
    };
    let now = workspace.backend.now();
    workspace.desk.refreshing.send_modify(|state| {
        state.running = None;
        state.last = Some((Instant::now(), now, begun.elapsed(), succeeded));
    });
}

/// Readings since the start.
fn readings(snapshot: &Snapshot) -> u64 {
    snapshot.outcomes.values().map(|it| it.readings).sum()
}

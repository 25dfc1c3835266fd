//! The Refresh button: runs all collectors, one refresh at a time and not too often.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::csrf;
use super::page::RefreshStatus;
use super::state::RefreshState;
use crate::collectors::{RefreshScope, Snapshot};
use crate::http::response::{self, Response};
use crate::http::{ServedWorkspace, Unavailable};

/// The pause between two refreshes.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the response waits for the refresh. A longer one continues, and the page shows its progress.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The status for the page.
pub fn status(state: &RefreshState, snapshot: &Snapshot) -> RefreshStatus {
    // Scheduled collector runs count too, so the sum may be larger.
    let collectors = snapshot.outcomes.len() as u64;
    let done = |before: u64| runs(snapshot).saturating_sub(before).min(collectors);
    RefreshStatus {
        running: state.running.map(done),
        last: state
            .last
            .map(|(_, at, took, succeeded)| (at, took, succeeded)),
    }
}

/// Handles the button: refreshes, and redirects to the page.
pub async fn handle(
    workspace: &Arc<ServedWorkspace>,
    request: &Request<Incoming>,
    path: &str,
) -> Response {
    let state = &workspace.info_page;
    if let Some(rejection) = csrf::rejection(request, &state.token) {
        return rejection;
    }
    let mut states = state.refreshing.subscribe();
    let mut wait = None;
    let before = runs(&workspace.snapshots.borrow());
    let starts = state.refreshing.send_if_modified(|state| {
        let ended = state.last.map(|(ended, ..)| ended.elapsed());
        wait = ended.and_then(|elapsed| PAUSE.checked_sub(elapsed));
        let starts = state.running.is_none() && wait.is_none();
        if starts {
            state.running = Some(before);
        }
        starts
    });
    if starts {
        tokio::spawn(refresh(Arc::clone(workspace)));
    } else if let Some(wait) = wait.filter(|_| states.borrow().running.is_none()) {
        let seconds = wait.as_secs() + 1;
        let text = format!("It was refreshed just now; it can be again in {seconds} s.\n");
        return response::too_soon(text, seconds);
    }
    drop(timeout(MAX_WAIT, states.wait_for(|state| state.running.is_none())).await);
    response::see_other(path)
}

async fn refresh(workspace: Arc<ServedWorkspace>) {
    let begun = Instant::now();
    let result = workspace.backend.refresh(RefreshScope::Everything).await;
    let succeeded = match result {
        Ok(snapshot) => snapshot.up() != Some(false),
        Err(Unavailable) => false,
    };
    let now = workspace.backend.now();
    workspace.info_page.refreshing.send_modify(|state| {
        state.running = None;
        state.last = Some((Instant::now(), now, begun.elapsed(), succeeded));
    });
}

/// The number of collector runs since the start.
fn runs(snapshot: &Snapshot) -> u64 {
    snapshot
        .outcomes
        .values()
        .map(|outcome| outcome.readings)
        .sum()
}

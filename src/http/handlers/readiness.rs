//! `/-/ready`: whether a database can be read.

use hyper::StatusCode;

use crate::catalogue::{Availability, ReadState, Timestamp};
use crate::http::response::{self, Response};
use crate::http::{ServedWorkspaces, Targets};

/// 200 while a database can be read, else 503 with the time since when none can be, and the reason.
pub fn handle(targets: &Targets) -> Response {
    match not_ready_reason(targets) {
        None => response::text(StatusCode::OK, "Ready.\n"),
        Some(reason) => response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Not ready: {reason}.\n"),
        ),
    }
}

/// Why the exporter is not ready. Of several workspaces each has to be tried and one be up: a workspace that is down does
/// not hide the others.
fn not_ready_reason(targets: &Targets) -> Option<String> {
    let several = match &targets.workspaces {
        ServedWorkspaces::Single(workspace) => {
            return workspace
                .availability()
                .filter(|availability| !availability.is_up())
                .map(|availability| {
                    let since = since(availability);
                    format!(
                        "{} of the workspace's database {since}",
                        subject(availability)
                    )
                });
        }
        ServedWorkspaces::Named(workspaces) => workspaces,
    };
    let states: Vec<_> = several
        .values()
        .filter_map(|workspace| workspace.availability())
        .collect();
    let number = states.len();
    let untried: Vec<_> = states
        .iter()
        .filter(|availability| availability.state == ReadState::Untried)
        .collect();
    if let Some(first) = untried.first() {
        return Some(format!(
            "{} of {number} workspaces have not been tried yet, one {}",
            untried.len(),
            since(**first)
        ));
    }
    if states.is_empty() || states.iter().any(|availability| availability.is_up()) {
        return None;
    }
    let newest = states
        .iter()
        .max_by_key(|availability| availability.since)?;
    Some(format!(
        "nothing is read of any of {number} workspaces, of the last {}",
        since(*newest)
    ))
}

fn subject(availability: Availability) -> &'static str {
    match availability.state {
        ReadState::Untried => "nothing has been read yet",
        _ => "nothing is read",
    }
}

fn since(availability: Availability) -> String {
    let since = format!("since {}", time(availability.since));
    match availability.reason {
        Some(reason) => format!("{since}: {}", reason.explanation()),
        None => since,
    }
}

/// A time in UTC, as ISO 8601.
fn time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

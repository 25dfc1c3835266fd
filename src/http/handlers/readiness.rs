//! Whether the exporter is ready: something of a database is read at this moment.

use hyper::StatusCode;

use crate::catalogue::{Availability, ReadState, Timestamp};
use crate::http::response::{self, Response};
use crate::http::{Served, Workspaces};
use crate::info_page::page::exporter_card::why;

/// 200 while something is read, else 503 with a sentence that says since when nothing is, and why.
pub fn answer(served: &Served) -> Response {
    match reason_against(served) {
        None => response::text(StatusCode::OK, "Ready.\n"),
        Some(reason) => response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Not ready: {reason}.\n"),
        ),
    }
}

/// Why the exporter is not ready. Of several workspaces every one has to be tried and one read at least, so that one that is
/// down does not hide the others.
fn reason_against(served: &Served) -> Option<String> {
    let several = match &served.workspaces {
        Workspaces::One(workspace, _) => {
            return workspace
                .availability()
                .filter(|it| !it.is_up())
                .map(|it| format!("{} of the workspace's database {}", subject(it), since(it)));
        }
        Workspaces::Named(workspaces) => workspaces,
    };
    let states: Vec<_> = several
        .values()
        .filter_map(|it| it.availability())
        .collect();
    let number = states.len();
    let untried: Vec<_> = states
        .iter()
        .filter(|it| it.state == ReadState::Untried)
        .collect();
    if let Some(first) = untried.first() {
        return Some(format!(
            "{} of {number} workspaces have not been tried yet, one {}",
            untried.len(),
            since(**first)
        ));
    }
    if states.is_empty() || states.iter().any(|it| it.is_up()) {
        return None;
    }
    let newest = states.iter().max_by_key(|it| it.since)?;
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
        Some(reason) => format!("{since}: {}", why(reason)),
        None => since,
    }
}

/// A time for people and machines, in UTC.
fn time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

//! The table of several workspaces, and the host that they share.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::card::{PageData, unknown, wide};
use super::{Page, PageRefresh, document, format, host_card, warnings};
use crate::catalogue::{ReadState, Timestamp};
use crate::collectors::Snapshot;
use crate::conditions::{ServiceState, Severity, rocketchat_state};
use crate::shard::Shard;

/// The page of several workspaces.
pub struct Overview<'a> {
    /// The rows of the table.
    pub workspaces: Vec<OverviewRow>,
    /// The host, where it is read.
    pub host: Option<&'a Snapshot>,
    /// The place of the exporter among those that share the workspaces.
    pub shard: Option<Shard>,
    /// The exporter's time.
    pub now: Timestamp,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct OverviewRow {
    name: String,
    path: String,
    state: WorkspaceState,
    online: Option<f64>,
    messages_per_minute: Option<f64>,
    version: String,
    /// The conditions of each severity.
    conditions: [usize; 3],
}

/// Whether a workspace works, the worst state first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WorkspaceState {
    DatabaseDown,
    Down,
    InPart,
    Unknown,
    Unread,
    Up,
}

impl WorkspaceState {
    fn of(page: &Page<'_>) -> Self {
        let state = page.snapshot.availability;
        let state = state.map(|availability| availability.state);
        match (state, rocketchat_state(page.snapshot, page.moment())) {
            (Some(ReadState::Untried), _) => Self::Unread,
            (Some(ReadState::Down), _) => Self::DatabaseDown,
            (_, ServiceState::Down) => Self::Down,
            (Some(ReadState::Partly), _) => Self::InPart,
            (_, ServiceState::Up) => Self::Up,
            (_, ServiceState::Unknown) => Self::Unknown,
        }
    }

    /// The state in words, and how it looks.
    fn words(self) -> (&'static str, &'static str, Option<Severity>) {
        match self {
            Self::DatabaseDown => ("Database down", "critical", Some(Severity::Critical)),
            Self::Down => ("Down", "critical", Some(Severity::Critical)),
            Self::InPart => ("Read in part", "warning", Some(Severity::Warning)),
            Self::Unknown => ("Not known", "unknown", Some(Severity::Info)),
            Self::Unread => ("Not read yet", "unknown", Some(Severity::Info)),
            Self::Up => ("Up", "good", None),
        }
    }
}

impl OverviewRow {
    /// The row of a workspace.
    pub fn new(page: &Page<'_>) -> Self {
        let data = PageData::new(page);
        let snapshot = page.snapshot;
        let version = data.field("version").and_then(|version| version.as_str());
        Self {
            name: page.name.unwrap_or_default().to_owned(),
            path: page.path.to_owned(),
            state: WorkspaceState::of(page),
            online: snapshot.shown_presence().map(|shown| shown.online as f64),
            messages_per_minute: page.history.messages_per_minute(),
            version: version.unwrap_or_default().to_owned(),
            conditions: Severity::ALL.map(|severity| warnings::count(&data, severity)),
        }
    }

    /// The worst first.
    fn order(&self) -> (WorkspaceState, [Reverse<usize>; 3], &str) {
        (self.state, self.conditions.map(Reverse), &self.name)
    }
}

impl Overview<'_> {
    /// Renders the page.
    pub fn render(&self) -> String {
        let host = self.host.and_then(|snapshot| snapshot.host.as_ref());
        let mut rows: Vec<_> = self.workspaces.iter().collect();
        rows.sort_by_key(|row| row.order());
        let main = html! {
            header #top { h1 { "Workspaces" } }
            (verdict(&rows))
            @if let Some(Shard { ordinal, total }) = self.shard {
                p { "Shard " (ordinal) " of " (total) " (counted from 0): only its workspaces are listed." }
            }
            @if let Some(host) = self.host {
                section #host-warnings data-live aria-label="Warnings about the host" { (warnings::of_host(host, self.now)) }
            }
            div.card #workspaces data-live { (wide("Workspaces", &table(&rows))) }
            @if let Some(host) = host {
                section.card.narrow #host data-live aria-labelledby="host-title" {
                    h2 #host-title { "Exporter host" }
                    (host_card::content(host, &[]))
                }
            }
        };
        let mut states = self.workspaces.iter().map(|row| row.state);
        let incomplete = states.any(|state| state == WorkspaceState::Unread);
        document("Workspaces", PageRefresh::of(incomplete), &main)
    }
}

/// How many workspaces are in each state.
fn verdict(rows: &[&OverviewRow]) -> Markup {
    let worst = rows.first().map(|row| row.state.words());
    let (_, class, severity) = worst.unwrap_or(("", "unknown", None));
    let states = [
        WorkspaceState::DatabaseDown,
        WorkspaceState::Down,
        WorkspaceState::InPart,
        WorkspaceState::Unknown,
        WorkspaceState::Unread,
        WorkspaceState::Up,
    ];
    let counts = states.map(|state| {
        let count = rows.iter().filter(|row| row.state == state).count();
        (state.words().0, count)
    });
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(words, count)| format!("{words}: {count}"))
        .collect();
    html! {
        p.verdict #verdict data-live .(class) { (warnings::mark(severity)) (parts.join(" · ")) }
    }
}

fn table(rows: &[&OverviewRow]) -> Markup {
    let number = |value: Option<f64>| {
        value.map_or_else(unknown, |number| html! { (format::number(number)) })
    };
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Workspace" } th scope="col" { "State" } th.number scope="col" { "Online" }
                th.number scope="col" { "Messages a minute" } th scope="col" { "Version" } th scope="col" { "Warnings" }
            } }
            tbody { @for row in rows { tr {
                @let (words, class, severity) = row.state.words();
                th scope="row" { a href=(row.path) { (row.name) } }
                td data-label="State" { span.state.(class) { (warnings::mark(severity)) (words) } }
                td.number data-label="Online" { (number(row.online)) }
                td.number data-label="Per minute" { (number(row.messages_per_minute)) }
                td data-label="Version" { @if row.version.is_empty() { (unknown()) } @else { (row.version) } }
                td data-label="Warnings" { (conditions(row)) }
            } } }
        }
    }
}

fn conditions(row: &OverviewRow) -> Markup {
    html! {
        @for (severity, count) in Severity::ALL.into_iter().zip(row.conditions) {
            @if count > 0 { span.state.(severity.name()) { (count) " " (severity.name()) @if severity == Severity::Warning && count > 1 { "s" } } " " }
        }
        @if row.conditions == [0; 3] { span.note { "none" } }
    }
}

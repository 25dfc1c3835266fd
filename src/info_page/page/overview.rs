//! The table of several workspaces, and the host that they share.

use maud::{Markup, html};

use super::card::{PageData, unknown, wide};
use super::{Page, PageRefresh, document, format, host_card, warnings};
use crate::catalogue::ReadState;
use crate::collectors::Snapshot;

/// The page of several workspaces.
pub struct Overview<'a> {
    /// The rows of the table.
    pub workspaces: Vec<OverviewRow>,
    /// The host, where it is read.
    pub host: Option<&'a Snapshot>,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct OverviewRow {
    name: String,
    path: String,
    state: &'static str,
    is_ok: bool,
    online: Option<f64>,
    messages_per_minute: Option<f64>,
    version: String,
    warnings: usize,
}

impl OverviewRow {
    /// The row of a workspace.
    pub fn new(page: &Page<'_>) -> Self {
        let data = PageData::new(page);
        let snapshot = page.snapshot;
        let missing = snapshot
            .outcomes
            .values()
            .any(|outcome| outcome.failure.is_some());
        let state = snapshot.availability.map(|availability| availability.state);
        let (state, is_ok) = match state {
            Some(ReadState::Untried) => ("not read yet", false),
            Some(ReadState::Down) => ("database down", false),
            Some(ReadState::Partly) => ("read in part", false),
            _ if missing => ("read in part", false),
            _ => ("read", true),
        };
        let version = data.field("version").and_then(|version| version.as_str());
        Self {
            name: page.name.unwrap_or_default().to_owned(),
            path: page.path.to_owned(),
            state,
            is_ok,
            online: snapshot
                .presence
                .as_ref()
                .map(|presence| presence.shown.online as f64),
            messages_per_minute: page.history.messages_per_minute(),
            version: version.unwrap_or_default().to_owned(),
            warnings: warnings::of(&data).len(),
        }
    }
}

impl Overview<'_> {
    /// Renders the page.
    pub fn render(&self) -> String {
        let host = self.host.and_then(|snapshot| snapshot.host.as_ref());
        let main = html! {
            header #top { h1 { "Workspaces" } }
            div.card #workspaces data-live { (wide("Workspaces", &self.table())) }
            @if let Some(host) = host {
                section.card.narrow #host data-live aria-labelledby="host-title" {
                    h2 #host-title { "Host" }
                    (host_card::content(host, &[]))
                }
            }
        };
        let incomplete = self
            .workspaces
            .iter()
            .any(|row| row.state == "not read yet");
        document("Workspaces", PageRefresh::of(incomplete), &main)
    }

    fn table(&self) -> Markup {
        let number = |value: Option<f64>| {
            value.map_or_else(unknown, |number| html! { (format::number(number)) })
        };
        html! {
            table {
                thead { tr {
                    th scope="col" { "Workspace" } th scope="col" { "State" } th.number scope="col" { "Users online" }
                    th.number scope="col" { "Messages per minute" } th scope="col" { "Version" } th.number scope="col" { "Warnings" }
                } }
                tbody { @for row in &self.workspaces { tr {
                    th scope="row" { a href=(row.path) { (row.name) } }
                    td { span.yes[row.is_ok].no[!row.is_ok] { (row.state) } }
                    td.number { (number(row.online)) }
                    td.number { (number(row.messages_per_minute)) }
                    td { @if row.version.is_empty() { (unknown()) } @else { (row.version) } }
                    td.number { (row.warnings) }
                } } }
            }
        }
    }
}

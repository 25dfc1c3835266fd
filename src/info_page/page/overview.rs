//! Several workspaces in a table, and the machine that none of them has to itself.

use maud::{Markup, html};

use super::card::{Shown, unknown, wide};
use super::{Behavior, Page, document, format, host_card, warnings};
use crate::catalogue::ReadState;
use crate::collectors::Snapshot;

/// Several workspaces.
pub struct Overview<'a> {
    /// Each of them.
    pub workspaces: Vec<Listed>,
    /// The machine, where it is read.
    pub host: Option<&'a Snapshot>,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub struct Listed {
    name: String,
    path: String,
    state: &'static str,
    is_well: bool,
    online: Option<f64>,
    messages_per_minute: Option<f64>,
    version: String,
    warnings: usize,
}

impl Listed {
    /// A workspace's line.
    pub fn of(page: &Page<'_>) -> Self {
        let shown = Shown::of(page);
        let snapshot = page.snapshot;
        let missing = snapshot.outcomes.values().any(|it| it.failure.is_some());
        let state = snapshot.availability.map(|it| it.state);
        let (state, is_well) = match state {
            Some(ReadState::Untried) => ("not read yet", false),
            Some(ReadState::Down) => ("database down", false),
            Some(ReadState::Partly) => ("read in part", false),
            _ if missing => ("read in part", false),
            _ => ("read", true),
        };
        let version = shown.field("version").and_then(|it| it.as_str());
        Self {
            name: page.name.unwrap_or_default().to_owned(),
            path: page.path.to_owned(),
            state,
            is_well,
            online: snapshot.presence.as_ref().map(|it| it.shown.online as f64),
            messages_per_minute: page.history.messages_per_minute(),
            version: version.unwrap_or_default().to_owned(),
            warnings: warnings::of(&shown).len(),
        }
    }
}

impl Overview<'_> {
    /// The page.
    pub fn page(&self) -> String {
        let host = self.host.and_then(|it| it.host.as_ref());
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
        let incomplete = self.workspaces.iter().any(|it| it.state == "not read yet");
        document("Workspaces", Behavior::living(incomplete), &main)
    }

    fn table(&self) -> Markup {
        let number =
            |value: Option<f64>| value.map_or_else(unknown, |it| html! { (format::number(it)) });
        html! {
            table {
                thead { tr {
                    th scope="col" { "Workspace" } th scope="col" { "State" } th.number scope="col" { "Users online" }
                    th.number scope="col" { "Messages per minute" } th scope="col" { "Version" } th.number scope="col" { "Warnings" }
                } }
                tbody { @for it in &self.workspaces { tr {
                    th scope="row" { a href=(it.path) { (it.name) } }
                    td { span.yes[it.is_well].no[!it.is_well] { (it.state) } }
                    td.number { (number(it.online)) }
                    td.number { (number(it.messages_per_minute)) }
                    td { @if it.version.is_empty() { (unknown()) } @else { (it.version) } }
                    td.number { (it.warnings) }
                } } }
            }
        }
    }
}

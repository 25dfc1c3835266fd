//! The card Exporter: what its collectors cost the database.

use maud::{Markup, html};

use super::card::{PageData, row, rows, unknown, wide};
use super::format;
use crate::catalogue::{FailureKind, Outcome};
use crate::collectors::Collector;

pub fn card(data: &PageData<'_>) -> Markup {
    let snapshot = data.page.snapshot;
    let process = data.page.process;
    let read = snapshot.outcomes.len();
    let content = html! {
        (rows(&html! {
            (row("Database time", &snapshot.cost().map_or_else(unknown, |share| {
                html! { (format::percent(share)) " of the time" }
            })))
            (row("Connections", &snapshot.pool.map_or_else(unknown, |pool| {
                html! { (pool.open) " open, " (pool.in_use) " in use" }
            })))
            (row("Memory", &process.resident_bytes.map_or_else(unknown, |bytes| html! { (format::bytes(bytes as f64)) })))
            (row("Running", &process.started_at.and_then(|at| data.page.now.since(at)).map_or_else(unknown, |uptime| {
                html! { (format::span(uptime)) }
            })))
        }))
        details #collectors {
            summary { (read) " collectors" }
            (wide("Collectors", &html! {
                table {
                    thead { tr {
                        th scope="col" { "Collector" } th scope="col" { "Read" } th.number scope="col" { "Took" }
                        th.number scope="col" { "Every" } th.number scope="col" { "Share" } th scope="col" { "State" }
                    } }
                    tbody { @for collector in Collector::ALL {
                        @if let Some(outcome) = snapshot.outcomes.get(&collector) { (collector_row(data, collector, outcome)) }
                    } }
                }
            }))
        }
    };
    data.card("exporter", "Exporter", &[], &content)
}

fn collector_row(data: &PageData<'_>, collector: Collector, outcome: &Outcome) -> Markup {
    html! {
        tr {
            th scope="row" { (collector.name()) }
            td { (outcome.last_success.map_or_else(unknown, |at| html! { (data.ago(at)) })) }
            td.number { (format::took(outcome.duration)) }
            td.number { (format::span(outcome.interval)) }
            td.number { (format::percent(outcome.share())) }
            td { @match outcome.failure {
                None if data.follows(collector) => span.yes { "followed" },
                None => span.yes { "ok" },
                Some(kind) => span.no { (why(kind)) },
            } }
        }
    }
}

/// Why a collector failed.
pub fn why(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unreachable => "the database does not answer",
        FailureKind::Unauthenticated => "the database refuses the user name or password",
        FailureKind::TooOld => "the database's server is too old",
        FailureKind::Misconfigured => {
            "the connection string, or a file that it names, cannot be used"
        }
        FailureKind::NoDatabase => "it is not clear which database is Rocket.Chat's",
        FailureKind::Unauthorized => "the database user lacks a privilege",
        FailureKind::TimedOut => "it took too long",
        FailureKind::MissingIndex => "an index is missing that it needs",
        FailureKind::Other => "the reason is in the log",
    }
}

//! The card Exporter: what its collectors cost the database.

use maud::{Markup, html};

use super::card::{PageData, row, rows, unknown, wide};
use super::format;
use crate::catalogue::Outcome;
use crate::collectors::Collector;

pub fn card(data: &PageData<'_>) -> Markup {
    let snapshot = data.page.snapshot;
    let process = data.page.process;
    let read = snapshot.outcomes.len();
    let content = html! {
        (rows(&html! {
            (row("Database time", &snapshot.cost().map_or_else(unknown, |share| {
                html! { @if snapshot.up() == Some(false) { "none: it waits for the database" } @else { (format::percent(share)) " of the time" } }
            })))
            (row("Connections", &snapshot.pool.map_or_else(unknown, |pool| {
                html! { (pool.open) " open, " (pool.in_use) " in use" }
            })))
            @if let Some(live) = &snapshot.live {
                (row("Live mode", &html! {
                    (live.state.explanation())
                    @if let Some(obstacle) = live.obstacle { ": " (obstacle.explanation()) }
                }))
            }
            (row("Memory", &process.resident_bytes.map_or_else(unknown, |bytes| html! { (format::bytes(bytes as f64)) })))
            (row("Running", &process.started_at.and_then(|at| data.page.now.since(at)).map_or_else(unknown, |uptime| {
                html! { (format::span(uptime)) }
            })))
        }))
        details #collectors {
            summary { (read) " collectors" }
            (wide("Collectors", &html! {
                table.stack {
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
            td data-label="Read" { (outcome.last_success.map_or_else(unknown, |at| html! { (data.ago(at)) })) }
            td.number data-label="Took" { (format::took(outcome.duration)) }
            td.number data-label="Every" { (format::span(outcome.interval)) }
            td.number data-label="Share" { (format::percent(outcome.share())) }
            td data-label="State" { @match outcome.failure {
                None if data.follows(collector) => span.yes { "followed" },
                None => span.yes { "ok" },
                Some(kind) => span.no { (kind.explanation()) },
            } }
        }
    }
}

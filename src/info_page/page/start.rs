//! The start page: what the exporter serves. Nothing about the workspace: the page may be public.

use maud::html;

use super::{PageRefresh, document};

/// Renders the page.
pub fn page(telemetry_path: &str) -> String {
    let main = html! {
        header { div {
            h1 { "Rocket.Chat exporter" }
            p.sub { "Metrics of a Rocket.Chat workspace, read from its MongoDB, and of this host." }
        } }
        section.card.narrow aria-label="Pages" {
            dl.links {
                div { dt { a href="/info" { "Info" } } dd { "the workspace at a glance" } }
                div { dt { a href=(telemetry_path) { "Metrics" } } dd { "for Prometheus" } }
                div { dt { a href="/-/healthy" { "Health" } } dd { "whether all background tasks run" } }
                div { dt { a href="/-/ready" { "Readiness" } } dd { "whether the database can be read" } }
            }
            p.note {
                code { "/api/v1/statistics" } " and " code { "/statistics.json" }
                " are the statistics document, as in Rocket.Chat's API. They need the headers "
                code { "X-User-Id" } " and " code { "X-Auth-Token" } " of a user with the permission view-statistics."
            }
        }
    };
    document("Start", PageRefresh::Never, &main)
}

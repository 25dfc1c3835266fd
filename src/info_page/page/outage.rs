//! The card that replaces those of the workspace while nothing of its database can be read: since when, where, why, and what
//! to do.

use maud::{Markup, html};

use super::card::{PageData, row, rows};
use super::{format, probe_rows};
use crate::catalogue::{Availability, FailureKind, ReadState};

/// The database's availability while nothing of it can be read.
pub fn of(data: &PageData<'_>) -> Option<Availability> {
    let availability = data.page.snapshot.availability;
    availability.filter(|availability| availability.state == ReadState::Down)
}

pub fn card(data: &PageData<'_>, outage: Availability) -> Markup {
    let snapshot = data.page.snapshot;
    let reason = outage.reason.unwrap_or(FailureKind::Other);
    let address = data.page.database_address;
    html! {
        section.card #outage data-live aria-labelledby="outage-title" {
            h2 #outage-title { "The database" }
            (rows(&html! {
                (row("Down since", &html! { (data.time(outage.since)) " (" (data.ago(outage.since)) ")" }))
                (row("Address", &html! { span.address { (address) } }))
                (row("Cause", &html! {
                    (capitalized(reason.explanation())) "."
                }))
                @if let Some(message) = snapshot.outage_message() {
                    (row("Message", &html! { span.message { (message) } }))
                }
                @if let Some(at) = snapshot.read_at {
                    (row("Last read", &html! { (data.time(at)) " (" (data.ago(at)) ")" }))
                }
                (probe_rows::probe(data))
            }))
            h3 { "What to do" }
            ol.steps {
                li { (first_step(reason)) }
                li { "Run " code { "rocketchat-exporter check" } " with the settings of the service: it shows which step fails, from the name to the privileges." }
                li { "Once the database can be read, the numbers come back by themselves within seconds." }
            }
            p.note { "Numbers of the workspace are not shown meanwhile, because they would be old. The charts below end where the outage began." }
        }
    }
}

fn first_step(reason: FailureKind) -> &'static str {
    match reason {
        FailureKind::Unreachable => {
            "Check that MongoDB runs at this address, and that a firewall or a changed name does not keep the exporter from it."
        }
        FailureKind::Unauthenticated => {
            "Check the user and the password in the connection string, and that the user exists in MongoDB."
        }
        FailureKind::TooOld => "Upgrade MongoDB: the exporter reads version 4.4 and later.",
        FailureKind::Misconfigured => {
            "Correct the connection string, or the file that it names; the message says which."
        }
        FailureKind::NoDatabase => {
            "Name Rocket.Chat's database in the connection string, or with --mongodb.database."
        }
        FailureKind::Unauthorized => {
            "Give the exporter's user the role that rocketchat-exporter role prints."
        }
        FailureKind::TimedOut => {
            "Check the load of MongoDB: it accepts queries and does not answer them in time."
        }
        FailureKind::MissingIndex => "Create the index that the message names.",
        FailureKind::Other => "Read the log of the exporter and of MongoDB for the whole message.",
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// How long it has lasted, for the page's first line.
pub fn lasted(data: &PageData<'_>, outage: Availability) -> String {
    let time = data.page.now.since(outage.since).unwrap_or_default();
    format::span(time)
}

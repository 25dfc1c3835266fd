//! The page for people: one workspace as Rocket.Chat's own Info page shows it, and what that page does not know, or
//! several workspaces in a table. Complete as it is sent; a script only exchanges what changed since.
//!
//! Whatever a workspace says of itself may be hostile. All of it passes through `html!`, which escapes it.

pub mod apply_license;
pub mod card;
pub mod charts;
pub mod deployment_card;
pub mod exporter_card;
pub mod federation_card;
pub mod format;
pub mod host_card;
pub mod license_card;
pub mod license_parts;
pub mod overview;
pub mod svg_chart;
pub mod usage_cards;
pub mod warnings;

use std::time::Duration;

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

use card::Shown;

use super::history::History;
use crate::catalogue::{GrowthPoint, Timestamp};
use crate::collectors::Snapshot;
use crate::exposition::ExporterProcess;

/// What the page is drawn with.
pub const STYLE: &str = include_str!("page/info.css");

/// What exchanges what changed.
pub const SCRIPT: &str = include_str!("page/info.js");

/// The picture in the browser's tab.
pub const ICON: &str = include_str!("page/info.svg");

/// Everything that the page of one workspace shows.
pub struct Page<'a> {
    /// Its name, where there are several.
    pub name: Option<&'a str>,
    /// Where the page is.
    pub path: &'a str,
    /// What was read.
    pub snapshot: &'a Snapshot,
    /// What moved.
    pub history: &'a History,
    /// How it grew.
    pub growth: Growth<'a>,
    /// How it was last read on demand.
    pub refreshed: Refreshed,
    /// How many collectors there are.
    pub collectors: usize,
    /// Where Rocket.Chat itself is, where licenses are handed over.
    pub rocketchat: Option<String>,
    /// The exporter's own process.
    pub process: &'a ExporterProcess,
    /// What the button must send along.
    pub token: &'a str,
    /// The time that the ages of readings are counted from.
    pub now: Timestamp,
    /// The time at the database: what it and Rocket.Chat dated is judged by it.
    pub database_now: Timestamp,
    /// The workspace's time zone.
    pub timezone: &'a TimeZone,
}

/// What is known of how a workspace grew.
#[derive(Clone, Copy)]
pub enum Growth<'a> {
    /// The stored documents, oldest first.
    Known(&'a [GrowthPoint]),
    /// They are being read.
    Read,
    /// They cannot be read, and why.
    Unknown(&'a str),
}

/// How everything was last read on demand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refreshed {
    /// Collectors that were read so far, while that goes on.
    pub running: Option<u64>,
    /// The newest that ended: when it did, how long it took, and whether it succeeded.
    pub last: Option<(Timestamp, Duration, bool)>,
}

/// The page of one workspace.
pub fn page(page: &Page<'_>) -> String {
    let shown = Shown::of(page);
    let title = shown.title();
    let incomplete = page.snapshot.outcomes.len() < page.collectors
        || page.refreshed.running.is_some()
        || matches!(page.growth, Growth::Read);
    let main = html! {
        header #top data-live {
            div {
                @if page.name.is_some() { p.crumb { a href="/info" { "All workspaces" } } }
                h1 { (title) }
                p.sub { (subtitle(&shown)) }
            }
            (buttons(page))
        }
        (progress(page))
        (warnings::list(&shown))
        div.cards {
            (deployment_card::card(&shown))
            (license_card::card(&shown))
            (usage_cards::users(&shown))
            (usage_cards::types(&shown))
            (usage_cards::rooms(&shown))
            (usage_cards::messages(&shown))
            (usage_cards::uploads(&shown))
            (federation_card::card(&shown))
            (host_card::card(&shown))
            (exporter_card::card(&shown))
        }
        (charts::of_the_day(&shown))
        (charts::of_growth(&shown))
    };
    document(&title, Behavior::living(incomplete), &main)
}

/// How a page goes on after it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    /// It stays as it is, without a script.
    Still,
    /// Its numbers are exchanged.
    Living,
    /// The same, soon: it is not complete.
    Incomplete,
}

impl Behavior {
    fn living(incomplete: bool) -> Self {
        if incomplete {
            Self::Incomplete
        } else {
            Self::Living
        }
    }
}

/// The frame of every page.
fn document(title: &str, behavior: Behavior, main: &Markup) -> String {
    let incomplete = behavior == Behavior::Incomplete;
    let version = env!("CARGO_PKG_VERSION");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Rocket.Chat exporter" }
                link rel="icon" href="/info.svg" type="image/svg+xml";
                link rel="stylesheet" href={ "/info.css?v=" (version) };
                @if behavior != Behavior::Still { script src={ "/info.js?v=" (version) } defer {} }
                // Without the script the page shows how far it is by loading itself again.
                @if incomplete { noscript { meta http-equiv="refresh" content="3"; } }
            }
            body data-soon[incomplete] {
                a.skip href="#main" { "Skip to the content" }
                main #main { (main) }
                footer {
                    p { "rocketchat-exporter " (version) " · " a href="/" { "Start page" } }
                    p #live role="status" aria-live="polite" {}
                }
            }
        }
    }
    .into_string()
}

fn subtitle(shown: &Shown<'_>) -> Markup {
    let page = shown.page;
    let address = page
        .snapshot
        .workspace
        .as_ref()
        .and_then(|it| it.site_url.as_ref()?.as_text());
    html! {
        // Not a link: the address comes from the database, and may be anything.
        @if let Some(address) = address { span.address { (address) } " · " }
        @match page.snapshot.read_at {
            Some(at) => {
                "read " (shown.ago(at)) ", at " (shown.time(at))
                @if let Some(data_at) = page.snapshot.data_at.filter(|_| page.snapshot.stale_by().is_some()) {
                    ", " strong { "data of " (shown.time(data_at)) }
                }
            }
            None => "not read yet",
        }
    }
}

fn buttons(page: &Page<'_>) -> Markup {
    let running = page.refreshed.running.is_some();
    html! {
        div.buttons {
            form method="post" action={ (page.path) "/refresh" } {
                input type="hidden" name="token" value=(page.token);
                button type="submit" { @if running { "Refreshing…" } @else { "Refresh" } }
            }
            a.button href={ (page.path) "/statistics.json" } download="statistics.json" { "Download Info" }
        }
    }
}

/// How far a reading is, and how the last one that was asked for went.
fn progress(page: &Page<'_>) -> Markup {
    let read = page.snapshot.outcomes.len();
    html! {
        section #progress data-live aria-label="Progress" {
            @if read < page.collectors {
                p { label for="first" { "First reading: " (read) " of " (page.collectors) " collectors" }
                    progress #first max=(page.collectors) value=(read) {} }
            }
            @if let Some(done) = page.refreshed.running {
                p { label for="again" { "Refreshing: " (done) " of " (page.collectors) " collectors" }
                    progress #again max=(page.collectors) value=(done) {} }
            } @else if let Some((at, took, succeeded)) = page.refreshed.last {
                p #refreshed {
                    @if succeeded { "Refreshed " } @else { "A refresh failed " }
                    (format::time(at, page.timezone)) ", in " (format::took(took)) "."
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::collectors::host::Host;
    use crate::collectors::presence::{Presence, Presences};
    use crate::info_page::history::HistorySeries;

    /// A page that has everything that can be drawn.
    fn full() -> String {
        let mut history = History::default();
        let mut snapshot = Snapshot::default();
        for minute in 0..1440 {
            let shown = Presences {
                online: 100_000 + minute,
                away: 1000 + minute % 7,
                busy: 1000 + minute % 9,
            };
            let presence = Presence {
                accounts: 1_000_000,
                shown,
                connected: shown,
            };
            snapshot.presence = Some(Arc::new(presence));
            let now = i64::try_from(minute).unwrap_or_default() * 60_000;
            history.note(&snapshot, Timestamp(now));
        }
        assert!(history.curve(HistorySeries::Online).all(|it| it.is_some()));
        snapshot.host = Some(Arc::new(Host::default()));
        let grown: Vec<GrowthPoint> = (0..200)
            .map(|day: i64| {
                let number = Some(12_345_678.9 + day as f64);
                GrowthPoint {
                    at: Timestamp(day * 86_400_000),
                    users: number,
                    active_users: number,
                    rooms: number,
                    messages: number,
                    uploads: number,
                    upload_bytes: number,
                }
            })
            .collect();
        page(&Page {
            name: Some("<b>"),
            path: "/info/x",
            snapshot: &snapshot,
            history: &history,
            growth: Growth::Known(&grown),
            refreshed: Refreshed {
                running: Some(3),
                last: None,
            },
            collectors: 24,
            rocketchat: None,
            process: &ExporterProcess::default(),
            token: "token",
            now: Timestamp(0),
            database_now: Timestamp(0),
            timezone: &TimeZone::UTC,
        })
    }

    #[test]
    fn a_day_and_months_are_drawn_small() {
        let size = full().len() + STYLE.len() + SCRIPT.len() + ICON.len();
        assert!(size < 90_000, "{size} bytes");
    }

    #[test]
    fn how_far_a_reading_is_can_be_seen_without_a_script() {
        let page = full();
        assert!(page.contains("First reading: 0 of 24 collectors"));
        assert!(page.contains("Refreshing: 3 of 24 collectors"));
        assert!(page.contains("<noscript><meta http-equiv=\"refresh\""));
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>\""));
    }
}

//! The HTML of the Info page: one workspace with the cards of Rocket.Chat's own Info page and more, or several workspaces
//! in a table. It is complete without the script, which only replaces changed parts.
//!
//! The workspace's data may be hostile: all of it is escaped by `html!`.

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
pub mod notes;
pub mod outage;
pub mod overview;
mod probe_rows;
pub mod sparkline;
pub mod start;
pub mod strip;
pub mod svg_chart;
pub mod usage_cards;
pub mod warnings;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

use card::PageData;

use super::history::History;
use crate::catalogue::{GrowthPoint, Timestamp};
use crate::collectors::{Collector, Snapshot};
use crate::conditions::Moment;
use crate::exposition::ProcessStats;

/// The style sheet.
pub const STYLE: &str = include_str!("page/info.css");

/// The script that updates the page.
pub const SCRIPT: &str = include_str!("page/info.js");

/// The favicon.
pub const ICON: &str = include_str!("page/info.svg");

/// The data of one workspace's page.
pub struct Page<'a> {
    /// The workspace's name, where there are several.
    pub name: Option<&'a str>,
    /// The page's path.
    pub path: &'a str,
    /// The newest snapshot.
    pub snapshot: &'a Snapshot,
    /// The last day.
    pub history: &'a History,
    /// The growth over months.
    pub growth: Growth<'a>,
    /// The refresh by the button.
    pub refresh: RefreshStatus,
    /// The enabled collectors.
    pub collectors: &'a BTreeSet<Collector>,
    /// The database's hosts and ports.
    pub database_address: &'a str,
    /// Rocket.Chat's URL, where licenses can be applied.
    pub rocketchat: Option<String>,
    /// The exporter's own process.
    pub process: &'a ProcessStats,
    /// The CSRF token.
    pub token: &'a str,
    /// The exporter's time, which snapshots are dated with.
    pub now: Timestamp,
    /// The database's time, which dates in the database are compared with.
    pub database_now: Timestamp,
    /// The workspace's time zone.
    pub timezone: &'a TimeZone,
}

impl Page<'_> {
    /// The time that conditions are judged at.
    fn moment(&self) -> Moment {
        Moment {
            own: self.now,
            database: self.database_now,
        }
    }
}

/// The growth of a workspace.
#[derive(Clone, Copy)]
pub enum Growth<'a> {
    /// From the stored documents, oldest first.
    Known(&'a [GrowthPoint]),
    /// It is being read.
    Loading,
    /// It cannot be read; with the reason.
    Unavailable(&'a str),
}

/// The refresh in progress, and the last one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefreshStatus {
    /// During a refresh, the number of collectors that ran.
    pub running: Option<u64>,
    /// The last one: when it ended, how long it took, and whether it succeeded.
    pub last: Option<(Timestamp, Duration, bool)>,
}

/// Renders the page of one workspace.
pub fn page(page: &Page<'_>) -> String {
    let data = PageData::new(page);
    let title = data.title();
    let incomplete = data.is_first_reading()
        || page.refresh.running.is_some()
        || matches!(page.growth, Growth::Loading);
    let outage = outage::of(&data);
    let main = html! {
        header #top data-live {
            div {
                @if page.name.is_some() { p.crumb { a href="/info" { "All workspaces" } } }
                h1 { (title) }
                p.sub { (subtitle(&data)) }
            }
            (buttons(page))
        }
        (status_line(page))
        (progress(&data))
        (strip::verdict(&data))
        (strip::tiles(&data))
        @if let Some(outage) = outage { (outage::card(&data, outage)) }
        (warnings::list(&data))
        @if outage.is_none() {
            div.cards {
                div { (deployment_card::card(&data)) (license_card::card(&data)) }
                div { (usage_cards::users(&data)) (usage_cards::types(&data)) (usage_cards::uploads(&data)) }
                div { (usage_cards::rooms(&data)) (usage_cards::messages(&data)) (federation_card::card(&data)) }
            }
        }
        (charts::of_the_day(&data))
        @if outage.is_none() { (charts::of_growth(&data)) }
        section.charts aria-labelledby="exporter-section-title" {
            h2 #exporter-section-title { "The exporter" }
            div.cards.two { (host_card::card(&data)) (exporter_card::card(&data)) }
        }
    };
    document(&title, PageRefresh::of(incomplete), &main)
}

/// How the browser updates a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageRefresh {
    /// Not at all, and without the script.
    Never,
    /// Regularly.
    Live,
    /// Soon, because it is incomplete.
    Soon,
}

impl PageRefresh {
    fn of(incomplete: bool) -> Self {
        if incomplete { Self::Soon } else { Self::Live }
    }
}

/// Renders a page around its main part.
fn document(title: &str, behavior: PageRefresh, main: &Markup) -> String {
    let incomplete = behavior == PageRefresh::Soon;
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
                @if behavior != PageRefresh::Never { script src={ "/info.js?v=" (version) } defer {} }
                // Shows the progress without the script.
                @if incomplete { noscript { meta http-equiv="refresh" content="3"; } }
            }
            body data-soon[incomplete] {
                a.skip href="#main" { "Skip to the content" }
                main #main { (main) }
                footer {
                    p { "rocketchat-exporter " (version) " · " a href="/" { "Start page" } }
                }
            }
        }
    }
    .into_string()
}

fn subtitle(data: &PageData<'_>) -> Markup {
    let page = data.page;
    html! {
        @match data.site() {
            Some((address, Some(target))) => { a.address href=(target) rel="noopener noreferrer" { (address) } " · " }
            Some((address, None)) => { span.address { (address) } " · " }
            None => {}
        }
        @match page.snapshot.read_at {
            Some(at) => {
                "read " (data.ago(at)) ", at " (data.time(at))
                @if let Some(data_at) = page.snapshot.data_at.filter(|_| data.has("DataStale")) {
                    ", " strong { "data of " (data.time(data_at)) }
                }
            }
            None => "not read yet",
        }
    }
}

fn buttons(page: &Page<'_>) -> Markup {
    let running = page.refresh.running.is_some();
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

/// The outcome of the last refresh. The script writes its messages here too.
fn status_line(page: &Page<'_>) -> Markup {
    html! {
        p #live role="status" {
            @if let (None, Some((at, took, succeeded))) = (page.refresh.running, page.refresh.last) {
                span #refreshed {
                    @if succeeded { "Refreshed " } @else { "A refresh failed at " }
                    (format::clock(at, page.now, page.timezone)) " in " (format::took(took))
                }
            }
        }
    }
}

/// The progress of the first run and of a refresh.
fn progress(data: &PageData<'_>) -> Markup {
    let page = data.page;
    let (read, all) = (page.snapshot.outcomes.len(), page.collectors.len());
    html! {
        div #progress data-live {
            @if data.is_first_reading() {
                p { label for="first" { "First reading: " (read) " of " (all) " collectors" }
                    progress #first max=(all) value=(read) {} }
            }
            @if let Some(done) = page.refresh.running {
                p { label for="again" { "Refreshing: " (done) " of " (all) " collectors" }
                    progress #again max=(all) value=(done) {} }
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

    /// A page with all charts and cards that need no database.
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
            history.note(&snapshot, Moment::agreed(Timestamp(now)));
        }
        assert!(
            history
                .series(HistorySeries::Online)
                .all(|value| value.is_some())
        );
        snapshot.host = Some(Arc::new(Host::default()));
        let points: Vec<GrowthPoint> = (0..200)
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
            growth: Growth::Known(&points),
            refresh: RefreshStatus {
                running: Some(3),
                last: None,
            },
            collectors: &Collector::ALL.into_iter().collect(),
            database_address: "127.0.0.1:27017",
            rocketchat: None,
            process: &ProcessStats::default(),
            token: "token",
            now: Timestamp(0),
            database_now: Timestamp(0),
            timezone: &TimeZone::UTC,
        })
    }

    #[test]
    fn page_with_all_charts_is_small() {
        let size = full().len() + STYLE.len() + SCRIPT.len() + ICON.len();
        assert!(size < 120_000, "{size} bytes");
    }

    #[test]
    fn progress_is_shown_without_the_script() {
        let page = full();
        assert!(page.contains("First reading: 0 of 30 collectors"));
        assert!(page.contains("Refreshing: 3 of 30 collectors"));
        assert!(page.contains("<noscript><meta http-equiv=\"refresh\""));
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>\""));
    }
}

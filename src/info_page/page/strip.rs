//! The first thing on the page: one sentence whether everything works, and a tile for each number that matters, with the last
//! day as a sparkline and the age of the number.

use std::time::Duration;

use maud::{Markup, html};

use super::card::PageData;
use super::{format, outage, probe_rows, sparkline, warnings};
use crate::catalogue::{ReadState, Timestamp, Value};
use crate::collectors::Collector;
use crate::collectors::license::LicenseFlaw;
use crate::conditions::table::newest_heartbeat;
use crate::conditions::{Facts, ServiceState, Severity, rocketchat_state};
use crate::info_page::history::HistorySeries;

/// One sentence whether everything works.
pub fn verdict(data: &PageData<'_>) -> Markup {
    let (severity, text) = judgement(data);
    let class = match severity {
        Judgement::Good => "good",
        Judgement::Of(severity) => severity.name(),
        Judgement::Unknown => "unknown",
    };
    let mark = match severity {
        Judgement::Good => warnings::mark(None),
        Judgement::Of(severity) => warnings::mark(Some(severity)),
        Judgement::Unknown => html! { span.mark aria-hidden="true" { "…" } " " },
    };
    html! { p.verdict #verdict data-live .(class) { (mark) (text) } }
}

/// How the first sentence looks.
#[derive(Debug, Clone, Copy)]
enum Judgement {
    Good,
    Of(Severity),
    Unknown,
}

fn judgement(data: &PageData<'_>) -> (Judgement, String) {
    let page = data.page;
    let critical = Judgement::Of(Severity::Critical);
    if let Some(outage) = outage::of(data) {
        let lasted = outage::lasted(data, outage);
        return (critical, format!("The database has been down for {lasted}"));
    }
    let state = page
        .snapshot
        .availability
        .map(|availability| availability.state);
    if state == Some(ReadState::Untried) {
        return (
            Judgement::Unknown,
            "The workspace is being read for the first time".to_owned(),
        );
    }
    let of = |severity| warnings::count(data, severity);
    let also = match of(Severity::Warning) {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        number => format!("; {number} warnings"),
    };
    match rocketchat_state(page.snapshot, page.moment()) {
        ServiceState::Down => {
            let silence = heartbeat_age(data).map_or_else(
                || "no instance is registered".to_owned(),
                |age| format!("no heartbeat for {age}"),
            );
            (critical, format!("Rocket.Chat is down: {silence}"))
        }
        ServiceState::Up if probe_rows::answers(data) == Some(false) => (
            critical,
            "Rocket.Chat runs, but does not answer at its URL".to_owned(),
        ),
        ServiceState::Up if of(Severity::Critical) > 0 => (
            critical,
            format!("Rocket.Chat does not work fully: see the critical warning below{also}"),
        ),
        ServiceState::Up if also.is_empty() => (
            Judgement::Good,
            "Rocket.Chat and its database are up".to_owned(),
        ),
        ServiceState::Up => (
            Judgement::Of(Severity::Warning),
            format!("Rocket.Chat and its database are up{also}"),
        ),
        ServiceState::Unknown => (
            Judgement::Unknown,
            format!("The database is up; whether Rocket.Chat is, is not known{also}"),
        ),
    }
}

/// The tiles. While nothing of the database can be read, only the two whose state is known.
pub fn tiles(data: &PageData<'_>) -> Markup {
    html! {
        section #strip data-live aria-labelledby="strip-title" {
            h2.hidden #strip-title { "Status" }
            div.tiles {
                (rocketchat(data))
                (database(data))
                @if outage::of(data).is_none() {
                    (people(data))
                    (connections(data))
                    (messages(data))
                    (instances(data))
                    (license(data))
                }
            }
        }
    }
}

/// A tile: its title, its state or number, a remark, the last day, and the age of the number.
struct Tile {
    id: &'static str,
    title: &'static str,
    class: &'static str,
    value: Markup,
    remark: Markup,
    chart: Markup,
    age: Markup,
}

impl Tile {
    fn render(&self) -> Markup {
        html! {
            div.tile #(self.id) .(self.class) {
                h3 { (self.title) }
                p.value { (self.value) }
                p.remark { (self.remark) }
                (self.chart)
                p.age { (self.age) }
            }
        }
    }
}

/// Up or Down in words, with a mark that needs no color.
fn up_or_down(state: ServiceState) -> (&'static str, Markup) {
    match state {
        ServiceState::Up => ("good", html! { (warnings::mark(None)) "Up" }),
        ServiceState::Down => (
            "critical",
            html! { (warnings::mark(Some(Severity::Critical))) "Down" },
        ),
        ServiceState::Unknown => (
            "unknown",
            html! { span.mark aria-hidden="true" { "?" } " Unknown" },
        ),
    }
}

fn bars(data: &PageData<'_>, series: HistorySeries) -> Markup {
    let history = data.page.history;
    let times: Vec<Timestamp> = history.times().collect();
    let values: Vec<_> = history.series(series).collect();
    sparkline::bars(&times, &values, history.step(), data.page.now)
}

fn line(data: &PageData<'_>, series: HistorySeries) -> Markup {
    let history = data.page.history;
    let times: Vec<Timestamp> = history.times().collect();
    let values: Vec<_> = history.series(series).collect();
    sparkline::line(&times, &values, format::number, data.page.timezone)
}

/// The age of a collector's data, or why there are none.
fn age(data: &PageData<'_>, collector: Collector) -> Markup {
    let outcome = data.page.snapshot.outcomes.get(&collector);
    let read = outcome.and_then(|outcome| outcome.last_success);
    html! {
        @match (outcome, read) {
            _ if !data.page.collectors.contains(&collector) => "The collector is off",
            (None, _) => "Not read yet",
            (Some(outcome), read) if outcome.failure.is_some() => {
                span.failed { "Fails" }
                @if let Some(at) = read { ", last read " (data.ago(at)) }
            }
            (Some(_), Some(at)) if data.follows(collector) => { "Live, " (data.ago(at)) }
            (Some(_), Some(at)) => (data.ago(at)),
            (Some(_), None) => "Not read yet",
        }
    }
}

/// The age of the newest heartbeat of an instance.
fn heartbeat_age(data: &PageData<'_>) -> Option<String> {
    let facts = Facts {
        snapshot: data.page.snapshot,
        now: data.page.moment(),
    };
    let age = newest_heartbeat(&facts)?;
    let age = Duration::try_from_secs_f64(age).unwrap_or_default();
    Some(format::span(age))
}

/// Whether Rocket.Chat serves its users, judged by [`rocketchat_state`].
fn rocketchat(data: &PageData<'_>) -> Markup {
    let page = data.page;
    let state = rocketchat_state(page.snapshot, page.moment());
    let answers = probe_rows::answers(data);
    let (class, value) = match (state, answers) {
        (ServiceState::Up, Some(false)) => (
            "critical",
            html! { (warnings::mark(Some(Severity::Critical))) "Unreachable" },
        ),
        _ => up_or_down(state),
    };
    let heartbeat = heartbeat_age(data);
    let remark = match (state, heartbeat) {
        (ServiceState::Unknown, _) if answers == Some(true) => html! { "It answers the probe" },
        (ServiceState::Unknown, _) if answers == Some(false) => {
            html! { "It does not answer the probe" }
        }
        (ServiceState::Unknown, _) if outage::of(data).is_some() => {
            html! { "Its heartbeats are in the database" }
        }
        (ServiceState::Unknown, _) => html! { "By the heartbeats of its instances" },
        (_, Some(heartbeat)) => html! { "Heartbeat " (heartbeat) " ago" },
        (ServiceState::Up, None) => html! { "People read rooms" },
        (ServiceState::Down, None) => html! { "No instance is registered" },
    };
    let tile = Tile {
        id: "tile-rocketchat",
        title: "Rocket.Chat",
        class,
        value,
        remark,
        chart: bars(data, HistorySeries::RocketChat),
        age: age(data, Collector::Instances),
    };
    tile.render()
}

fn database(data: &PageData<'_>) -> Markup {
    let snapshot = data.page.snapshot;
    let state = snapshot.availability.map(|availability| availability.state);
    let (class, value) = match state {
        Some(ReadState::Up) => up_or_down(ServiceState::Up),
        Some(ReadState::Partly) => (
            "warning",
            html! { (warnings::mark(Some(Severity::Warning))) "Up in part" },
        ),
        Some(ReadState::Down) => up_or_down(ServiceState::Down),
        Some(ReadState::Untried) | None => up_or_down(ServiceState::Unknown),
    };
    let failing = snapshot
        .outcomes
        .values()
        .filter(|outcome| outcome.failure.is_some());
    let remark = match (state, &snapshot.server) {
        (Some(ReadState::Down), _) => {
            let reason = snapshot
                .availability
                .and_then(|availability| availability.reason);
            html! { @if let Some(reason) = reason { (reason.explanation()) } }
        }
        (Some(ReadState::Partly), _) => {
            html! { (failing.count()) " of " (snapshot.outcomes.len()) " collectors fail" }
        }
        (_, Some(server)) => {
            html! { "MongoDB " (server.version) @if snapshot.replication.is_some() { ", replica set" } }
        }
        _ => html! { "MongoDB" },
    };
    let tile = Tile {
        id: "tile-database",
        title: "Database",
        class,
        value,
        remark,
        chart: bars(data, HistorySeries::Database),
        age: snapshot.read_at.map_or_else(
            || html! { "Not read yet" },
            |at| html! { "Read " (data.ago(at)) },
        ),
    };
    tile.render()
}

fn people(data: &PageData<'_>) -> Markup {
    let snapshot = data.page.snapshot;
    let shown = snapshot.shown_presence();
    let connected = snapshot
        .connections
        .as_ref()
        .map(|connections| connections.people);
    let is_forced = data.setting("Accounts_UserStatus_Enabled") == Some(&Value::Bool(false));
    let (heading, value, collector) = if is_forced {
        ("People connected", connected, Collector::Connections)
    } else {
        (
            "Online",
            shown.map(|shown| shown.online),
            Collector::Presence,
        )
    };
    let remark = html! {
        @match shown {
            _ if is_forced => "The status of users is disabled",
            Some(shown) => { (count(shown.away)) " away, " (count(shown.busy)) " busy" }
            None => "",
        }
        @if let Some(connected) = connected.filter(|_| !is_forced) { " · " (count(connected)) " people connected" }
    };
    let tile = Tile {
        id: "tile-online",
        title: heading,
        class: "plain",
        value: number(value),
        remark,
        chart: line(data, HistorySeries::Online),
        age: age(data, collector),
    };
    tile.render()
}

fn connections(data: &PageData<'_>) -> Markup {
    let snapshot = data.page.snapshot;
    let facts = Facts {
        snapshot,
        now: data.page.moment(),
    };
    let open = facts.value("rocketchat_connections");
    let limit = facts.value("rocketchat_presence_connections_limit");
    let is_near = data.has("PresenceLimitNear");
    let remark = html! {
        @match (limit, snapshot.settings.is_some()) {
            (Some(limit), _) => { "of " (format::number(limit)) " before presence stops" }
            (None, true) => "No limit",
            (None, false) => "",
        }
    };
    let tile = Tile {
        id: "tile-connections",
        title: "Connections",
        class: if is_near { "warning" } else { "plain" },
        value: open.map_or_else(nothing, |open| html! { (format::number(open)) }),
        remark,
        chart: line(data, HistorySeries::Connections),
        age: age(data, Collector::Instances),
    };
    tile.render()
}

fn messages(data: &PageData<'_>) -> Markup {
    let rate = data.page.history.messages_per_minute();
    let total = data.page.snapshot.messages.as_ref();
    let remark = html! {
        @match (rate, total) {
            (None, Some(_)) => "Known after the second reading",
            (_, Some(total)) => { (count(total.documents)) " in all" }
            (_, None) => "",
        }
    };
    let tile = Tile {
        id: "tile-messages",
        title: "Messages a minute",
        class: "plain",
        value: rate.map_or_else(nothing, |rate| html! { (format::number(rate)) }),
        remark,
        chart: line(data, HistorySeries::MessagesPerMinute),
        age: age(data, Collector::Messages),
    };
    tile.render()
}

fn instances(data: &PageData<'_>) -> Markup {
    let instances = data.page.snapshot.instances.as_ref();
    let live = instances.map(|instances| instances.live_count());
    let stale = instances.map_or(0, |instances| {
        (instances.records.len() as u64 + instances.others.records)
            .saturating_sub(instances.live_count())
    });
    let tile = Tile {
        id: "tile-instances",
        title: "Instances",
        class: if data.has("RocketChatDown") {
            "critical"
        } else {
            "plain"
        },
        value: number(live),
        remark: html! {
            @if stale > 0 { (count(stale)) " more not alive" } @else if live == Some(0) { "None is registered" } @else if instances.is_some() { "All alive" }
        },
        chart: line(data, HistorySeries::Instances),
        age: age(data, Collector::Instances),
    };
    tile.render()
}

fn license(data: &PageData<'_>) -> Markup {
    let now = data.page.database_now;
    let license = data.page.snapshot.license.as_ref();
    let held = license.and_then(|license| license.held.as_ref());
    let content = held.and_then(|held| held.content.as_ref());
    let end = content.and_then(|content| content.expires.or(content.shown_expiry));
    let (class, value, remark) = match (license, held) {
        (None, _) => ("plain", nothing(), html! {}),
        (Some(license), None) if license.configured => {
            ("plain", html! { "As configured" }, html! {})
        }
        (Some(_), None) => ("plain", html! { "Community" }, html! { "No license" }),
        (Some(_), Some(held)) => match held.flaw {
            Some(LicenseFlaw::Expired) => (
                "warning",
                html! { (warnings::mark(Some(Severity::Warning))) "Expired" },
                html! { @if let Some(end) = end { (format::day(end, data.page.timezone)) ", " (format::ago(end, now)) } },
            ),
            Some(flaw) => (
                "warning",
                html! { (warnings::mark(Some(Severity::Warning))) "Not valid" },
                html! { (flaw.explanation()) },
            ),
            None => {
                let left = end.and_then(|end| Some((end, end.since(now)?)));
                let is_ending = data.has("LicenseExpiring");
                (
                    if is_ending { "warning" } else { "good" },
                    html! { (warnings::mark(is_ending.then_some(Severity::Warning))) "Valid" },
                    html! {
                        @if let Some((end, left)) = left { "until " (format::day(end, data.page.timezone)) ", in " (format::span(left)) }
                        @else { "Never expires" }
                    },
                )
            }
        },
    };
    let seats = data.page.snapshot.users.as_ref().map(|users| users.seats());
    let tile = Tile {
        id: "tile-license",
        title: "License",
        class,
        value,
        remark: html! { (remark) @if let Some(seats) = seats { " · " (count(seats)) " seats used" } },
        chart: line(data, HistorySeries::Seats),
        age: age(data, Collector::License),
    };
    tile.render()
}

fn count(number: u64) -> String {
    format::number(number as f64)
}

fn number(number: Option<u64>) -> Markup {
    number.map_or_else(nothing, |number| html! { (count(number)) })
}

/// A number that is not known.
fn nothing() -> Markup {
    html! { span.unknown { "not known" } }
}

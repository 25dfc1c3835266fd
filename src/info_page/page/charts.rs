//! The charts: the last day from the history, and the growth from the stored documents.

use maud::{Markup, html};

use super::card::PageData;
use super::svg_chart::{Chart, Line};
use super::{Growth, format};
use crate::catalogue::{GrowthPoint, Timestamp};
use crate::info_page::history::HistorySeries;

pub fn of_the_day(data: &PageData<'_>) -> Markup {
    let history = data.page.history;
    let times: Vec<Timestamp> = history.times().collect();
    let line = |name, series| Line {
        name,
        values: history.series(series).collect(),
    };
    let chart = |id, title, note, lines, format| {
        let chart = Chart {
            id,
            title,
            note,
            times: &times,
            lines,
            format,
            days: false,
        };
        chart.render(data.page.timezone)
    };
    let presence = if data.page.snapshot.shows_connections() {
        "By the state of people's connections, as in the card Users."
    } else {
        "By the status that people show, as in the card Users."
    };
    html! {
        section.charts aria-labelledby="day-title" {
            h2 #day-title { "The last 24 hours" }
            p.note #day-note data-live {
                @match history.step() {
                    1 => { "A point for each minute" }
                    step => { "A point for every " (step) " minutes" }
                }
                " since the exporter started: " (times.len()) " so far."
            }
            div.grid #day data-live {
                (chart("presence", "Presence", presence, vec![
                    line("online", HistorySeries::Online), line("away", HistorySeries::Away), line("busy", HistorySeries::Busy),
                ], format::number))
                (chart("messages-per-minute", "Messages per minute", "", vec![
                    line("messages", HistorySeries::MessagesPerMinute),
                ], format::number))
                (chart("connections", "Connections", "", vec![line("connections", HistorySeries::Connections)], format::number))
                (chart("instances", "Instances", "", vec![line("instances", HistorySeries::Instances)], format::number))
                (chart("seats", "Seats used", "", vec![line("seats", HistorySeries::Seats)], format::number))
                (chart("cost", "Database time that the exporter takes", "", vec![line("share", HistorySeries::Cost)], format::percent))
            }
        }
    }
}

pub fn of_growth(data: &PageData<'_>) -> Markup {
    let content = match data.page.growth {
        Growth::Known([]) => {
            html! { p.note { "Rocket.Chat has stored no statistics yet." } }
        }
        Growth::Known(points) => charts(data, points),
        Growth::Loading => html! {
            p.note { "The stored statistics are being read." }
            progress aria-label="Reading the stored statistics" {}
        },
        Growth::Unavailable(reason) => html! { p.note { (reason) } },
    };
    html! {
        section.charts aria-labelledby="growth-title" {
            h2 #growth-title { "Growth" }
            div #growth data-live { (content) }
        }
    }
}

fn charts(data: &PageData<'_>, points: &[GrowthPoint]) -> Markup {
    let times: Vec<Timestamp> = points.iter().map(|point| point.at).collect();
    let line = |name, read: fn(&GrowthPoint) -> Option<f64>| Line {
        name,
        values: points.iter().map(read).collect(),
    };
    let chart = |id, title, lines, format| {
        let chart = Chart {
            id,
            title,
            note: "",
            times: &times,
            lines,
            format,
            days: true,
        };
        chart.render(data.page.timezone)
    };
    html! {
        p.note {
            "From " (points.len()) " of the statistics documents that Rocket.Chat stored, the newest of them "
            (times.last().map_or_else(String::new, |at| format::ago(*at, data.page.database_now))) "."
        }
        div.grid {
            (chart("users-growth", "Users", vec![
                line("total", |point| point.users), line("activated", |point| point.active_users),
            ], format::number))
            (chart("rooms-growth", "Rooms", vec![line("rooms", |point| point.rooms)], format::number))
            (chart("messages-growth", "Messages", vec![line("messages", |point| point.messages)], format::number))
            (chart("uploads-growth", "Uploads", vec![line("files", |point| point.uploads)], format::number))
            (chart("upload-size-growth", "Size of uploads", vec![line("size", |point| point.upload_bytes)], format::bytes))
        }
    }
}

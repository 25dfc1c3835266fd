//! Which lines are drawn: the last day from memory, and the months from the stored documents.

use maud::{Markup, html};

use super::card::Shown;
use super::svg_chart::{Chart, Line};
use super::{Growth, format};
use crate::catalogue::{GrowthPoint, Timestamp};
use crate::info_page::history::HistorySeries;

pub fn of_the_day(shown: &Shown<'_>) -> Markup {
    let history = shown.page.history;
    let times: Vec<Timestamp> = history.times().collect();
    let line = |name, curve| Line {
        name,
        values: history.curve(curve).collect(),
    };
    let chart = |id, title, lines, write| {
        let chart = Chart {
            id,
            title,
            times: &times,
            lines,
            write,
            days: false,
        };
        chart.draw(shown.page.timezone)
    };
    html! {
        section.charts aria-labelledby="day-title" {
            h2 #day-title { "The last 24 hours" }
            p.note #day-note data-live {
                "A point for each minute since the exporter started: " (times.len()) " so far."
            }
            div.grid #day data-live {
                (chart("presence", "Presence", vec![
                    line("online", HistorySeries::Online), line("away", HistorySeries::Away), line("busy", HistorySeries::Busy),
                ], format::number))
                (chart("messages-per-minute", "Messages per minute", vec![
                    line("messages", HistorySeries::MessagesPerMinute),
                ], format::number))
                (chart("connections", "Connections", vec![line("connections", HistorySeries::Connections)], format::number))
                (chart("instances", "Instances", vec![line("instances", HistorySeries::Instances)], format::number))
                (chart("cost", "Database time that the exporter takes", vec![line("share", HistorySeries::Cost)], format::percent))
            }
        }
    }
}

pub fn of_growth(shown: &Shown<'_>) -> Markup {
    let content = match shown.page.growth {
        Growth::Known([]) => {
            html! { p.note { "Rocket.Chat has stored no statistics yet." } }
        }
        Growth::Known(grown) => charts(shown, grown),
        Growth::Read => html! {
            p.note { "The stored statistics are being read." }
            progress aria-label="Reading the stored statistics" {}
        },
        Growth::Unknown(why) => html! { p.note { (why) } },
    };
    html! {
        section.charts aria-labelledby="growth-title" {
            h2 #growth-title { "Growth" }
            div #growth data-live { (content) }
        }
    }
}

fn charts(shown: &Shown<'_>, grown: &[GrowthPoint]) -> Markup {
    let times: Vec<Timestamp> = grown.iter().map(|it| it.at).collect();
    let line = |name, read: fn(&GrowthPoint) -> Option<f64>| Line {
        name,
        values: grown.iter().map(read).collect(),
    };
    let chart = |id, title, lines, write| {
        let chart = Chart {
            id,
            title,
            times: &times,
            lines,
            write,
            days: true,
        };
        chart.draw(shown.page.timezone)
    };
    html! {
        p.note {
            "From " (grown.len()) " of the statistics documents that Rocket.Chat stored, the newest of them "
            (times.last().map_or_else(String::new, |at| format::ago(*at, shown.page.database_now))) "."
        }
        div.grid {
            (chart("users-growth", "Users", vec![
                line("total", |it| it.users), line("activated", |it| it.active_users),
            ], format::number))
            (chart("rooms-growth", "Rooms", vec![line("rooms", |it| it.rooms)], format::number))
            (chart("messages-growth", "Messages", vec![line("messages", |it| it.messages)], format::number))
            (chart("uploads-growth", "Uploads", vec![line("files", |it| it.uploads)], format::number))
            (chart("upload-size-growth", "Size of uploads", vec![line("size", |it| it.upload_bytes)], format::bytes))
        }
    }
}

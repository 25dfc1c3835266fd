//! The cards about usage, with the rows of the Info page of the workspace's version.

use maud::{Markup, html};

use super::card::{PageData, row, rows, unknown};
use super::format;
use crate::catalogue::Value;
use crate::collectors::Collector;

/// A row: Rocket.Chat's label, and the path of the document's field.
type CardRow = (&'static str, &'static str);

const USERS: [CardRow; 5] = [
    ("Total", "totalUsers"),
    ("Online", "onlineUsers"),
    ("Busy", "busyUsers"),
    ("Away", "awayUsers"),
    ("Offline", "offlineUsers"),
];

const TYPES: [CardRow; 5] = [
    ("Users Connected", "totalConnectedUsers"),
    ("Users Activated", "activeUsers"),
    ("Activated Guests", "activeGuests"),
    ("Deactivated Users", "nonActiveUsers"),
    ("Rocket.Chat App Users", "appUsers"),
];

const ROOMS: [CardRow; 6] = [
    ("Rooms", "totalRooms"),
    ("Channels", "totalChannels"),
    ("Private Groups", "totalPrivateGroups"),
    ("Direct Message Rooms", "totalDirect"),
    ("Discussions", "totalDiscussions"),
    ("Omnichannel Rooms", "totalLivechat"),
];

const ROOMS_FROM_6_5: [CardRow; 6] = [
    ("Channels", "totalChannels"),
    ("Private Groups", "totalPrivateGroups"),
    ("Direct Message Rooms", "totalDirect"),
    ("Discussions", "totalDiscussions"),
    ("Omnichannel Rooms", "totalLivechat"),
    ("Total", "totalRooms"),
];

const MESSAGES: [CardRow; 6] = [
    ("Messages", "totalMessages"),
    ("Threads", "totalThreads"),
    ("Messages in Channels", "totalChannelMessages"),
    ("Messages in Private Groups", "totalPrivateGroupMessages"),
    ("Messages in Direct Messages", "totalDirectMessages"),
    ("Messages in Omnichannel", "totalLivechatMessages"),
];

const MESSAGES_FROM_6_5: [CardRow; 6] = [
    ("In channels", "totalChannelMessages"),
    ("In private groups", "totalPrivateGroupMessages"),
    ("In direct messages", "totalDirectMessages"),
    ("In discussions", "totalDiscussionsMessages"),
    ("In omnichannel", "totalLivechatMessages"),
    ("Total", "totalMessages"),
];

pub fn users(data: &PageData<'_>) -> Markup {
    if !data.since(9, 0) {
        let collectors = [Collector::Presence];
        return data.card("users", "Users", &collectors, &counts(data, &USERS));
    }
    let content = html! {
        (counts(data, &USERS))
        (connected(data))
    };
    let collectors = [Collector::Presence, Collector::Connections];
    data.card("users", "Users", &collectors, &content)
}

/// Connections, beside presence that administrators can force to offline (9.0 and later).
fn connected(data: &PageData<'_>) -> Markup {
    let connections = data.page.snapshot.connections.as_ref();
    let number = |count: Option<u64>| {
        count.map_or_else(unknown, |count| html! { (format::number(count as f64)) })
    };
    let people = connections.map(|connections| connections.people);
    let connections = connections.map(|connections| connections.connections);
    let is_forced = data.setting("Accounts_UserStatus_Enabled") == Some(&Value::Bool(false));
    html! {
        (rows(&html! {
            (row("People connected", &number(people)))
            (row("Connections", &number(connections)))
        }))
        @if is_forced {
            p.note { "Administrators have disabled the status of users: all of them appear offline." }
        }
    }
}

pub fn types(data: &PageData<'_>) -> Markup {
    let title = if data.since(6, 5) {
        "Types"
    } else {
        "Types and Distribution"
    };
    let collectors = [Collector::Presence, Collector::Users];
    data.card("types", title, &collectors, &counts(data, &TYPES))
}

pub fn rooms(data: &PageData<'_>) -> Markup {
    let (title, list) = if data.since(6, 5) {
        ("Rooms", &ROOMS_FROM_6_5)
    } else {
        ("Total Rooms", &ROOMS)
    };
    data.card("rooms", title, &[Collector::Rooms], &counts(data, list))
}

pub fn messages(data: &PageData<'_>) -> Markup {
    let (title, list) = if data.since(6, 5) {
        ("Messages", &MESSAGES_FROM_6_5)
    } else {
        ("Total Messages", &MESSAGES)
    };
    let collectors = [Collector::Messages, Collector::Rooms];
    data.card("messages", title, &collectors, &counts(data, list))
}

pub fn uploads(data: &PageData<'_>) -> Markup {
    let size = data.value("uploadsTotalSize", |value| {
        value.as_f64().map(format::bytes)
    });
    let content = rows(&html! {
        (data.count("Total Uploads", "uploadsTotal"))
        (row("Total Uploads Size", &size))
    });
    data.card("uploads", "Uploads", &[Collector::Uploads], &content)
}

fn counts(data: &PageData<'_>, list: &[CardRow]) -> Markup {
    rows(&html! { @for (label, path) in list { (data.count(label, path)) } })
}

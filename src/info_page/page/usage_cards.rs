//! The cards about usage, row by row as the Info page of the workspace's version has them.

use maud::{Markup, html};

use super::card::{Shown, row, rows};
use super::format;
use crate::collectors::Collector;

/// A row: Rocket.Chat's words, and the field of the document.
type Row = (&'static str, &'static str);

const USERS: [Row; 5] = [
    ("Total", "totalUsers"),
    ("Online", "onlineUsers"),
    ("Busy", "busyUsers"),
    ("Away", "awayUsers"),
    ("Offline", "offlineUsers"),
];

const TYPES: [Row; 5] = [
    ("Users Connected", "totalConnectedUsers"),
    ("Users Activated", "activeUsers"),
    ("Activated Guests", "activeGuests"),
    ("Deactivated Users", "nonActiveUsers"),
    ("Rocket.Chat App Users", "appUsers"),
];

const ROOMS: [Row; 6] = [
    ("Rooms", "totalRooms"),
    ("Channels", "totalChannels"),
    ("Private Groups", "totalPrivateGroups"),
    ("Direct Message Rooms", "totalDirect"),
    ("Discussions", "totalDiscussions"),
    ("Omnichannel Rooms", "totalLivechat"),
];

const ROOMS_FROM_6_5: [Row; 6] = [
    ("Channels", "totalChannels"),
    ("Private Groups", "totalPrivateGroups"),
    ("Direct Message Rooms", "totalDirect"),
    ("Discussions", "totalDiscussions"),
    ("Omnichannel Rooms", "totalLivechat"),
    ("Total", "totalRooms"),
];

const MESSAGES: [Row; 6] = [
    ("Messages", "totalMessages"),
    ("Threads", "totalThreads"),
    ("Messages in Channels", "totalChannelMessages"),
    ("Messages in Private Groups", "totalPrivateGroupMessages"),
    ("Messages in Direct Messages", "totalDirectMessages"),
    ("Messages in Omnichannel", "totalLivechatMessages"),
];

const MESSAGES_FROM_6_5: [Row; 6] = [
    ("In channels", "totalChannelMessages"),
    ("In private groups", "totalPrivateGroupMessages"),
    ("In direct messages", "totalDirectMessages"),
    ("In discussions", "totalDiscussionsMessages"),
    ("In omnichannel", "totalLivechatMessages"),
    ("Total", "totalMessages"),
];

pub fn users(shown: &Shown<'_>) -> Markup {
    shown.card(
        "users",
        "Users",
        &[Collector::Presence],
        &counts(shown, &USERS),
    )
}

pub fn types(shown: &Shown<'_>) -> Markup {
    let title = if shown.since(6, 5) {
        "Types"
    } else {
        "Types and Distribution"
    };
    let collectors = [Collector::Presence, Collector::Users];
    shown.card("types", title, &collectors, &counts(shown, &TYPES))
}

pub fn rooms(shown: &Shown<'_>) -> Markup {
    let (title, list) = if shown.since(6, 5) {
        ("Rooms", &ROOMS_FROM_6_5)
    } else {
        ("Total Rooms", &ROOMS)
    };
    shown.card("rooms", title, &[Collector::Rooms], &counts(shown, list))
}

pub fn messages(shown: &Shown<'_>) -> Markup {
    let (title, list) = if shown.since(6, 5) {
        ("Messages", &MESSAGES_FROM_6_5)
    } else {
        ("Total Messages", &MESSAGES)
    };
    let collectors = [Collector::Messages, Collector::Rooms];
    shown.card("messages", title, &collectors, &counts(shown, list))
}

pub fn uploads(shown: &Shown<'_>) -> Markup {
    let size = shown.value("uploadsTotalSize", |it| it.as_f64().map(format::bytes));
    let content = rows(&html! {
        (shown.count("Total Uploads", "uploadsTotal"))
        (row("Total Uploads Size", &size))
    });
    shown.card("uploads", "Uploads", &[Collector::Uploads], &content)
}

fn counts(shown: &Shown<'_>, list: &[Row]) -> Markup {
    rows(&html! { @for (label, path) in list { (shown.count(label, path)) } })
}

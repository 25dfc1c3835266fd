//! `rocketchat_message`: messages of people, more of them in some rooms and more of them recent, with threads, pins, stars
//! and system messages.

use anyhow::Result;
use mongodb::bson::{DateTime, Document, doc};

use super::builder::Builder;
use super::names;
use super::rooms::Room;
use super::time::DAY;
use super::users::Person;

/// The age of the oldest message in days; older ones were pruned.
const HISTORY: i64 = 200;

pub(super) async fn fill(
    builder: &mut Builder<'_>,
    people: &[Person],
    rooms: &mut [Room],
) -> Result<()> {
    let shares = shares(builder, rooms);
    let mut batch = Vec::new();
    for (room, share) in rooms.iter_mut().zip(shares) {
        batch.extend(conversation(builder, people, room, share));
        if batch.len() > 2000 {
            builder
                .insert("rocketchat_message", std::mem::take(&mut batch))
                .await?;
        }
    }
    builder.insert("rocketchat_message", batch).await
}

/// The share of each room in the messages: few rooms have most of them.
fn shares(builder: &mut Builder<'_>, rooms: &[Room]) -> Vec<usize> {
    let weights: Vec<usize> = rooms
        .iter()
        .map(|room| match room.kind {
            "l" | "v" => 10,
            _ if room.id == "GENERAL" => 800,
            _ => 2000 / (builder.random.below(100) + 4),
        })
        .collect();
    let total: usize = weights.iter().sum();
    weights
        .iter()
        .map(|weight| (builder.size.messages * weight / total).max(2))
        .collect()
}

fn conversation(
    builder: &mut Builder<'_>,
    people: &[Person],
    room: &mut Room,
    count: usize,
) -> Vec<Document> {
    let span = room
        .created
        .timestamp_millis()
        .max(builder.clock.ago(HISTORY * DAY).timestamp_millis());
    let age = builder.clock.now().timestamp_millis() - span;
    let mut times: Vec<i64> = (0..count)
        // The smallest of four random ages, so that recent messages are more frequent.
        .map(|_| (0..4).fold(age, |least, _| least.min(builder.random.between(0, age))))
        .collect();
    times.sort_unstable_by(|earlier, later| later.cmp(earlier));
    let mut messages: Vec<Document> = Vec::with_capacity(count);
    for (position, before) in times.into_iter().enumerate() {
        let time = DateTime::from_millis(builder.clock.now().timestamp_millis() - before);
        let message = match author(builder, people, room) {
            Some(author) => message(builder, room, &author, time, position),
            None => message(
                builder,
                room,
                &room.extra.get_document("v").cloned().unwrap_or_default(),
                time,
                position,
            ),
        };
        messages.push(message);
        add_threads(builder, &mut messages);
    }
    room.messages = messages.len();
    room.last_message = messages.last().cloned();
    messages
}

/// The author of a message; a visitor writes half of a livechat conversation.
fn author(builder: &mut Builder<'_>, people: &[Person], room: &Room) -> Option<Document> {
    if room.members.is_empty() || (room.kind == "l" && builder.random.percent(50)) {
        return None;
    }
    Some(people[*builder.random.pick(&room.members)].reference())
}

fn message(
    builder: &mut Builder<'_>,
    room: &Room,
    author: &Document,
    time: DateTime,
    position: usize,
) -> Document {
    let mut message = doc! {
        "_id": builder.random.id(),
        "rid": &room.id,
        "msg": *builder.random.pick(names::TEXTS),
        "ts": time,
        "u": author.clone(),
        "_updatedAt": time,
        "urls": [],
        "mentions": [],
        "channels": [],
        "md": [],
    };
    if let Some(notice) = notice(builder, room, position) {
        let username = author.get_str("username").unwrap_or_default();
        message.extend(doc! { "t": notice, "msg": username, "groupable": false });
    } else if room.encrypted {
        let secret = builder.random.text(40);
        message.extend(doc! { "t": "e2e", "msg": "", "e2e": "pending",
        "content": { "algorithm": "rc.v1.aes-sha2", "ciphertext": secret } });
    } else if builder.random.percent(1) {
        message.extend(doc! { "pinned": true, "pinnedAt": time, "pinnedBy": author.clone() });
    } else if builder.random.percent(2) {
        let user = builder.random.id();
        message.insert("starred", vec![doc! { "_id": user }]);
    } else if builder.random.percent(3) {
        message.extend(doc! { "editedAt": time, "editedBy": author.clone() });
    }
    message
}

/// The type of a system message, or `None` for a message of a person.
fn notice(builder: &mut Builder<'_>, room: &Room, position: usize) -> Option<&'static str> {
    match (room.kind, position) {
        ("l", 0) => Some("livechat-started"),
        ("l" | "v" | "d", _) => None,
        (_, 0 | 1) => Some("uj"),
        _ if !builder.random.percent(8) => None,
        _ => Some(*builder.random.pick(&[
            "uj",
            "uj",
            "uj",
            "uj",
            "au",
            "au",
            "ul",
            "ru",
            "room_changed_topic",
            "room_changed_description",
            "message_pinned",
            "discussion-created",
            "user-muted",
            "r",
        ])),
    }
}

/// Turns about every tenth message into a reply to an earlier one, which becomes the head of a thread.
fn add_threads(builder: &mut Builder<'_>, messages: &mut [Document]) {
    let Some((reply, earlier)) = messages.split_last_mut() else {
        return;
    };
    if earlier.is_empty() || reply.contains_key("t") || !builder.random.percent(12) {
        return;
    }
    let head = &mut earlier[builder
        .random
        .below(earlier.len().min(4))
        .abs_diff(earlier.len() - 1)];
    if head.contains_key("t") || head.contains_key("tmid") {
        return;
    }
    let time = reply.get_datetime("ts").copied().unwrap_or(DateTime::MIN);
    let author = reply
        .get_document("u")
        .and_then(|author| author.get_str("_id"))
        .unwrap_or_default()
        .to_owned();
    let replies = head.get_i32("tcount").unwrap_or_default();
    let mut followers = head.get_array("replies").cloned().unwrap_or_default();
    if !followers.contains(&author.as_str().into()) {
        followers.push(author.into());
    }
    head.extend(
        doc! { "tcount": replies + 1, "tlm": time, "replies": followers, "_updatedAt": time },
    );
    if let Ok(id) = head.get_str("_id") {
        reply.insert("tmid", id);
    }
}

//! `rocketchat_room`: channels, groups, teams, direct messages, discussions, livechat and old VoIP calls.
//!
//! Rooms are planned first, filled with messages in memory, and written last, because they have counters of their
//! messages. In a few rooms the counter is wrong, as in real workspaces.

mod plan;

use anyhow::Result;
use mongodb::bson::{DateTime, Document, doc};

use super::builder::{Builder, int};
use super::time::DAY;

pub(super) use plan::plan;

/// A planned room.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) id: String,
    /// The field `t`: c, p, d, l or v.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) created: DateTime,
    /// Indexes into the list of people.
    pub(super) members: Vec<usize>,
    /// Whether a livechat conversation is open.
    pub(super) open: bool,
    pub(super) encrypted: bool,
    /// Further fields of this kind of room.
    pub(super) extra: Document,
    /// Messages written so far.
    pub(super) messages: usize,
    pub(super) last_message: Option<Document>,
}

/// The percentage of rooms with a wrong message counter.
const DRIFTING: usize = 6;

pub(super) async fn fill(builder: &mut Builder<'_>, rooms: &[Room]) -> Result<()> {
    let documents = rooms.iter().map(|room| document(builder, room)).collect();
    builder.insert("rocketchat_room", documents).await?;
    let mains = rooms
        .iter()
        .filter(|room| room.extra.contains_key("teamMain"));
    let mut teams = Vec::new();
    for room in mains {
        teams.push(doc! {
            "_id": room.extra.get_str("teamId").unwrap_or_default(),
            "name": &room.name,
            "type": i32::from(room.kind == "p"),
            "createdAt": room.created,
            "createdBy": room.extra.get_document("u").cloned().unwrap_or_default(),
            "roomId": &room.id,
            "_updatedAt": builder.within(60 * DAY),
        });
    }
    builder.insert("rocketchat_team", teams).await
}

fn document(builder: &mut Builder<'_>, room: &Room) -> Document {
    let mut counted = room.messages;
    if builder.random.percent(DRIFTING) {
        // Pruning leaves the counter too high, and restoring a backup leaves it too low.
        counted = if builder.random.percent(80) {
            counted + counted / 3 + 5
        } else {
            counted.saturating_sub(3)
        };
    }
    let mut document = doc! {
        "_id": &room.id,
        "t": room.kind,
        "ts": room.created,
        "msgs": int(counted),
        "usersCount": int(room.members.len()),
        "ro": false,
        "sysMes": true,
        "default": room.id == "GENERAL",
        "_updatedAt": room.created,
    };
    match room.kind {
        "c" | "p" if room.extra.contains_key("prid") => {
            document.extend(doc! { "name": builder.random.id(), "fname": &room.name });
        }
        "c" | "p" => {
            document.extend(doc! { "name": &room.name, "fname": &room.name, "customFields": {} });
        }
        "l" | "v" => document.extend(doc! { "fname": &room.name }),
        _ => {}
    }
    if room.encrypted {
        document.insert("encrypted", true);
        document.insert("e2eKeyId", builder.random.text(12));
    }
    if let Some(message) = &room.last_message {
        let time = message.get_datetime("ts").copied().unwrap_or(room.created);
        document.extend(doc! { "lm": time, "_updatedAt": time, "lastMessage": message });
    }
    document.extend(room.extra.clone());
    document
}

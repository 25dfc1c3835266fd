//! Rooms: one pass over the collection that counts them by kind and adds up their message counters.

use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{RoomGroup, RoomKind, Rooms};

pub async fn read(question: &Question<'_>) -> Result<Rooms, SourceError> {
    // What JavaScript takes for true: Rocket.Chat tests the parent room's id that way.
    let discussion = doc! { "$not": [
        { "$in": [{ "$ifNull": ["$prid", Bson::Null] }, [Bson::Null, Bson::from(""), Bson::from(false), Bson::from(0)]] },
    ] };
    let has_parent = doc! { "$ne": [{ "$type": "$prid" }, "missing"] };
    let pipeline = vec![doc! { "$group": {
        "_id": {
            "kind": { "$cond": [{ "$in": ["$t", ["c", "p", "d", "l", "v"]] }, "$t", "other"] },
            "discussion": discussion,
        },
        "rooms": { "$sum": 1 },
        "messages": { "$sum": convert::finite("$msgs") },
        "withParent": { "$sum": { "$cond": [has_parent, 1, 0] } },
        "withoutCounter": { "$sum": { "$cond": [convert::is_finite("$msgs"), 0, 1] } },
    } }];
    let groups = question
        .aggregate("rocketchat_room", pipeline, None)
        .await?;
    let sum = |key| {
        groups
            .iter()
            .map(|group| convert::counted(group, key))
            .sum()
    };
    Ok(Rooms {
        discussions: sum("withParent"),
        without_counter: sum("withoutCounter"),
        groups: groups.iter().filter_map(group).collect(),
    })
}

fn group(document: &Document) -> Option<RoomGroup> {
    let id = document.get_document("_id").ok()?;
    Some(RoomGroup {
        kind: match id.get_str("kind") {
            Ok("c") => RoomKind::Channel,
            Ok("p") => RoomKind::PrivateGroup,
            Ok("d") => RoomKind::Direct,
            Ok("l") => RoomKind::Livechat,
            Ok("v") => RoomKind::Voip,
            _ => RoomKind::Other,
        },
        discussion: id.get_bool("discussion").unwrap_or(false),
        rooms: convert::counted(document, "rooms"),
        messages: convert::summed(document, "messages"),
    })
}

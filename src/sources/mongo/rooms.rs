//! Rooms: one pass over the collection that counts them by kind and adds up their message counters.

use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{ROOM_FEATURES, RoomFeature, RoomGroup, RoomKind, Rooms};

pub async fn read(question: &Question<'_>) -> Result<Rooms, SourceError> {
    // What JavaScript takes for true: Rocket.Chat tests the parent room's id that way.
    let discussion = doc! { "$not": [
        { "$in": [{ "$ifNull": ["$prid", Bson::Null] }, [Bson::Null, Bson::from(""), Bson::from(false), Bson::from(0)]] },
    ] };
    let mut group_by = doc! {
        "_id": {
            "kind": { "$cond": [{ "$in": ["$t", ["c", "p", "d", "l", "v"]] }, "$t", "other"] },
            "discussion": discussion,
        },
        "rooms": { "$sum": 1 },
        "messages": { "$sum": convert::finite("$msgs") },
        "withParent": { "$sum": { "$cond": [convert::exists("$prid"), 1, 0] } },
        "withoutCounter": { "$sum": { "$cond": [convert::is_finite("$msgs"), 0, 1] } },
    };
    for (name, feature) in ROOM_FEATURES {
        group_by.insert(
            name,
            doc! { "$sum": { "$cond": [condition(feature), 1, 0] } },
        );
    }
    let groups = question
        .aggregate("rocketchat_room", vec![doc! { "$group": group_by }], None)
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
        grants: question.grants.clone(),
        features: ROOM_FEATURES
            .into_iter()
            .map(|(name, _)| (name, sum(name)))
            .collect(),
        groups: groups.iter().filter_map(group).collect(),
    })
}

/// The expression that tells whether a room has a feature.
fn condition(feature: RoomFeature) -> Document {
    let exists = |field: &str| convert::exists(&format!("${field}"));
    let is_true = |field: &str| doc! { "$eq": [format!("${field}"), true] };
    match feature {
        RoomFeature::True(field) => is_true(field),
        RoomFeature::Exists(field) => exists(field),
        RoomFeature::ExistsWithout(field, other) => {
            doc! { "$and": [exists(field), { "$not": [exists(other)] }] }
        }
        RoomFeature::ExistsWithoutAndTrue(field, other, third) => {
            doc! { "$and": [exists(field), { "$not": [exists(other)] }, is_true(third)] }
        }
        RoomFeature::ExistsUnless(field, other) => {
            doc! { "$and": [exists(field), { "$not": [is_true(other)] }] }
        }
        RoomFeature::Is(field, value) => doc! { "$eq": [format!("${field}"), value] },
    }
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

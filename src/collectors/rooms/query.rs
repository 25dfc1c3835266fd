//! Rooms by kind, with the sums of their message counters, and discussions separately.
//!
//! Grouping by a plain field costs MongoDB hardly more than reading the rooms; the smallest expression doubles that. So
//! expressions run for each kind that exists, and the few discussions are found by the index on `prid`.

use mongodb::bson::{Bson, Document, doc};

use super::{RoomGroup, RoomKind, RoomKinds, Rooms};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

const COLLECTION: &str = "rocketchat_room";

/// The kinds, by the value of `t`.
const KINDS: [(&str, RoomKind); 5] = [
    ("c", RoomKind::Channel),
    ("p", RoomKind::PrivateGroup),
    ("d", RoomKind::Direct),
    ("l", RoomKind::Livechat),
    ("v", RoomKind::Voip),
];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Rooms, SourceError> {
    let with_parent = with_parent(query).await?;
    let names_parent = |group: &&Document| group.get_document("_id").is_ok_and(is_discussion);
    let discussion_groups = groups(with_parent.iter().filter(names_parent));
    let with_parent = with_parent.iter();
    let discussions = with_parent.map(|group| bson::counted(group, "rooms")).sum();
    Ok(Rooms {
        groups: groups(all(query).await?.iter()),
        discussion_groups,
        discussions,
    })
}

/// All rooms.
async fn all(query: &QueryContext<'_>) -> Result<Vec<Document>, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        vec![
            doc! { "$group": {
                "_id": "$t",
                "rooms": { "$sum": 1 },
                "messages": { "$sum": sum("$msgs") },
            } },
            doc! { "$group": {
                "_id": kinds_of("$_id"),
                "rooms": { "$sum": "$rooms" },
                "messages": { "$sum": "$messages" },
            } },
        ]
    };
    query.finite_sums(COLLECTION, ["messages"], pipeline).await
}

/// Rooms with the field `prid`. Rocket.Chat tests the parent room's id in JavaScript.
async fn with_parent(query: &QueryContext<'_>) -> Result<Vec<Document>, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        let mut id = kinds_of("$t");
        id.insert(DISCUSSION, doc! { "$not": [is_falsy("$prid")] });
        vec![
            doc! { "$match": { "prid": { "$exists": true } } },
            doc! { "$group": {
                "_id": id,
                "rooms": { "$sum": 1 },
                "messages": { "$sum": sum("$msgs") },
            } },
        ]
    };
    query.finite_sums(COLLECTION, ["messages"], pipeline).await
}

/// The key in a group's id for whether its rooms name a parent, beside the kinds.
const DISCUSSION: &str = "discussion";

fn is_discussion(id: &Document) -> bool {
    id.get_bool(DISCUSSION).unwrap_or(false)
}

/// An expression for which kinds a value of `t` has.
fn kinds_of(path: &str) -> Document {
    let kinds = KINDS.into_iter();
    kinds
        .map(|(name, _)| (name.to_owned(), bson::finds(path, name).into()))
        .collect()
}

/// An expression for whether JavaScript takes a value as false.
fn is_falsy(path: &str) -> Document {
    let is_number = doc! { "$in": [{ "$type": path }, ["int", "long", "double"]] };
    doc! { "$or": [
        { "$in": [{ "$type": path }, ["missing", "null", "undefined"]] },
        { "$in": [path, ["", false]] },
        { "$and": [is_number, { "$in": [path, [0.0, f64::NAN]] }] },
    ] }
}

fn groups<'a>(found: impl Iterator<Item = &'a Document>) -> Vec<RoomGroup> {
    let groups = found.map(|group| {
        let id = group.get_document("_id").ok();
        let is = |name: &str| id.is_some_and(|id| id.get_bool(name).unwrap_or(false));
        let kinds = KINDS.into_iter().filter(|(name, _)| is(name));
        RoomGroup {
            kinds: RoomKinds::of(kinds.map(|(_, kind)| kind)),
            rooms: bson::counted(group, "rooms"),
            messages: bson::summed(group, "messages"),
        }
    });
    groups.collect()
}

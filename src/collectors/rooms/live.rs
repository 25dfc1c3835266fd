//! Rooms in live mode: kind, parent, message counter.

use mongodb::bson::RawBsonRef;

use super::{RoomGroup, RoomKind, Rooms};
use crate::change_streams::{
    Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking, number,
};
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::{Collector, Reading};

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::Rooms,
    follows: &[("rocketchat_room", Tracking::Fields(FIELDS))],
    needs: None,
    section: LiveSection::Followed(|documents, _| {
        let rooms = documents.collection("rocketchat_room")?;
        Some(Ok(Reading::Rooms(by_kind(rooms))))
    }),
};

const MESSAGES: Bits = Bits::amount();
pub const KIND: Bits = MESSAGES.next(3);
/// A field `prid` with any value.
const HAS_PARENT: Bits = KIND.next(1);
/// A field `prid` that is true in JavaScript.
const NAMES_PARENT: Bits = HAS_PARENT.next(1);

/// The bits of a room's row go on after these in `room_features/live.rs`.
pub const LAST: Bits = NAMES_PARENT;

const CHANNEL: PackedRow = 1;
const PRIVATE_GROUP: PackedRow = 2;
pub const DIRECT: PackedRow = 3;
pub const LIVECHAT: PackedRow = 4;
pub const VOIP: PackedRow = 5;

pub const FIELDS: &[FollowedField] = &[
    FollowedField::new("msgs", MESSAGES, Extract::Amount),
    FollowedField::new("t", KIND, Extract::With(kind)),
    FollowedField::new("prid", HAS_PARENT, Extract::Exists),
    FollowedField::new("prid", NAMES_PARENT, Extract::With(names_parent)),
];

fn kind(value: Option<RawBsonRef<'_>>) -> PackedRow {
    match value {
        Some(RawBsonRef::String("c")) => CHANNEL,
        Some(RawBsonRef::String("p")) => PRIVATE_GROUP,
        Some(RawBsonRef::String("d")) => DIRECT,
        Some(RawBsonRef::String("l")) => LIVECHAT,
        Some(RawBsonRef::String("v")) => VOIP,
        _ => 0,
    }
}

fn names_parent(value: Option<RawBsonRef<'_>>) -> PackedRow {
    value.is_some_and(|value| !finds_falsy(value)).into()
}

/// Whether MongoDB finds null, an empty text, false or 0 here; it looks into lists, one deep.
fn finds_falsy(value: RawBsonRef<'_>) -> bool {
    let is_falsy = |value: RawBsonRef<'_>| match value {
        RawBsonRef::Null | RawBsonRef::Undefined | RawBsonRef::String("") => true,
        RawBsonRef::Boolean(value) => !value,
        // Not a number is not equal to 0.
        value => number(value) == Some(0.0),
    };
    match value {
        RawBsonRef::Array(items) => items.into_iter().flatten().any(is_falsy),
        value => is_falsy(value),
    }
}

fn by_kind(rooms: &TrackedCollection) -> Rooms {
    let mut groups = Vec::new();
    for (code, kind) in [
        (CHANNEL, RoomKind::Channel),
        (PRIVATE_GROUP, RoomKind::PrivateGroup),
        (DIRECT, RoomKind::Direct),
        (LIVECHAT, RoomKind::Livechat),
        (VOIP, RoomKind::Voip),
        (0, RoomKind::Other),
    ] {
        for discussion in [false, true] {
            let matches = |row| KIND.get(row) == code && NAMES_PARENT.is_set(row) == discussion;
            let number = rooms.count(matches);
            if number > 0 {
                groups.push(RoomGroup {
                    kind,
                    discussion,
                    rooms: number,
                    messages: rooms.sum(matches),
                });
            }
        }
    }
    Rooms {
        groups,
        discussions: rooms.count(|row| HAS_PARENT.is_set(row)),
    }
}

//! Rooms in live mode: kind, parent, message counter.

use std::collections::BTreeSet;

use mongodb::bson::RawBsonRef;

use super::{RoomGroup, RoomKind, RoomKinds, Rooms};
use crate::change_streams::{
    Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking, finds, is_text, number,
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
const KIND: Bits = MESSAGES.next(5);
/// A field `prid` with any value.
const HAS_PARENT: Bits = KIND.next(1);
/// A field `prid` that is true in JavaScript.
const NAMES_PARENT: Bits = HAS_PARENT.next(1);

/// The bits of a room's row go on after these in `room_features/live.rs`.
pub const LAST: Bits = NAMES_PARENT;

const CHANNEL: PackedRow = 1;
const PRIVATE_GROUP: PackedRow = 2;
const DIRECT: PackedRow = 4;
const LIVECHAT: PackedRow = 8;
const VOIP: PackedRow = 16;

const KINDS: [(&str, PackedRow, RoomKind); 5] = [
    ("c", CHANNEL, RoomKind::Channel),
    ("p", PRIVATE_GROUP, RoomKind::PrivateGroup),
    ("d", DIRECT, RoomKind::Direct),
    ("l", LIVECHAT, RoomKind::Livechat),
    ("v", VOIP, RoomKind::Voip),
];

pub const FIELDS: &[FollowedField] = &[
    FollowedField::new("msgs", MESSAGES, Extract::Amount),
    FollowedField::new("t", KIND, Extract::With(kind)),
    FollowedField::new("prid", HAS_PARENT, Extract::Exists),
    FollowedField::new("prid", NAMES_PARENT, Extract::With(names_parent)),
];

fn kind(value: Option<RawBsonRef<'_>>) -> PackedRow {
    let found = KINDS
        .into_iter()
        .filter(|(name, ..)| finds(value, |value| is_text(value, name)));
    found.fold(0, |kinds, (_, kind, _)| kinds | kind)
}

/// Whether a row is that of a room that may be empty: direct rooms, and omnichannel conversations and calls.
pub const fn may_be_empty(row: PackedRow) -> bool {
    KIND.get(row) & (DIRECT | LIVECHAT | VOIP) != 0
}

fn names_parent(value: Option<RawBsonRef<'_>>) -> PackedRow {
    value.is_some_and(|value| !is_falsy(value)).into()
}

/// Whether JavaScript takes a value as false. There a decimal is an object.
fn is_falsy(value: RawBsonRef<'_>) -> bool {
    match value {
        RawBsonRef::Null | RawBsonRef::Undefined => true,
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => text.is_empty(),
        RawBsonRef::Boolean(value) => !value,
        RawBsonRef::Decimal128(_) => false,
        value => number(value).is_some_and(|number| number == 0.0 || number.is_nan()),
    }
}

fn by_kind(rooms: &TrackedCollection) -> Rooms {
    let kinds: BTreeSet<PackedRow> = rooms.classes().map(|(row, _)| KIND.get(row)).collect();
    let groups = |matches: &dyn Fn(PackedRow) -> bool| {
        let groups = kinds.iter().filter_map(|code| {
            let matches = |row| KIND.get(row) == *code && matches(row);
            let has = KINDS.into_iter().filter(|(_, kind, _)| code & kind != 0);
            let number = rooms.count(matches);
            (number > 0).then(|| RoomGroup {
                kinds: RoomKinds::of(has.map(|(.., kind)| kind)),
                rooms: number,
                messages: rooms.sum(matches),
            })
        });
        groups.collect()
    };
    Rooms {
        groups: groups(&|_| true),
        discussion_groups: groups(&|row| NAMES_PARENT.is_set(row)),
        discussions: rooms.count(|row| HAS_PARENT.is_set(row)),
    }
}

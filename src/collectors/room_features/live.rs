//! What rooms have in live mode.

use mongodb::bson::{Bson, RawBsonRef, doc};

use super::{ROOM_FEATURES, RoomFeature, RoomFeatures};
use crate::change_streams::{
    Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking, finds, number,
};
use crate::collectors::license::Grants;
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::rooms::live as rooms;
use crate::collectors::{Collector, Reading};
use crate::mongodb::bson;

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::RoomFeatures,
    follows: &[
        ("rocketchat_room", Tracking::Fields(rooms::FIELDS)),
        ("rocketchat_room", Tracking::Fields(FIELDS)),
    ],
    needs: None,
    section: LiveSection::Followed(|documents, known| {
        let grants = &known.settings.as_ref()?.grants;
        let rooms = documents.collection("rocketchat_room")?;
        Some(Ok(Reading::RoomFeatures(features(rooms, grants)?)))
    }),
};

const WITHOUT_COUNTER: Bits = rooms::LAST.next(1);
const EMPTY: Bits = WITHOUT_COUNTER.next(1);
const ABAC: Bits = EMPTY.next(1);
const ARCHIVED: Bits = ABAC.next(1);
const BROADCAST: Bits = ARCHIVED.next(1);
const CALL: Bits = BROADCAST.next(1);
const DEPARTMENT: Bits = CALL.next(1);
const ENCRYPTED: Bits = DEPARTMENT.next(1);
const FEDERATED: Bits = ENCRYPTED.next(1);
const LIVESTREAM: Bits = FEDERATED.next(1);
const OFF_THE_RECORD: Bits = LIVESTREAM.next(1);
const TRANSCRIPT: Bits = OFF_THE_RECORD.next(1);
const TRANSCRIPT_REQUESTED: Bits = TRANSCRIPT.next(1);
const PRIORITY: Bits = TRANSCRIPT_REQUESTED.next(1);
const SERVICE_LEVEL: Bits = PRIORITY.next(1);
const TEAM: Bits = SERVICE_LEVEL.next(1);
const HAS_TEAM_MAIN: Bits = TEAM.next(1);
const TEAM_MAIN: Bits = HAS_TEAM_MAIN.next(1);
const TEAM_DEFAULT: Bits = TEAM_MAIN.next(1);

const LIVESTREAM_TYPE: &str = "livestream";

const FIELDS: &[FollowedField] = &[
    FollowedField::new("msgs", WITHOUT_COUNTER, Extract::With(is_no_counter)),
    FollowedField::new("usersCount", EMPTY, Extract::With(is_zero)),
    FollowedField::new("abacAttributes", ABAC, Extract::Exists),
    FollowedField::new("archived", ARCHIVED, Extract::IsTrue),
    FollowedField::new("broadcast", BROADCAST, Extract::IsTrue),
    FollowedField::new("callStatus", CALL, Extract::Exists),
    FollowedField::new("departmentId", DEPARTMENT, Extract::Exists),
    FollowedField::new("encrypted", ENCRYPTED, Extract::IsTrue),
    FollowedField::new("federated", FEDERATED, Extract::IsTrue),
    FollowedField::new(
        "streamingOptions.type",
        LIVESTREAM,
        Extract::Is(LIVESTREAM_TYPE),
    )
    .named("streaming")
    .with_expression(|path| {
        let found = bson::finds(path, LIVESTREAM_TYPE);
        doc! { "$cond": [found, LIVESTREAM_TYPE, Bson::Null] }.into()
    }),
    FollowedField::new("createdOTR", OFF_THE_RECORD, Extract::IsTrue),
    FollowedField::new("pdfTranscriptFileId", TRANSCRIPT, Extract::Exists),
    FollowedField::new(
        "pdfTranscriptRequested",
        TRANSCRIPT_REQUESTED,
        Extract::IsTrue,
    ),
    FollowedField::new("priorityId", PRIORITY, Extract::Exists),
    FollowedField::new("slaId", SERVICE_LEVEL, Extract::Exists),
    FollowedField::new("teamId", TEAM, Extract::Exists),
    FollowedField::new("teamMain", HAS_TEAM_MAIN, Extract::Exists),
    FollowedField::new("teamMain", TEAM_MAIN, Extract::IsTrue),
    FollowedField::new("teamDefault", TEAM_DEFAULT, Extract::IsTrue),
];

fn is_no_counter(value: Option<RawBsonRef<'_>>) -> PackedRow {
    let is_counter = value.and_then(number).is_some_and(f64::is_finite);
    (!is_counter).into()
}

fn is_zero(value: Option<RawBsonRef<'_>>) -> PackedRow {
    finds(value, |value| number(value) == Some(0.0)).into()
}

/// The bits that are set, and those that are not, in the row of a room with a feature; `None` where no field has them.
fn bits_of(feature: RoomFeature) -> Option<(PackedRow, PackedRow)> {
    let find = |path: &str, matches: &dyn Fn(Extract) -> bool| {
        let mut fields = FIELDS.iter();
        let field = fields.find(|field| field.path == path && matches(field.extract));
        field.map(|field| field.bits.mask())
    };
    let exists = |path| find(path, &|extract| matches!(extract, Extract::Exists));
    let is_true = |path| find(path, &|extract| matches!(extract, Extract::IsTrue));
    Some(match feature {
        RoomFeature::True(path) => (is_true(path)?, 0),
        RoomFeature::Exists(path) => (exists(path)?, 0),
        RoomFeature::ExistsWithout(path, other) => (exists(path)?, exists(other)?),
        RoomFeature::ExistsWithoutAndTrue(path, other, third) => {
            (exists(path)? | is_true(third)?, exists(other)?)
        }
        RoomFeature::ExistsUnless(path, other) => (exists(path)?, is_true(other)?),
        RoomFeature::Is(path, value) => {
            let is_value = |extract| matches!(extract, Extract::Is(text) if text == value);
            (find(path, &is_value)?, 0)
        }
    })
}

fn features(rooms: &TrackedCollection, grants: &Grants) -> Option<RoomFeatures> {
    let features = ROOM_FEATURES.into_iter().map(|(name, feature)| {
        let (set, unset) = bits_of(feature)?;
        Some((name, rooms.count(|row| row & (set | unset) == set)))
    });
    Some(RoomFeatures {
        features: features.collect::<Option<_>>()?,
        without_counter: rooms.count(|row| WITHOUT_COUNTER.is_set(row)),
        orphaned: rooms.count(|row| EMPTY.is_set(row) && !rooms::may_be_empty(row)),
        grants: grants.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_bits() {
        for (name, feature) in ROOM_FEATURES {
            assert!(bits_of(feature).is_some(), "{name}");
        }
    }
}

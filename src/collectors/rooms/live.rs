//! What a row tells of a room: its kind, its parent, what it has, and its messages.

use mongodb::bson::RawBsonRef;

use crate::change_streams::{
    AMOUNT, Field, Packed, Row, amount, bits, existence, field, flag, number, truth, within,
};
use crate::collectors::room_features::RoomFeature;

pub const KIND: Row = 0b111;
pub const CHANNEL: Row = 1;
pub const PRIVATE_GROUP: Row = 2;
pub const DIRECT: Row = 3;
pub const LIVECHAT: Row = 4;
pub const VOIP: Row = 5;
/// A field `prid`, whatever its value.
pub const HAS_PARENT: Row = 1 << 3;
/// A field `prid` that JavaScript takes for true.
pub const NAMES_PARENT: Row = 1 << 4;
/// No finite number of messages.
pub const WITHOUT_COUNTER: Row = 1 << 5;
/// No members.
pub const EMPTY: Row = 1 << 6;

const HAS_ABAC: Row = 1 << 7;
const ARCHIVED: Row = 1 << 8;
const BROADCAST: Row = 1 << 9;
const HAS_CALL: Row = 1 << 10;
const HAS_DEPARTMENT: Row = 1 << 11;
const ENCRYPTED: Row = 1 << 12;
const FEDERATED: Row = 1 << 13;
const LIVESTREAM: Row = 1 << 14;
const OFF_THE_RECORD: Row = 1 << 15;
const HAS_TRANSCRIPT: Row = 1 << 16;
const WANTS_TRANSCRIPT: Row = 1 << 17;
const HAS_PRIORITY: Row = 1 << 18;
const HAS_SERVICE_LEVEL: Row = 1 << 19;
const HAS_TEAM: Row = 1 << 20;
const TELLS_MAIN: Row = 1 << 21;
const MAIN: Row = 1 << 22;
const TEAM_DEFAULT: Row = 1 << 23;

/// What a row tells of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Exists,
    True,
    Is(&'static str),
}

const SIGNS: [(&str, Sign, Row); 17] = [
    ("abacAttributes", Sign::Exists, HAS_ABAC),
    ("archived", Sign::True, ARCHIVED),
    ("broadcast", Sign::True, BROADCAST),
    ("callStatus", Sign::Exists, HAS_CALL),
    ("departmentId", Sign::Exists, HAS_DEPARTMENT),
    ("encrypted", Sign::True, ENCRYPTED),
    ("federated", Sign::True, FEDERATED),
    ("streamingOptions.type", Sign::Is("livestream"), LIVESTREAM),
    ("createdOTR", Sign::True, OFF_THE_RECORD),
    ("pdfTranscriptFileId", Sign::Exists, HAS_TRANSCRIPT),
    ("pdfTranscriptRequested", Sign::True, WANTS_TRANSCRIPT),
    ("priorityId", Sign::Exists, HAS_PRIORITY),
    ("slaId", Sign::Exists, HAS_SERVICE_LEVEL),
    ("teamId", Sign::Exists, HAS_TEAM),
    ("teamMain", Sign::Exists, TELLS_MAIN),
    ("teamMain", Sign::True, MAIN),
    ("teamDefault", Sign::True, TEAM_DEFAULT),
];

/// The bits that a room with a feature has, and those that it has not; `None` where rows do not tell.
pub fn signs_of(feature: RoomFeature) -> Option<(Row, Row)> {
    let bit = |field: &str, sign: Sign| {
        let found = SIGNS.iter().find(|it| it.0 == field && it.1 == sign);
        found.map(|(.., bit)| *bit)
    };
    let exists = |field| bit(field, Sign::Exists);
    let is_true = |field| bit(field, Sign::True);
    Some(match feature {
        RoomFeature::True(field) => (is_true(field)?, 0),
        RoomFeature::Exists(field) => (exists(field)?, 0),
        RoomFeature::ExistsWithout(field, other) => (exists(field)?, exists(other)?),
        RoomFeature::ExistsWithoutAndTrue(field, other, third) => {
            (exists(field)? | is_true(third)?, exists(other)?)
        }
        RoomFeature::ExistsUnless(field, other) => (exists(field)?, is_true(other)?),
        RoomFeature::Is(field, value) => (bit(field, Sign::Is(value))?, 0),
    })
}

pub const FIELDS: &[Field] = &[
    field("t", KIND, |_, value| {
        bits(match value {
            Some(RawBsonRef::String("c")) => CHANNEL,
            Some(RawBsonRef::String("p")) => PRIVATE_GROUP,
            Some(RawBsonRef::String("d")) => DIRECT,
            Some(RawBsonRef::String("l")) => LIVECHAT,
            Some(RawBsonRef::String("v")) => VOIP,
            _ => 0,
        })
    }),
    field("prid", HAS_PARENT | NAMES_PARENT, |_, value| {
        bits(match value {
            None => 0,
            Some(value) if names_nothing(value) => HAS_PARENT,
            Some(_) => HAS_PARENT | NAMES_PARENT,
        })
    }),
    field(
        "msgs",
        WITHOUT_COUNTER | !((1 << AMOUNT) - 1),
        |_, value| {
            let is_counter = value.and_then(number).is_some_and(f64::is_finite);
            let Packed { bits, odd } = amount(value);
            Packed {
                bits: bits | if is_counter { 0 } else { WITHOUT_COUNTER },
                odd,
            }
        },
    ),
    field("usersCount", EMPTY, |bit, value| {
        flag(bit, value.and_then(number) == Some(0.0))
    }),
    field("abacAttributes", HAS_ABAC, existence),
    field("archived", ARCHIVED, truth),
    field("broadcast", BROADCAST, truth),
    field("callStatus", HAS_CALL, existence),
    field("departmentId", HAS_DEPARTMENT, existence),
    field("encrypted", ENCRYPTED, truth),
    field("federated", FEDERATED, truth),
    within(
        "streamingOptions.type",
        "streaming",
        LIVESTREAM,
        |bit, value| flag(bit, matches!(value, Some(RawBsonRef::String("livestream")))),
    ),
    field("createdOTR", OFF_THE_RECORD, truth),
    field("pdfTranscriptFileId", HAS_TRANSCRIPT, existence),
    field("pdfTranscriptRequested", WANTS_TRANSCRIPT, truth),
    field("priorityId", HAS_PRIORITY, existence),
    field("slaId", HAS_SERVICE_LEVEL, existence),
    field("teamId", HAS_TEAM, existence),
    field("teamMain", TELLS_MAIN | MAIN, |_, value| {
        bits(match value {
            None => 0,
            Some(RawBsonRef::Boolean(true)) => TELLS_MAIN | MAIN,
            Some(_) => TELLS_MAIN,
        })
    }),
    field("teamDefault", TEAM_DEFAULT, truth),
];

/// Whether MongoDB finds null, an empty text, false or 0 in a field; it looks into lists, one deep.
fn names_nothing(value: RawBsonRef<'_>) -> bool {
    let is_nothing = |value: RawBsonRef<'_>| match value {
        RawBsonRef::Null | RawBsonRef::Undefined | RawBsonRef::String("") => true,
        RawBsonRef::Boolean(value) => !value,
        // Not a number is not equal to 0.
        value => number(value) == Some(0.0),
    };
    match value {
        RawBsonRef::Array(items) => items.into_iter().flatten().any(is_nothing),
        value => is_nothing(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::room_features::ROOM_FEATURES;

    #[test]
    fn every_sign_is_the_bit_that_its_field_packs() {
        for (path, sign, bit) in SIGNS {
            let field = FIELDS.iter().find(|it| it.path == path);
            let field = field.unwrap_or_else(|| panic!("{path} is no field"));
            let packed = |value| (field.pack)(field.mask, value).bits & bit;
            let (there, not_quite) = match sign {
                Sign::Exists => (RawBsonRef::Null, None),
                Sign::True => (RawBsonRef::Boolean(true), Some(RawBsonRef::Boolean(false))),
                Sign::Is(text) => (RawBsonRef::String(text), Some(RawBsonRef::String("x"))),
            };
            assert_eq!(packed(Some(there)), bit, "{path}");
            assert_eq!(packed(not_quite), 0, "{path}");
        }
    }

    #[test]
    fn a_row_tells_of_every_feature_and_no_two_fields_share_a_bit() {
        for (name, feature) in ROOM_FEATURES {
            assert!(signs_of(feature).is_some(), "{name}");
        }
        let mut all = 0;
        for field in FIELDS {
            assert_eq!(all & field.mask, 0, "{}", field.name);
            all |= field.mask;
        }
    }
}

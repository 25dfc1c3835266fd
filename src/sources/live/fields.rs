//! The collections that are followed, the few fields of each that count, and how those become one small row.
//!
//! Each field has its own bits of a row, so that a change of one field needs to know nothing of the others. Here and in
//! the questions of the sections the definitions are the same; a test compares them on documents of every kind.

use mongodb::bson::RawBsonRef;

use super::table::Row;

/// Bits that tell documents apart which are counted apart; the others hold an amount.
pub const CLASS: Row = 0xFFFF;

/// Where the amount begins.
const AMOUNT: u32 = 16;

/// The amount that stands for one that does not fit, which is kept beside the table.
const ODD: i64 = -(1 << 47);

/// A collection that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Followed {
    /// `users`
    Users,
    /// `rocketchat_room`
    Rooms,
    /// `rocketchat_uploads`
    Uploads,
    /// `usersSessions`, of which those are kept that have connections.
    Sessions,
    /// `instances`, of which nothing is kept: the few there are can be read again.
    Instances,
}

/// A field that counts.
pub struct Field {
    /// Its name, at the top of the document.
    pub name: &'static str,
    /// The bits that it has of a row.
    pub mask: Row,
    /// Its value as these bits.
    pub pack: fn(Option<RawBsonRef<'_>>) -> Packed,
}

/// A value as the bits of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packed {
    /// The bits.
    pub bits: Row,
    /// An amount that does not fit into them.
    pub odd: Option<f64>,
}

impl Followed {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Users,
        Self::Rooms,
        Self::Uploads,
        Self::Sessions,
        Self::Instances,
    ];

    /// The collection's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Rooms => "rocketchat_room",
            Self::Uploads => "rocketchat_uploads",
            Self::Sessions => "usersSessions",
            Self::Instances => "instances",
        }
    }

    /// The collection of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The fields that count, at the top of a document. A heartbeat of an instance changes none of them.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Users | Self::Rooms | Self::Uploads => {
                self.fields().iter().map(|it| it.name).collect()
            }
            Self::Sessions => vec!["connections"],
            Self::Instances => vec!["pid", "extraInformation"],
        }
    }

    /// The fields that make up a row, where rows are kept.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Users => USERS,
            Self::Rooms => ROOMS,
            Self::Uploads => UPLOADS,
            Self::Sessions | Self::Instances => &[],
        }
    }
}

/// Values of the bits of users.
pub mod user {
    use super::Row;

    pub const STATUS: Row = 0b11;
    pub const CONNECTION: Row = 0b11 << 2;
    pub const KIND: Row = 0b11 << 4;
    pub const BOT: Row = 1 << 4;
    pub const APP: Row = 2 << 4;
    pub const STATE: Row = 0b11 << 6;
    pub const ACTIVATED: Row = 1 << 6;
    pub const DEACTIVATED: Row = 2 << 6;
    pub const GUEST: Row = 1 << 8;
    pub const REMOTE: Row = 1 << 9;
    pub const FEDERATED: Row = 1 << 10;

    /// Whether a row is one of a person: neither a bot nor an app.
    pub const fn is_person(row: Row) -> bool {
        row & KIND == 0
    }

    /// Both states of presence, in the places that their masks say.
    pub const ONLINE: Row = 1;
    pub const AWAY: Row = 2;
    pub const BUSY: Row = 3;
}

/// Values of the bits of rooms.
pub mod room {
    use super::Row;

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
}

const fn field(name: &'static str, mask: Row, pack: fn(Option<RawBsonRef<'_>>) -> Packed) -> Field {
    Field { name, mask, pack }
}

const USERS: &[Field] = &[
    field("status", user::STATUS, |value| presence(value, 0)),
    field("statusConnection", user::CONNECTION, |value| {
        presence(value, 2)
    }),
    field("type", user::KIND, |value| {
        bits(match value {
            Some(RawBsonRef::String("bot")) => user::BOT,
            Some(RawBsonRef::String("app")) => user::APP,
            _ => 0,
        })
    }),
    field("active", user::STATE, |value| {
        bits(match value {
            Some(RawBsonRef::Boolean(true)) => user::ACTIVATED,
            Some(RawBsonRef::Boolean(false)) => user::DEACTIVATED,
            _ => 0,
        })
    }),
    field("roles", user::GUEST, |value| {
        flag(user::GUEST, is_guest_alone(value))
    }),
    field("isRemote", user::REMOTE, |value| {
        flag(user::REMOTE, is_true(value))
    }),
    field("federated", user::FEDERATED, |value| {
        flag(user::FEDERATED, is_true(value))
    }),
];

const ROOMS: &[Field] = &[
    field("t", room::KIND, |value| {
        bits(match value {
            Some(RawBsonRef::String("c")) => room::CHANNEL,
            Some(RawBsonRef::String("p")) => room::PRIVATE_GROUP,
            Some(RawBsonRef::String("d")) => room::DIRECT,
            Some(RawBsonRef::String("l")) => room::LIVECHAT,
            Some(RawBsonRef::String("v")) => room::VOIP,
            _ => 0,
        })
    }),
    field("prid", room::HAS_PARENT | room::NAMES_PARENT, |value| {
        bits(match value {
            None => 0,
            Some(value) if names_nothing(value) => room::HAS_PARENT,
            Some(_) => room::HAS_PARENT | room::NAMES_PARENT,
        })
    }),
    field("msgs", !CLASS, amount),
];

const UPLOADS: &[Field] = &[field("size", !CLASS, amount)];

fn bits(bits: Row) -> Packed {
    Packed { bits, odd: None }
}

fn flag(bit: Row, holds: bool) -> Packed {
    bits(if holds { bit } else { 0 })
}

fn presence(value: Option<RawBsonRef<'_>>, place: u32) -> Packed {
    let state = match value {
        Some(RawBsonRef::String("online")) => user::ONLINE,
        Some(RawBsonRef::String("away")) => user::AWAY,
        Some(RawBsonRef::String("busy")) => user::BUSY,
        _ => 0,
    };
    bits(state << place)
}

fn is_true(value: Option<RawBsonRef<'_>>) -> bool {
    matches!(value, Some(RawBsonRef::Boolean(true)))
}

fn is_guest_alone(value: Option<RawBsonRef<'_>>) -> bool {
    let Some(RawBsonRef::Array(roles)) = value else {
        return false;
    };
    let mut roles = roles.into_iter();
    let first = roles.next();
    matches!(first, Some(Ok(RawBsonRef::String("guest")))) && roles.next().is_none()
}

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

fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A number that is added up; anything else, and a number that is not finite, adds nothing.
fn amount(value: Option<RawBsonRef<'_>>) -> Packed {
    let whole = match value {
        Some(RawBsonRef::Int32(number)) => Some(i64::from(number)),
        Some(RawBsonRef::Int64(number)) => Some(number),
        Some(value) => match number(value) {
            Some(number) if number.is_finite() => whole(number),
            _ => Some(0),
        },
        None => Some(0),
    };
    match whole {
        Some(whole) if whole > ODD && whole < -ODD => bits(shifted(whole)),
        _ => Packed {
            bits: shifted(ODD),
            odd: value.and_then(number),
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be a whole number in range"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1.0e15).then_some(number as i64)
}

fn shifted(amount: i64) -> Row {
    (amount << AMOUNT).cast_unsigned()
}

/// The amount of a row; `None` when it is an odd one, which is kept elsewhere.
pub fn amount_of(row: Row) -> Option<i64> {
    let amount = row.cast_signed() >> AMOUNT;
    (amount != ODD).then_some(amount)
}

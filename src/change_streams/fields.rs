//! The collections that are followed, the few fields of each that count, and how those become one small row.
//!
//! Each field has its own bits of a row, so that a change of one field needs to know nothing of the others. Here and in
//! the questions of the sections the definitions are the same; a test compares them on documents of every kind.

use mongodb::bson::{Bson, RawBsonRef};

use super::packed_table::Row;
use crate::collectors::{rooms, users};

/// Where the amount begins, in the rows of collections that have one.
pub const AMOUNT: u32 = 24;

/// The amount that stands for one that does not fit, which is kept beside the table.
const ODD: i64 = -(1 << (Row::BITS - AMOUNT - 1));

/// A collection that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchedCollection {
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

/// Something about a document that counts.
pub struct Field {
    /// Its name among what the server tells of a document.
    pub name: &'static str,
    /// Where it is in the document.
    pub path: &'static str,
    /// What the server tells of what is there; `None` for the value itself.
    pub told: Option<fn(path: &str) -> Bson>,
    /// The bits that it has of a row.
    pub mask: Row,
    /// What is told as these bits.
    pub pack: fn(mask: Row, Option<RawBsonRef<'_>>) -> Packed,
}

/// A value as the bits of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packed {
    /// The bits.
    pub bits: Row,
    /// An amount that does not fit into them.
    pub odd: Option<f64>,
}

impl Field {
    /// The field at the top of the document that it is, or is in.
    pub fn root(&self) -> &'static str {
        let end = self.path.find('.').unwrap_or(self.path.len());
        &self.path[..end]
    }
}

impl WatchedCollection {
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

    /// The fields at the top of a document that count, whatever changes in them. A heartbeat of an instance changes none of
    /// them.
    pub fn roots(self) -> Vec<&'static str> {
        match self {
            Self::Users | Self::Rooms | Self::Uploads => {
                let roots = self.fields().iter().map(Field::root);
                roots.filter(|it| *it != users::live::SERVICES).collect()
            }
            Self::Sessions => vec!["connections"],
            Self::Instances => vec!["pid", "extraInformation"],
        }
    }

    /// Fields of which only these parts count, besides the whole: what a user's services hold changes with every login.
    pub fn parts(self) -> Option<(&'static str, Vec<String>)> {
        (self == Self::Users).then(|| (users::live::SERVICES, users::live::parts()))
    }

    /// The fields that make up a row, where rows are kept.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Users => users::live::FIELDS,
            Self::Rooms => rooms::live::FIELDS,
            Self::Uploads => UPLOADS,
            Self::Sessions | Self::Instances => &[],
        }
    }

    /// Bits that tell documents apart which are counted apart; the others hold an amount.
    pub fn class(self) -> Row {
        match self {
            Self::Rooms | Self::Uploads => (1 << AMOUNT) - 1,
            Self::Users | Self::Sessions | Self::Instances => Row::MAX,
        }
    }

    /// The amount of a row; `None` when it is an odd one, which is kept elsewhere.
    pub fn amount_of(self, row: Row) -> Option<i64> {
        if self.class() == Row::MAX {
            return Some(0);
        }
        let amount = row.cast_signed() >> AMOUNT;
        (amount != ODD).then_some(amount)
    }
}

pub const fn field(
    name: &'static str,
    mask: Row,
    pack: fn(Row, Option<RawBsonRef<'_>>) -> Packed,
) -> Field {
    Field {
        name,
        path: name,
        told: None,
        mask,
        pack,
    }
}

/// Something within a field, told as it is under a name of its own.
pub const fn within(
    path: &'static str,
    name: &'static str,
    mask: Row,
    pack: fn(Row, Option<RawBsonRef<'_>>) -> Packed,
) -> Field {
    Field {
        path,
        told: Some(|path| path.into()),
        ..field(name, mask, pack)
    }
}

const UPLOADS: &[Field] = &[field("size", !((1 << AMOUNT) - 1), |_, size| amount(size))];

pub fn bits(bits: Row) -> Packed {
    Packed { bits, odd: None }
}

pub fn flag(bit: Row, holds: bool) -> Packed {
    bits(if holds { bit } else { 0 })
}

/// The bit of a field that is exactly true.
pub fn truth(bit: Row, value: Option<RawBsonRef<'_>>) -> Packed {
    flag(bit, is_true(value))
}

/// The bit of a field that is there, whatever it holds.
pub fn existence(bit: Row, value: Option<RawBsonRef<'_>>) -> Packed {
    flag(bit, value.is_some())
}

fn is_true(value: Option<RawBsonRef<'_>>) -> bool {
    matches!(value, Some(RawBsonRef::Boolean(true)))
}

pub fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A number that is added up; anything else, and a number that is not finite, adds nothing.
pub fn amount(value: Option<RawBsonRef<'_>>) -> Packed {
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

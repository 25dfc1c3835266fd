//! A field of a document that live mode keeps: where it is, what the server sends of it, and its bits in the row.
//!
//! Each field has its own bits, so that a change of one needs to know nothing of the others.

use mongodb::bson::{Bson, RawBsonRef};

use super::packed_row::{Bits, PackedRow};

/// The amount that stands for one outside the range of its bits, which is kept beside the table.
const OUT_OF_RANGE: i64 = i64::MIN;

/// A field of a document that live mode keeps.
#[derive(Debug, Clone, Copy)]
pub struct FollowedField {
    /// Its name in what the server sends of a document.
    pub name: &'static str,
    /// Its path in the document.
    pub path: &'static str,
    /// Names below the top of the path; updates of anything else below it are ignored. Empty: all of them count.
    pub parts: &'static [&'static str],
    /// The expression that the server sends instead of the value at a path.
    pub expression: Option<fn(path: &str) -> Bson>,
    /// Its bits in the row.
    pub bits: Bits,
    /// How the bits follow from what the server sends.
    pub extract: Extract,
}

/// How the bits of a field follow from its value.
#[derive(Debug, Clone, Copy)]
pub enum Extract {
    /// Whether the field exists, with any value.
    Exists,
    /// Whether a filter for true finds it.
    IsTrue,
    /// Whether a filter for this text finds it.
    Is(&'static str),
    /// A number that is added up; anything else, and a number that a double cannot hold, adds nothing.
    Amount,
    /// What this function makes of it.
    With(fn(Option<RawBsonRef<'_>>) -> PackedRow),
}

/// A value as the bits of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedField {
    /// The bits.
    pub bits: PackedRow,
    /// An amount outside the range of its bits.
    pub out_of_range: Option<f64>,
}

impl FollowedField {
    /// A field at the top of a document.
    pub const fn new(path: &'static str, bits: Bits, extract: Extract) -> Self {
        Self {
            name: path,
            path,
            parts: &[],
            expression: None,
            bits,
            extract,
        }
    }

    /// The same field, sent under another name, as a name with a dot cannot be.
    pub const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same field, where updates of anything else below the top of its path are ignored.
    pub const fn with_parts(self, parts: &'static [&'static str]) -> Self {
        Self { parts, ..self }
    }

    /// The same field, of which the server sends this expression.
    pub const fn with_expression(self, expression: fn(&str) -> Bson) -> Self {
        Self {
            expression: Some(expression),
            ..self
        }
    }

    /// The field at the top of the document that it is, or is in.
    pub fn root(&self) -> &'static str {
        let end = self.path.find('.').unwrap_or(self.path.len());
        &self.path[..end]
    }

    /// Whether its bits are an amount.
    pub fn is_amount(&self) -> bool {
        matches!(self.extract, Extract::Amount)
    }

    /// What the server sent as its bits.
    pub fn pack(&self, value: Option<RawBsonRef<'_>>) -> PackedField {
        let holds = match self.extract {
            Extract::Exists => value.is_some(),
            Extract::IsTrue => finds(value, is_true),
            Extract::Is(text) => finds(value, |value| is_text(value, text)),
            Extract::Amount => return self.pack_amount(value),
            Extract::With(extract) => {
                return PackedField {
                    bits: self.bits.put(extract(value)),
                    out_of_range: None,
                };
            }
        };
        PackedField {
            bits: self.bits.put(holds.into()),
            out_of_range: None,
        }
    }

    fn pack_amount(&self, value: Option<RawBsonRef<'_>>) -> PackedField {
        let amount = match value {
            Some(RawBsonRef::Int32(number)) => Some(i64::from(number)),
            Some(RawBsonRef::Int64(number)) => Some(number),
            Some(value) => match number(value) {
                Some(number) if number.is_finite() => whole(number),
                _ => Some(0),
            },
            None => Some(0),
        };
        let amount = amount.unwrap_or(OUT_OF_RANGE);
        PackedField {
            bits: self.bits.put(amount.cast_unsigned().into()),
            out_of_range: value.and_then(number).filter(|_| amount == OUT_OF_RANGE),
        }
    }

    /// The amount in a row; `None` when it is out of range and kept elsewhere.
    pub fn amount(&self, row: PackedRow) -> Option<i64> {
        let bits = u64::try_from(self.bits.get(row)).unwrap_or_default();
        let amount = bits.cast_signed();
        (amount != OUT_OF_RANGE).then_some(amount)
    }
}

/// Whether a filter finds a value: as in a query, a list equals each of its items.
pub fn finds(value: Option<RawBsonRef<'_>>, matches: impl Fn(RawBsonRef<'_>) -> bool) -> bool {
    match value {
        Some(RawBsonRef::Array(items)) => {
            matches(RawBsonRef::Array(items)) || items.into_iter().flatten().any(matches)
        }
        Some(value) => matches(value),
        None => false,
    }
}

/// Whether a value is true.
pub fn is_true(value: RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Boolean(true))
}

/// Whether a value is this text. To a query a symbol is a text.
pub fn is_text(value: RawBsonRef<'_>, text: &str) -> bool {
    matches!(value, RawBsonRef::String(found) | RawBsonRef::Symbol(found) if found == text)
}

/// A value of any type of number.
pub fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be a whole number in range"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1.0e15).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_kept_in_the_row_or_beside_it() {
        let field = FollowedField::new("size", Bits::amount(), Extract::Amount);
        let packed = |value| field.pack(Some(value));
        for (value, expected) in [
            (RawBsonRef::Int32(-3), -3),
            (RawBsonRef::Int64(1 << 62), 1 << 62),
            (RawBsonRef::Double(7.0), 7),
            (RawBsonRef::Double(f64::NAN), 0),
            (RawBsonRef::String("7"), 0),
        ] {
            let packed = packed(value);
            assert_eq!(packed.out_of_range, None, "{value:?}");
            assert_eq!(field.amount(packed.bits), Some(expected), "{value:?}");
        }
        for (value, expected) in [
            (RawBsonRef::Double(0.5), 0.5),
            (RawBsonRef::Double(1.0e300), 1.0e300),
            (RawBsonRef::Int64(i64::MIN), i64::MIN as f64),
        ] {
            let packed = packed(value);
            assert_eq!(packed.out_of_range, Some(expected), "{value:?}");
            assert_eq!(field.amount(packed.bits), None, "{value:?}");
        }
    }
}

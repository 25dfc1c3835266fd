//! Hashes of documents' ids.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use mongodb::bson::RawBsonRef;

use super::packed_table::IdHash;

/// Hashes the `_id` of a document: the same throughout one run, and different in the next. Ids that are equal to MongoDB
/// have the same hash: a number is the same id whatever its type.
#[derive(Debug, Clone, Default)]
pub struct IdHasher(RandomState);

impl IdHasher {
    /// The hash of an id.
    pub fn hash(&self, id: RawBsonRef<'_>) -> IdHash {
        let mut hasher = self.0.build_hasher();
        hash_value(id, &mut hasher);
        hasher.finish()
    }
}

fn hash_value(value: RawBsonRef<'_>, hasher: &mut impl Hasher) {
    match value {
        // To MongoDB a symbol is a string.
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => text.hash(hasher),
        RawBsonRef::ObjectId(id) => id.bytes().hash(hasher),
        // The rest is rare.
        RawBsonRef::Int32(number) => Decimal::parse(&number.to_string()).hash(hasher),
        RawBsonRef::Int64(number) => Decimal::parse(&number.to_string()).hash(hasher),
        // All digits that a double has; its shortest form is another number.
        RawBsonRef::Double(number) => Decimal::parse(&format!("{number:.1074}")).hash(hasher),
        RawBsonRef::Decimal128(number) => Decimal::parse(&number.to_string()).hash(hasher),
        RawBsonRef::Document(document) => {
            "document".hash(hasher);
            for (name, value) in document.into_iter().flatten() {
                name.hash(hasher);
                hash_value(value, hasher);
            }
        }
        RawBsonRef::Array(items) => {
            "array".hash(hasher);
            for value in items.into_iter().flatten() {
                hash_value(value, hasher);
            }
        }
        other => format!("{other:?}").hash(hasher),
    }
}

/// A number by its value.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Decimal {
    Finite {
        is_negative: bool,
        /// Without zeros at either end; empty for zero.
        digits: String,
        /// Of the last digit.
        exponent: i64,
    },
    /// Infinite, or not a number.
    Other(String),
}

impl Decimal {
    /// Parses an optional sign, digits with an optional point, and an optional exponent.
    fn parse(text: &str) -> Self {
        let unsigned = text.trim_start_matches(['-', '+']);
        let is_negative = text.starts_with('-');
        let (mantissa, exponent) = unsigned.split_once(['E', 'e']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let exponent = exponent.parse::<i64>().ok();
        let Some(exponent) = exponent.filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            // "Infinity" of a decimal is "inf" of a double.
            let name = text.to_ascii_lowercase().replace("infinity", "inf");
            return Self::Other(name.trim_start_matches('+').to_owned());
        };
        let trimmed = digits.trim_end_matches('0');
        let zeros = digits.len() - trimmed.len();
        let digits = trimmed.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Self::Finite {
                is_negative: false,
                digits,
                exponent: 0,
            };
        }
        // Lengths of texts of a few thousand characters.
        let shift = i64::try_from(zeros).unwrap_or_default()
            - i64::try_from(fraction.len()).unwrap_or_default();
        Self::Finite {
            is_negative,
            digits,
            exponent: exponent.saturating_add(shift),
        }
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, Decimal128, RawDocumentBuf, doc};

    use super::*;

    fn decimal(text: &str) -> Bson {
        Bson::Decimal128(text.parse::<Decimal128>().expect("it is a number"))
    }

    #[test]
    fn ids_that_are_equal_to_mongodb_have_the_same_hash() {
        let hasher = IdHasher::default();
        let hash_of = |id: Bson| {
            let document = RawDocumentBuf::try_from(&doc! { "_id": id });
            let document = document.expect("it can be encoded");
            hasher.hash(document.get("_id").ok().flatten().expect("it has an id"))
        };
        let seven = || [7.into(), 7_i64.into(), 7.0.into(), decimal("7.00")];
        let equal_ids: Vec<Vec<Bson>> = vec![
            seven().into(),
            seven().map(|id| doc! { "a": id, "b": 1 }.into()).into(),
            seven().map(|id| vec![id].into()).into(),
            vec![0.into(), (-0.0).into(), decimal("-0E+3")],
            vec![
                (1_i64 << 53).into(),
                9_007_199_254_740_992.0.into(),
                decimal("9007199254740992"),
            ],
            vec![((1_i64 << 53) + 1).into()],
            vec![0.5.into(), decimal("0.50"), decimal("5E-1")],
            // The double is not exactly a tenth.
            vec![0.1.into()],
            vec![decimal("0.1")],
            vec![1.0e300.into()],
            vec![decimal("1E+300")],
            vec![f64::NAN.into(), decimal("NaN")],
            vec![f64::INFINITY.into(), decimal("Infinity")],
            vec![f64::NEG_INFINITY.into(), decimal("-Infinity")],
            vec!["7".into(), Bson::Symbol("7".to_owned())],
            vec![true.into()],
            vec![Bson::Null],
        ];
        let mut earlier = Vec::new();
        for class in equal_ids {
            let found: Vec<_> = class.iter().cloned().map(hash_of).collect();
            assert!(found.iter().all(|one| *one == found[0]), "{class:?}");
            assert!(!earlier.contains(&found[0]), "{class:?}");
            earlier.push(found[0]);
        }
    }
}

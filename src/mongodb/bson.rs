//! Conversions from BSON, and expressions for pipelines. Unexpected types and values are never an error.

use std::borrow::Cow;
use std::time::Duration;

use mongodb::bson::{Bson, Document, RawDocument, Utf8Lossy, doc};

use crate::catalogue::{Timestamp, Value};

/// JavaScript's largest safe integer; Rocket.Chat returns larger ones as strings.
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// The last instant of JavaScript's `Date`, in milliseconds; the first is its negative.
const MAX_DATE: i64 = 8_640_000_000_000_000;

/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;

/// A duration for `maxTimeMS`: at least 1, because 0 means no limit.
pub fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis())
        .unwrap_or(i64::MAX)
        .max(1)
}

/// Decodes a document, with U+FFFD in strings that are not UTF-8, which the server does not check. `None` when it is
/// malformed.
pub fn document(raw: &RawDocument) -> Option<Document> {
    let Utf8Lossy(document) = raw.try_into().ok()?;
    Some(document)
}

/// A number of any type.
pub fn number(value: Option<&Bson>) -> Option<f64> {
    match value? {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        Bson::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A whole number that is not negative.
pub fn count(value: Option<&Bson>) -> Option<u64> {
    match value? {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a whole number in range"
        )]
        Bson::Double(number) if *number >= 0.0 && *number < 9.0e15 && number.fract() == 0.0 => {
            Some(*number as u64)
        }
        _ => None,
    }
}

/// A count in the result of a pipeline.
pub fn counted(document: &Document, key: &str) -> u64 {
    count(document.get(key)).unwrap_or_default()
}

/// A sum in the result of a pipeline.
pub fn summed(document: &Document, key: &str) -> f64 {
    number(document.get(key)).unwrap_or_default()
}

/// A date.
pub fn timestamp(value: Option<&Bson>) -> Option<Timestamp> {
    match value? {
        Bson::DateTime(date) => Some(Timestamp(date.timestamp_millis())),
        _ => None,
    }
}

/// Whether a condition holds for a value or, as for a filter, for an item of a list.
pub fn has(value: Option<&Bson>, matches: impl Fn(&Bson) -> bool) -> bool {
    match value {
        Some(Bson::Array(items)) => items.iter().any(matches),
        Some(value) => matches(value),
        None => false,
    }
}

/// The string elements of an array; others are skipped.
pub fn texts(value: Option<&Bson>) -> Vec<String> {
    let items = value.and_then(Bson::as_array).into_iter().flatten();
    items.filter_map(|item| text(Some(item))).collect()
}

/// A string.
pub fn text(value: Option<&Bson>) -> Option<String> {
    match value? {
        Bson::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// An expression for `path` where it is a finite number, else 0, so that one odd document does not spoil a sum.
///
/// In BSON's comparison order all numbers are together, NaN first.
pub fn finite(path: &str) -> Document {
    doc! { "$cond": [is_finite(path), path, 0] }
}

/// An expression for whether `path` is a number that a double can hold. A decimal can be larger, and one of them would make
/// a sum infinite.
pub fn is_finite(path: &str) -> Document {
    doc! { "$and": [{ "$gte": [path, f64::MIN] }, { "$lte": [path, f64::MAX] }] }
}

/// The limit of [`bounded`], for names and other values that are short unless something is wrong.
const MAX_VALUE_BYTES: i32 = 300;

/// An expression for `path`, or for its size as a string when it is too long.
pub fn bounded(path: &str) -> Document {
    at_most(path, MAX_VALUE_BYTES)
}

/// The same with another limit, in bytes of BSON.
pub fn at_most(path: &str, bytes: i32) -> Document {
    let size = size(path);
    let replacement = doc! { "$concat": ["(", { "$toString": size.clone() }, " bytes)"] };
    doc! { "$cond": [{ "$lte": [size, bytes] }, path, replacement] }
}

/// An expression for the size of `path` in bytes of BSON.
pub fn size(path: &str) -> Document {
    doc! { "$bsonSize": { "v": path } }
}

/// An expression for whether [`bounded`] would replace any of `paths`.
pub fn is_any_long(paths: &[&str]) -> Document {
    let are_long = paths
        .iter()
        .map(|path| Bson::from(doc! { "$gt": [size(path), MAX_VALUE_BYTES] }));
    doc! { "$or": are_long.collect::<Vec<_>>() }
}

/// An expression for `path` where it is a number, else null.
pub fn if_number(path: &str) -> Document {
    doc! { "$cond": [{ "$isNumber": path }, path, Bson::Null] }
}

/// An expression for whether a document has `path`.
pub fn exists(path: &str) -> Document {
    doc! { "$ne": [{ "$type": path }, "missing"] }
}

/// An expression for the names of the fields of an object, in their order, or of the objects in a list; none of anything
/// else.
pub fn field_names(path: &str) -> Document {
    let is_object = |path: &str| doc! { "$eq": [{ "$type": path }, "object"] };
    let fields = |path: &str| doc! { "$objectToArray": path };
    let of_list = doc! { "$reduce": {
        "input": path,
        "initialValue": [],
        "in": { "$concatArrays": [
            "$$value",
            { "$cond": [is_object("$$this"), fields("$$this"), []] },
        ] },
    } };
    let of_other = doc! { "$cond": [{ "$isArray": path }, of_list, []] };
    doc! { "$map": {
        "input": { "$cond": [is_object(path), fields(path), of_other] },
        "in": "$$this.k",
    } }
}

/// An expression for whether the filter `{path: value}` matches: as in a query, a list equals each of its items, and a path
/// leads into the objects of a list.
pub fn finds(path: &str, value: impl Into<Bson>) -> Document {
    let value = value.into();
    any_at(path, &|path| doc! { "$eq": [path, &value] })
}

/// An expression for whether the filter `{path: {$in: values}}` matches.
pub fn finds_any<T: Into<Bson> + Clone>(path: &str, values: &[T]) -> Document {
    let values: Vec<Bson> = values.iter().cloned().map(Into::into).collect();
    any_at(path, &|path| doc! { "$in": [path, &values] })
}

/// An expression for whether a condition holds for what a path leads to, as a filter would apply it. A path may begin with a
/// variable that is an object.
pub fn any_at(path: &str, condition: &dyn Fn(&str) -> Document) -> Document {
    let (root, below) = path.split_once('.').unwrap_or((path, ""));
    let below: Vec<&str> = below.split('.').filter(|key| !key.is_empty()).collect();
    match below.split_first() {
        Some((key, below)) if root.starts_with("$$") => {
            any_below(&format!("{root}.{key}"), below, condition)
        }
        _ => any_below(root, &below, condition),
    }
}

fn any_below(path: &str, below: &[&str], condition: &dyn Fn(&str) -> Document) -> Document {
    // The input is evaluated outside of the map, where `$$this` is the item of an outer one.
    let any_item = |is_one: Document| {
        doc! { "$anyElementTrue": { "$map": { "input": path, "in": is_one } } }
    };
    let Some((key, below)) = below.split_first() else {
        let of_item = condition("$$this");
        let in_list = doc! { "$cond": [{ "$isArray": path }, any_item(of_item), false] };
        return doc! { "$or": [condition(path), in_list] };
    };
    let is_one = doc! { "$and": [
        { "$eq": [{ "$type": "$$this" }, "object"] },
        any_below(&format!("$$this.{key}"), below, condition),
    ] };
    let of_object = any_below(&format!("{path}.{key}"), below, condition);
    doc! { "$cond": [{ "$isArray": path }, any_item(is_one), of_object] }
}

/// An expression that is 1 where the filter `{path: value}` matches, else 0.
pub fn is(path: &str, value: impl Into<Bson>) -> Bson {
    one_where(finds(path, value))
}

/// An expression that is 1 where the condition holds, else 0.
pub fn one_where(condition: Document) -> Bson {
    doc! { "$cond": [condition, 1, 0] }.into()
}

/// A value as in Rocket.Chat's JSON; `None` for what that omits.
pub fn value(bson: &Bson) -> Option<Value> {
    Some(match bson {
        Bson::Double(number) => Value::Number(*number),
        Bson::String(text) | Bson::Symbol(text) => Value::Text(text.clone()),
        Bson::Array(items) => Value::List(
            items
                .iter()
                .map(|item| value(item).unwrap_or(Value::Null))
                .collect(),
        ),
        Bson::Document(document) => object(document),
        Bson::Boolean(value) => Value::Bool(*value),
        Bson::Int32(number) => Value::Integer((*number).into()),
        Bson::Int64(number) if (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(number) => {
            Value::Integer(*number)
        }
        Bson::Int64(number) => Value::Text(number.to_string()),
        Bson::Timestamp(timestamp) => Value::Text(
            ((u64::from(timestamp.time) << 32) | u64::from(timestamp.increment)).to_string(),
        ),
        Bson::DateTime(date) => match date.timestamp_millis() {
            instant if (-MAX_DATE..=MAX_DATE).contains(&instant) => Value::Date(Timestamp(instant)),
            _ => Value::Null,
        },
        Bson::ObjectId(id) => Value::Text(id.to_hex()),
        Bson::Decimal128(number) => {
            Value::object([("$numberDecimal", Some(Value::text(number.to_string())))])
        }
        Bson::Binary(binary) => Value::Text(base64(&binary.bytes)),
        Bson::Undefined => return None,
        Bson::Null
        | Bson::RegularExpression(_)
        | Bson::JavaScriptCode(_)
        | Bson::JavaScriptCodeWithScope(_)
        | Bson::MaxKey
        | Bson::MinKey
        | Bson::DbPointer(_) => Value::Null,
    })
}

/// A document as an object, in its own order.
pub fn object(document: &Document) -> Value {
    Value::Object(
        document
            .iter()
            .filter_map(|(key, bson)| Some((Cow::Owned(key.clone()), value(bson)?)))
            .collect(),
    )
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_integers_become_strings() {
        assert_eq!(
            value(&Bson::Int64(1 << 53)),
            Some(Value::text("9007199254740992"))
        );
        assert_eq!(value(&Bson::Int64(7)), Some(Value::Integer(7)));
    }

    #[test]
    fn count_rejects_negative_and_fractional_numbers() {
        assert_eq!(count(Some(&Bson::Int32(-1))), None);
        assert_eq!(count(Some(&Bson::Double(1.5))), None);
        assert_eq!(count(Some(&Bson::Double(f64::NAN))), None);
        assert_eq!(count(Some(&Bson::Double(3.0))), Some(3));
    }
}

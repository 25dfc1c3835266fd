//! How a field of a stored statistics document becomes a sample of a metric.
//!
//! A rule holds for the versions of Rocket.Chat that define the field as the metric is defined today. Fields with another
//! definition have no rule, so that no series changes its meaning on the day the exporter was installed.

use crate::catalogue::{Timestamp, Value, Versions};

/// A series, and the field of stored documents that has its values.
pub struct BackfillRule {
    /// The metric's full name.
    pub metric: &'static str,
    /// Values of its labels, in order; empty where the labels are read from the document ([`SampleSource::Labels`]).
    pub labels: &'static [&'static str],
    /// Versions of Rocket.Chat that define the field as the metric is defined.
    pub versions: Versions,
    /// How the value is extracted.
    pub from: SampleSource,
}

/// How a value is extracted from a document. Paths are dotted.
pub enum SampleSource {
    /// A number.
    Number(&'static str),
    /// A number minus others, all of which must be present.
    Difference(&'static str, &'static [&'static str]),
    /// An instant: a date, or the string that newer versions store.
    Instant(&'static str),
    /// A boolean.
    Bool(&'static str),
    /// A field of the only element of the array `data` below a path; 0 if the array is empty.
    Period(&'static str, &'static str),
    /// Strings, which are the values of the labels; the sample is 1.
    Labels(&'static [&'static str]),
}

/// What a rule extracted from a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Extracted {
    /// A number.
    Number(f64),
    /// Values of the labels; the sample is 1.
    Labels(Vec<String>),
    /// The field is missing or empty.
    Nothing,
    /// The field has a value of another type or out of range; its path.
    Invalid(&'static str),
}

/// The maximum length of a label value, in bytes: versions and names are shorter.
const MAX_LABEL_LENGTH: usize = 100;

impl BackfillRule {
    /// Extracts the value from a document. `parse_date` parses dates that are strings.
    pub fn extract(
        &self,
        document: &Value,
        parse_date: fn(&str) -> Option<Timestamp>,
    ) -> Extracted {
        match &self.from {
            SampleSource::Number(path) => {
                number(document, path).map_or_else(Extracted::from_error, Extracted::Number)
            }
            SampleSource::Difference(path, others) => {
                let difference = number(document, path).and_then(|whole| {
                    let mut others = others.iter();
                    others.try_fold(whole, |left, other| Ok(left - number(document, other)?))
                });
                match difference {
                    Ok(difference) if difference < 0.0 => Extracted::Invalid(path),
                    Ok(difference) => Extracted::Number(difference),
                    Err(error) => Extracted::from_error(error),
                }
            }
            SampleSource::Instant(path) => match value_at(document, path) {
                None | Some(Value::Null | Value::Undefined) => Extracted::Nothing,
                Some(Value::Date(date)) => Extracted::Number(date.seconds()),
                Some(Value::Text(text)) if text.is_empty() => Extracted::Nothing,
                Some(Value::Text(text)) => match parse_date(text) {
                    Some(date) => Extracted::Number(date.seconds()),
                    None => Extracted::Invalid(path),
                },
                Some(_) => Extracted::Invalid(path),
            },
            SampleSource::Bool(path) => match value_at(document, path) {
                None | Some(Value::Null | Value::Undefined) => Extracted::Nothing,
                Some(Value::Bool(value)) => Extracted::Number(crate::catalogue::state(*value)),
                Some(_) => Extracted::Invalid(path),
            },
            SampleSource::Period(path, member) => match value_at(document, path) {
                None | Some(Value::Null | Value::Undefined) => Extracted::Nothing,
                Some(period) => match period.get("data") {
                    Some(Value::List(items)) => match items.as_slice() {
                        [] => Extracted::Number(0.0),
                        [only] => match number(only, member) {
                            Ok(number) => Extracted::Number(number),
                            Err(_) => Extracted::Invalid(path),
                        },
                        _ => Extracted::Invalid(path),
                    },
                    _ => Extracted::Invalid(path),
                },
            },
            SampleSource::Labels(paths) => {
                let mut texts = Vec::with_capacity(paths.len());
                for path in *paths {
                    match value_at(document, path) {
                        None | Some(Value::Null | Value::Undefined) => return Extracted::Nothing,
                        Some(Value::Text(text)) if text.len() <= MAX_LABEL_LENGTH => {
                            texts.push(text.clone());
                        }
                        Some(_) => return Extracted::Invalid(path),
                    }
                }
                Extracted::Labels(texts)
            }
        }
    }

    /// The paths of the fields it reads.
    pub fn paths(&self) -> Vec<&'static str> {
        match &self.from {
            SampleSource::Number(path)
            | SampleSource::Instant(path)
            | SampleSource::Bool(path)
            | SampleSource::Period(path, _) => {
                vec![path]
            }
            SampleSource::Difference(path, others) => {
                let others = others.iter().copied();
                std::iter::once(*path).chain(others).collect()
            }
            SampleSource::Labels(paths) => paths.to_vec(),
        }
    }
}

/// Why there is no number.
#[derive(Clone, Copy)]
enum NumberError {
    Missing,
    Invalid(&'static str),
}

impl Extracted {
    fn from_error(error: NumberError) -> Self {
        match error {
            NumberError::Missing => Self::Nothing,
            NumberError::Invalid(path) => Self::Invalid(path),
        }
    }
}

/// A finite number that is not negative.
fn number(document: &Value, path: &'static str) -> Result<f64, NumberError> {
    let number = match value_at(document, path) {
        None | Some(Value::Null | Value::Undefined) => return Err(NumberError::Missing),
        Some(Value::Integer(number)) => *number as f64,
        Some(Value::Number(number)) => *number,
        Some(_) => return Err(NumberError::Invalid(path)),
    };
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err(NumberError::Invalid(path))
    }
}

fn value_at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(document, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_date(_: &str) -> Option<Timestamp> {
        None
    }

    fn rule(from: SampleSource) -> BackfillRule {
        BackfillRule {
            metric: "x",
            labels: &[],
            versions: Versions::since(0, 8, 0),
            from,
        }
    }

    fn document(entries: &[(&'static str, Value)]) -> Value {
        let entries = entries.iter();
        Value::Object(
            entries
                .map(|(key, value)| ((*key).into(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn invalid_and_missing_numbers_differ() {
        let rule = rule(SampleSource::Number("a"));
        for (value, expected) in [
            (Value::Integer(3), Extracted::Number(3.0)),
            (Value::Number(2.5), Extracted::Number(2.5)),
            (Value::Null, Extracted::Nothing),
            (Value::Number(f64::NAN), Extracted::Invalid("a")),
            (Value::Integer(-1), Extracted::Invalid("a")),
            (Value::Bool(false), Extracted::Invalid("a")),
            (Value::text("3"), Extracted::Invalid("a")),
        ] {
            assert_eq!(rule.extract(&document(&[("a", value)]), no_date), expected);
        }
        assert_eq!(rule.extract(&document(&[]), no_date), Extracted::Nothing);
    }

    #[test]
    fn difference_needs_all_its_fields() {
        let rule = rule(SampleSource::Difference("a", &["b", "c"]));
        let extract = |entries: &[_]| rule.extract(&document(entries), no_date);
        let of = Value::Integer;
        assert_eq!(
            extract(&[("a", of(9)), ("b", of(2)), ("c", of(3))]),
            Extracted::Number(4.0)
        );
        assert_eq!(extract(&[("a", of(9)), ("b", of(2))]), Extracted::Nothing);
        assert_eq!(
            extract(&[("a", of(1)), ("b", of(2)), ("c", of(0))]),
            Extracted::Invalid("a")
        );
        let with_bool = extract(&[("a", of(1)), ("b", Value::Bool(true)), ("c", of(0))]);
        assert_eq!(with_bool, Extracted::Invalid("b"));
    }

    #[test]
    fn empty_period_is_zero() {
        let rule = rule(SampleSource::Period("a", "count"));
        let of = |data: Vec<Value>| {
            let period = document(&[("data", Value::List(data))]);
            rule.extract(&document(&[("a", period)]), no_date)
        };
        let three = document(&[("count", Value::Integer(3))]);
        assert_eq!(of(Vec::new()), Extracted::Number(0.0));
        assert_eq!(of(vec![three.clone()]), Extracted::Number(3.0));
        assert_eq!(of(vec![document(&[])]), Extracted::Invalid("a"));
        assert_eq!(of(vec![three.clone(), three]), Extracted::Invalid("a"));
    }
}

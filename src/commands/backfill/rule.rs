//! What a stored statistics document tells under the names of today's metrics.
//!
//! A row says which series a field is, and in which versions of Rocket.Chat: only those whose document defines the
//! number as the metric does. What is defined otherwise has no row, so that no series changes its meaning on the day
//! on which the exporter was installed.

use crate::catalogue::{Timestamp, Value, Versions};

/// A series, and where stored documents tell it.
pub struct BackfillRule {
    /// The metric's whole name.
    pub metric: &'static str,
    /// Values of its labels, in their order; those of a metric whose labels are read too are in [`Extract::Labels`].
    pub labels: &'static [&'static str],
    /// Versions of Rocket.Chat whose document defines it as the metric does.
    pub versions: Versions,
    /// Where its value stands.
    pub from: Extract,
}

/// How a value is taken from a document; paths have a dot where they nest.
pub enum Extract {
    /// A number.
    Number(&'static str),
    /// A number without some others, none of which may be missing.
    Without(&'static str, &'static [&'static str]),
    /// An instant: a date, or the text that newer versions write for one.
    Instant(&'static str),
    /// true or false.
    State(&'static str),
    /// A member of the only element of the list `data` below a path, 0 when that list is empty.
    Period(&'static str, &'static str),
    /// Texts, which are the values of the labels; the number is 1.
    Labels(&'static [&'static str]),
}

/// What a document says about a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Extracted {
    /// This.
    Number(f64),
    /// The number 1, with these values of the labels.
    Labels(Vec<String>),
    /// Nothing: there is no such field, or nothing in it.
    Nothing,
    /// Something that is no such value; the path where it stands.
    Odd(&'static str),
}

/// The longest text that is taken for a label: versions and names are shorter.
const MAX_LABEL_BYTES: usize = 100;

impl BackfillRule {
    /// What a document says. `date_of` understands the texts that stand for dates.
    pub fn read(&self, document: &Value, date_of: fn(&str) -> Option<Timestamp>) -> Extracted {
        match &self.from {
            Extract::Number(path) => {
                number(document, path).map_or_else(Extracted::from_error, Extracted::Number)
            }
            Extract::Without(path, others) => {
                let difference = number(document, path).and_then(|whole| {
                    let mut others = others.iter();
                    others.try_fold(whole, |left, other| Ok(left - number(document, other)?))
                });
                match difference {
                    Ok(difference) if difference < 0.0 => Extracted::Odd(path),
                    Ok(difference) => Extracted::Number(difference),
                    Err(error) => Extracted::from_error(error),
                }
            }
            Extract::Instant(path) => match at(document, path) {
                None | Some(Value::Null | Value::Undefined) => Extracted::Nothing,
                Some(Value::Date(date)) => Extracted::Number(date.seconds()),
                Some(Value::Text(text)) if text.is_empty() => Extracted::Nothing,
                Some(Value::Text(text)) => match date_of(text) {
                    Some(date) => Extracted::Number(date.seconds()),
                    None => Extracted::Odd(path),
                },
                Some(_) => Extracted::Odd(path),
            },
            Extract::State(path) => match at(document, path) {
                None | Some(Value::Null | Value::Undefined) => Extracted::Nothing,
                Some(Value::Bool(holds)) => Extracted::Number(crate::catalogue::state(*holds)),
                Some(_) => Extracted::Odd(path),
            },
            Extract::Period(path, member) => match at(document, path) {
                None | Some(Value::Null | Value::Undefined) => Extracted::Nothing,
                Some(period) => match period.get("data") {
                    Some(Value::List(items)) => match items.as_slice() {
                        [] => Extracted::Number(0.0),
                        [only] => match number(only, member) {
                            Ok(number) => Extracted::Number(number),
                            Err(_) => Extracted::Odd(path),
                        },
                        _ => Extracted::Odd(path),
                    },
                    _ => Extracted::Odd(path),
                },
            },
            Extract::Labels(paths) => {
                let mut texts = Vec::with_capacity(paths.len());
                for path in *paths {
                    match at(document, path) {
                        None | Some(Value::Null | Value::Undefined) => return Extracted::Nothing,
                        Some(Value::Text(text)) if text.len() <= MAX_LABEL_BYTES => {
                            texts.push(text.clone());
                        }
                        Some(_) => return Extracted::Odd(path),
                    }
                }
                Extracted::Labels(texts)
            }
        }
    }

    /// The paths that it looks at.
    pub fn paths(&self) -> Vec<&'static str> {
        match &self.from {
            Extract::Number(path)
            | Extract::Instant(path)
            | Extract::State(path)
            | Extract::Period(path, _) => {
                vec![path]
            }
            Extract::Without(path, others) => {
                let others = others.iter().copied();
                std::iter::once(*path).chain(others).collect()
            }
            Extract::Labels(paths) => paths.to_vec(),
        }
    }
}

/// Why a number is not known.
#[derive(Clone, Copy)]
enum Unknown {
    Missing,
    Odd(&'static str),
}

impl Extracted {
    fn from_error(error: Unknown) -> Self {
        match error {
            Unknown::Missing => Self::Nothing,
            Unknown::Odd(path) => Self::Odd(path),
        }
    }
}

/// A number that may stand in a sample: nothing here can be negative.
fn number(document: &Value, path: &'static str) -> Result<f64, Unknown> {
    let number = match at(document, path) {
        None | Some(Value::Null | Value::Undefined) => return Err(Unknown::Missing),
        Some(Value::Integer(number)) => *number as f64,
        Some(Value::Number(number)) => *number,
        Some(_) => return Err(Unknown::Odd(path)),
    };
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err(Unknown::Odd(path))
    }
}

fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(document, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_date(_: &str) -> Option<Timestamp> {
        None
    }

    fn told(from: Extract) -> BackfillRule {
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
    fn what_is_no_number_is_odd_and_what_is_not_there_is_nothing() {
        let row = told(Extract::Number("a"));
        for (value, said) in [
            (Value::Integer(3), Extracted::Number(3.0)),
            (Value::Number(2.5), Extracted::Number(2.5)),
            (Value::Null, Extracted::Nothing),
            (Value::Number(f64::NAN), Extracted::Odd("a")),
            (Value::Integer(-1), Extracted::Odd("a")),
            (Value::Bool(false), Extracted::Odd("a")),
            (Value::text("3"), Extracted::Odd("a")),
        ] {
            assert_eq!(row.read(&document(&[("a", value)]), no_date), said);
        }
        assert_eq!(row.read(&document(&[]), no_date), Extracted::Nothing);
    }

    #[test]
    fn a_difference_needs_all_its_parts() {
        let row = told(Extract::Without("a", &["b", "c"]));
        let read = |entries: &[_]| row.read(&document(entries), no_date);
        let of = Value::Integer;
        assert_eq!(
            read(&[("a", of(9)), ("b", of(2)), ("c", of(3))]),
            Extracted::Number(4.0)
        );
        assert_eq!(read(&[("a", of(9)), ("b", of(2))]), Extracted::Nothing);
        assert_eq!(
            read(&[("a", of(1)), ("b", of(2)), ("c", of(0))]),
            Extracted::Odd("a")
        );
        let is_odd = read(&[("a", of(1)), ("b", Value::Bool(true)), ("c", of(0))]);
        assert_eq!(is_odd, Extracted::Odd("b"));
    }

    #[test]
    fn nobody_in_a_period_is_zero() {
        let row = told(Extract::Period("a", "count"));
        let of = |data: Vec<Value>| {
            let period = document(&[("data", Value::List(data))]);
            row.read(&document(&[("a", period)]), no_date)
        };
        let three = document(&[("count", Value::Integer(3))]);
        assert_eq!(of(Vec::new()), Extracted::Number(0.0));
        assert_eq!(of(vec![three.clone()]), Extracted::Number(3.0));
        assert_eq!(of(vec![document(&[])]), Extracted::Odd("a"));
        assert_eq!(of(vec![three.clone(), three]), Extracted::Odd("a"));
    }
}

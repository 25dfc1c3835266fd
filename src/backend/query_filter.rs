//! Filters sent by API clients: only comparing operators are allowed, none that runs code or has unbounded cost, and no
//! access to hidden fields.

use jiff::civil;
use jiff::tz::TimeZone;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::{Map, Value};

use crate::catalogue::{IGNORED_FIELDS, touches_hidden_field};

/// Maximum length of a regular expression, in characters.
const MAX_REGEX_CHARACTERS: usize = 200;

/// Maximum number of keys and array items in a query.
const MAX_VALUES: usize = 500;

/// Parses a query into a MongoDB filter, or returns why it is rejected.
pub fn from_json(query: &Value) -> Result<Document, String> {
    let Value::Object(entries) = query else {
        return Ok(Document::new());
    };
    let is_looked_at = |name: &str| {
        let root = name.split('.').next().unwrap_or(name);
        !IGNORED_FIELDS.contains(&root)
    };
    let entries: Map<String, Value> = entries
        .iter()
        .filter(|(name, _)| is_looked_at(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    FilterParser { values: 0 }.fields(&entries, "")
}

/// Parses the operator of a projection that selects items of the list at a path, or returns why it is rejected.
pub fn of_list(path: &str, operator: &Value) -> Result<Document, String> {
    if touches_hidden_field(path) {
        return Err(hidden(path));
    }
    let Value::Object(entries) = operator else {
        return Err(refused(path));
    };
    let mut parser = FilterParser { values: 0 };
    match entries.get("$slice") {
        Some(items) => Ok(doc! { "$slice": parser.literal(items)? }),
        None => parser.operators(entries, path),
    }
}

struct FilterParser {
    values: usize,
}

impl FilterParser {
    /// Conditions by field, and the operators that combine them.
    fn fields(&mut self, entries: &Map<String, Value>, within: &str) -> Result<Document, String> {
        let mut filter = Document::new();
        for (key, value) in entries {
            self.note()?;
            let condition = match (key.as_str(), value) {
                ("$and" | "$or" | "$nor", Value::Array(items)) => {
                    let mut alternatives = Vec::new();
                    for item in items {
                        let Value::Object(entries) = item else {
                            return Err(format!("{key} needs an array of objects."));
                        };
                        alternatives.push(Bson::from(self.fields(entries, within)?));
                    }
                    alternatives.into()
                }
                _ if key.starts_with('$') => return Err(refused(key)),
                _ => {
                    let path = if within.is_empty() {
                        key.clone()
                    } else {
                        format!("{within}.{key}")
                    };
                    if touches_hidden_field(&path) {
                        return Err(hidden(&path));
                    }
                    self.condition(value, &path)?
                }
            };
            filter.insert(field(key)?, condition);
        }
        Ok(filter)
    }

    /// The condition on a field.
    fn condition(&mut self, value: &Value, path: &str) -> Result<Bson, String> {
        match value {
            Value::Object(entries) if has_operators(entries) => {
                Ok(self.operators(entries, path)?.into())
            }
            _ => self.literal(value),
        }
    }

    fn operators(&mut self, entries: &Map<String, Value>, path: &str) -> Result<Document, String> {
        let mut condition = Document::new();
        for (key, value) in entries {
            self.note()?;
            let operand = match (key.as_str(), value) {
                (
                    "$eq" | "$ne" | "$gt" | "$gte" | "$lt" | "$lte" | "$in" | "$nin" | "$all"
                    | "$exists" | "$type" | "$size" | "$mod" | "$bitsAllClear" | "$bitsAllSet"
                    | "$bitsAnyClear" | "$bitsAnySet",
                    _,
                ) => self.literal(value)?,
                ("$not" | "$elemMatch", Value::Object(entries)) if has_operators(entries) => {
                    self.operators(entries, path)?.into()
                }
                ("$elemMatch", Value::Object(entries)) => self.fields(entries, path)?.into(),
                ("$regex" | "$options", Value::String(text)) => {
                    if text.chars().count() > MAX_REGEX_CHARACTERS {
                        return Err(format!(
                            "A regular expression may have {MAX_REGEX_CHARACTERS} characters."
                        ));
                    }
                    text.clone().into()
                }
                _ => return Err(refused(key)),
            };
            condition.insert(key.clone(), operand);
        }
        Ok(condition)
    }

    /// A value without operators; `{"$date": ...}` is a date.
    fn literal(&mut self, value: &Value) -> Result<Bson, String> {
        self.note()?;
        Ok(match value {
            Value::Null => Bson::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => number.into(),
                (None, Some(number)) => number.into(),
                (None, None) => Bson::Null,
            },
            Value::String(text) => text.clone().into(),
            Value::Array(items) => {
                let mut array = Vec::new();
                for item in items {
                    array.push(self.literal(item)?);
                }
                array.into()
            }
            Value::Object(entries) => match entries.get("$date") {
                Some(value) if entries.len() == 1 => {
                    let date = date(value).ok_or_else(|| format!("{value} is not a date."))?;
                    date.into()
                }
                _ => {
                    let mut document = Document::new();
                    for (key, value) in entries {
                        if key.starts_with('$') {
                            return Err(refused(key));
                        }
                        document.insert(field(key)?, self.literal(value)?);
                    }
                    document.into()
                }
            },
        })
    }

    fn note(&mut self) -> Result<(), String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("A query may have {MAX_VALUES} values."));
        }
        Ok(())
    }
}

/// Whether an object has operators; a date is a value.
fn has_operators(entries: &Map<String, Value>) -> bool {
    entries.keys().any(|key| key.starts_with('$')) && !entries.contains_key("$date")
}

fn refused(operator: &str) -> String {
    format!("{operator} is not allowed in a query, or not there.")
}

/// Checks that BSON can hold the name of a field: a zero byte would end it.
pub fn field(name: &str) -> Result<String, String> {
    if name.contains('\0') {
        return Err(format!(
            "{} cannot be the name of a field, because it has a zero byte in it.",
            name.escape_default()
        ));
    }
    Ok(name.to_owned())
}

/// The message for a field that is hidden, wholly or in part.
pub fn hidden(path: &str) -> String {
    format!("{path} cannot be queried: it is hidden, or a part of it is.")
}

/// A date from milliseconds since 1970 or ISO 8601.
fn date(value: &Value) -> Option<DateTime> {
    let milliseconds = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => {
            let of_day = || {
                let date = text.parse::<civil::Date>().ok()?;
                Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
            };
            let timestamp = text.parse::<jiff::Timestamp>().ok().or_else(of_day)?;
            timestamp.as_millisecond()
        }
        _ => return None,
    };
    Some(DateTime::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comparing_operators_are_allowed() {
        let query = json!({
            "createdAt": { "$gte": { "$date": 1000 }, "$lt": { "$date": "1970-01-01T00:00:02Z" } },
            "$or": [{ "version": { "$regex": "^7", "$options": "i" } }, { "totalUsers": { "$not": { "$gt": 3 } } }],
            "os.cpus": { "$elemMatch": { "speed": { "$in": [1, 2.5] } } },
            "apps": { "totalActive": null },
            "installedAt": { "$date": "1970-01-02" },
            "e2e": 1,
        });
        let filter = doc! {
            "createdAt": { "$gte": DateTime::from_millis(1000), "$lt": DateTime::from_millis(2000) },
            "$or": [{ "version": { "$regex": "^7", "$options": "i" } }, { "totalUsers": { "$not": { "$gt": 3_i64 } } }],
            "os.cpus": { "$elemMatch": { "speed": { "$in": [1_i64, 2.5] } } },
            "apps": { "totalActive": null },
            "installedAt": DateTime::from_millis(86_400_000),
        };
        assert_eq!(from_json(&query), Ok(filter));
        assert_eq!(from_json(&json!(7)), Ok(doc! {}));
    }

    #[test]
    fn code_and_unbounded_operators_are_rejected() {
        for query in [
            json!({ "$where": "true" }),
            json!({ "$expr": { "$gt": ["$a", "$b"] } }),
            json!({ "$jsonSchema": {} }),
            json!({ "$text": { "$search": "x" } }),
            json!({ "$comment": "x" }),
            json!({ "a": { "$where": "true" } }),
            json!({ "a": { "$not": { "$where": "true" } } }),
            json!({ "a": { "$elemMatch": { "$where": "true" } } }),
            json!({ "a": { "$elemMatch": { "b": 1, "$where": "true" } } }),
            json!({ "a": { "$in": [{ "$function": {} }] } }),
            json!({ "$or": [{ "$and": [{ "$expr": true }] }] }),
            json!({ "$or": { "a": 1 } }),
            json!({ "a": { "b": { "$gt": 1 } } }),
            json!({ "a": { "$date": 1, "$where": "true" } }),
            json!({ "a": { "$date": "soon" } }),
            json!({ "a": { "$regex": "x".repeat(201) } }),
            json!({ "a": { "$in": vec![1; 600] } }),
        ] {
            assert!(from_json(&query).is_err(), "{query}");
        }
    }

    #[test]
    fn zero_byte_is_rejected_in_names_and_allowed_in_values() {
        for query in [
            json!({ "a\0": 1 }),
            json!({ "$or": [{ "a\0b": 1 }] }),
            json!({ "a": { "$elemMatch": { "\0": 1 } } }),
            json!({ "a": { "\0": 1 } }),
            json!({ "a": { "$in": [{ "b": { "c\0": 1 } }] } }),
        ] {
            assert!(from_json(&query).is_err(), "{query}");
        }
        assert!(from_json(&json!({ "a": "\0" })).is_ok());
    }

    #[test]
    fn hidden_fields_cannot_be_queried() {
        for query in [
            json!({ "statsToken": { "$regex": "^a" } }),
            json!({ "wizard": { "$exists": true } }),
            json!({ "wizard.contactName": "x" }),
            json!({ "$or": [{ "settings.email.smtp.smtpHost": { "$gt": "" } }] }),
            json!({ "wizard": { "$elemMatch": { "size": 1 } } }),
            json!({ "settings": { "$elemMatch": { "email": 1 } } }),
        ] {
            assert!(from_json(&query).is_err(), "{query}");
        }
        assert!(from_json(&json!({ "wizard.size": "small" })).is_ok());
    }
}

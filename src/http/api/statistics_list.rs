//! `GET /api/v1/statistics.list`: what a client may say about order, paging, fields and query, read as Rocket.Chat reads
//! it.

mod stream;
pub mod turns;

use std::num::TryFromIntError;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use stream::List;

use super::errors;
use crate::catalogue::{IGNORED_FIELDS, Version};
use crate::http::query_string::Parameters;
use crate::http::response::Response;
use crate::http::{Limits, Login, Part, Refused, Unavailable, Workspace};

/// From this version on `fields` and `query` are ignored unless they are allowed.
const IGNORES_QUERY: Version = Version::new(7, 0, 0);

const ILLEGAL_SORT: &str = "Illegal sort clause, must be of the form [['field1', '(ascending|descending)'], ['field2', '(ascending|descending)']]";
const BAD_SORT: &str = "$sort key ordering must be 1 (for ascending) or -1 (for descending)";
const MIXED_PROJECTION: &str = "Projection cannot have a mix of inclusion and exclusion.";

/// What was sent as JSON.
struct Sent {
    sort: Value,
    fields: Value,
    query: Value,
}

/// The answer; what is wrong with a request is told in the order in which Rocket.Chat looks for it.
pub async fn answer(
    workspace: Arc<Workspace>,
    parameters: Parameters,
    gzip: bool,
    login: Login,
) -> Result<Response, Unavailable> {
    let version = workspace.version();
    let takes_everything = version < IGNORES_QUERY || workspace.takes_unsafe_parameters;
    let sent = match Sent::read(&parameters, takes_everything) {
        Ok(sent) => sent,
        Err((name, text)) => return Ok(errors::invalid_parameter(name, text)),
    };
    if !login.may_view_statistics {
        return Ok(errors::list_not_allowed(version));
    }
    let Some(sort) = sort(&sent.sort) else {
        return Ok(errors::plain(ILLEGAL_SORT));
    };
    let Some(turn) = workspace.lists.take().await else {
        return Ok(errors::busy("lists", Duration::from_secs(10)));
    };
    let limits = workspace.backend.limits().await?;
    let Ok(count) = count(parameters.first("count"), limits) else {
        return Ok(errors::plain("The count must not be negative."));
    };
    let total = match workspace.backend.count_history(&sent.query).await? {
        Ok(total) => total,
        Err(Refused(message)) => return Ok(errors::plain(&message)),
    };
    let Some(sort) = directions(sort) else {
        return Ok(errors::plain(BAD_SORT));
    };
    let offset = match parameters.first("offset") {
        None | Some("") => Some(0),
        Some(text) => parse_int(text),
    };
    let Ok(skip) = u64::try_from(offset.unwrap_or(0)) else {
        let message = format!(
            "Skip value must be non-negative, but received: {}",
            offset.unwrap_or(0)
        );
        return Ok(errors::plain(&message));
    };
    let Some(exclude) = exclusions(&sent.fields) else {
        return Ok(errors::plain(MIXED_PROJECTION));
    };
    let part = Part {
        query: sent.query,
        sort,
        exclude,
        offset: skip,
        count,
    };
    let documents = match workspace.backend.list_history(part).await? {
        Ok(documents) => documents,
        Err(Refused(message)) => return Ok(errors::plain(&message)),
    };
    let timezone = workspace.timezone.clone();
    let list = List::new(documents, (offset, total), timezone, gzip);
    list.answer(turn).await
}

impl Sent {
    /// What was sent, or the name of the first parameter that is no JSON, with its text.
    fn read(parameters: &Parameters, takes_query: bool) -> Result<Self, (&'static str, &str)> {
        let read = |name: &'static str| match parameters.first(name) {
            None | Some("") => Ok(Value::Null),
            Some(text) => serde_json::from_str(text).map_err(|_| (name, text)),
        };
        let honoured = |name: &'static str| {
            if takes_query {
                read(name)
            } else {
                Ok(Value::Null)
            }
        };
        Ok(Self {
            sort: read("sort")?,
            fields: honoured("fields")?,
            query: honoured("query")?,
        })
    }
}

/// Fields and the direction that each is given, whether it is one or not; `None` when this is no sort clause at all.
fn sort(sent: &Value) -> Option<Vec<(String, Option<bool>)>> {
    match sent {
        Value::Null | Value::Bool(false) => Some(Vec::new()),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(Vec::new()),
        Value::Bool(true) | Value::Number(_) => None,
        Value::String(name) if name.is_empty() => Some(Vec::new()),
        Value::String(name) => Some(vec![(name.clone(), Some(false))]),
        Value::Array(items) => items.iter().map(pair).collect(),
        Value::Object(entries) => Some(
            entries
                .iter()
                .map(|(name, direction)| (name.clone(), descends(direction)))
                .collect(),
        ),
    }
}

/// A name, or a name and a direction.
fn pair(item: &Value) -> Option<(String, Option<bool>)> {
    match item {
        Value::String(name) => Some((name.clone(), Some(false))),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(name), direction] => {
                let descends = match direction.as_str() {
                    Some("ascending" | "asc") => false,
                    Some("descending" | "desc") => true,
                    _ => descends(direction)?,
                };
                Some((name.clone(), Some(descends)))
            }
            _ => None,
        },
        _ => None,
    }
}

fn descends(direction: &Value) -> Option<bool> {
    match direction.as_f64() {
        Some(1.0) => Some(false),
        Some(-1.0) => Some(true),
        _ => None,
    }
}

fn directions(sort: Vec<(String, Option<bool>)>) -> Option<Vec<(String, bool)>> {
    sort.into_iter()
        .map(|(name, descends)| Some((name, descends?)))
        .collect()
}

/// Fields to leave out. Because Rocket.Chat leaves some out itself, fields to include cannot be named: `None`.
fn exclusions(sent: &Value) -> Option<Vec<String>> {
    let Value::Object(entries) = sent else {
        return Some(Vec::new());
    };
    entries
        .iter()
        .filter(|(name, _)| !IGNORED_FIELDS.contains(&name.as_str()))
        .map(|(name, wanted)| {
            let is_excluded = *wanted == Value::Bool(false) || wanted.as_f64() == Some(0.0);
            is_excluded.then(|| name.clone())
        })
        .collect()
}

/// How many documents are answered, where `None` means all; an error when fewer than none are asked for.
fn count(sent: Option<&str>, limits: Limits) -> Result<Option<u64>, TryFromIntError> {
    let wanted = match sent {
        None => limits.default_count,
        Some(text) => u64::try_from(parse_int(text).unwrap_or(0))?,
    };
    Ok(match wanted {
        0 if limits.allows_infinite_count => None,
        0 => Some(limits.default_count),
        wanted => Some(wanted.min(limits.most_count)),
    })
}

/// JavaScript's `parseInt` for decimal numbers: what follows the digits is not looked at.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let end = rest
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(rest.len());
    let digits = &rest[..end];
    (!digits.is_empty()).then(|| sign * digits.parse::<i64>().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_does() {
        for (text, number) in [
            ("12", Some(12)),
            (" 12.9", Some(12)),
            ("1e3", Some(1)),
            ("-1x", Some(-1)),
            ("+3", Some(3)),
            ("abc", None),
            ("", None),
            ("-", None),
            ("99999999999999999999", Some(i64::MAX)),
        ] {
            assert_eq!(parse_int(text), number, "{text}");
        }
    }

    #[test]
    fn the_settings_bound_the_count() {
        let limits = Limits {
            default_count: 50,
            most_count: 100,
            allows_infinite_count: true,
            rate: None,
        };
        assert_eq!(count(None, limits), Ok(Some(50)));
        assert_eq!(count(Some("7"), limits), Ok(Some(7)));
        assert_eq!(count(Some("101"), limits), Ok(Some(100)));
        for everything in ["0", "", "null", "abc"] {
            assert_eq!(count(Some(everything), limits), Ok(None), "{everything}");
        }
        assert!(count(Some("-1"), limits).is_err());
        let finite = Limits {
            allows_infinite_count: false,
            ..limits
        };
        assert_eq!(count(Some("0"), finite), Ok(Some(50)));
    }

    #[test]
    fn a_sort_clause_has_many_forms() {
        let ascending = Some(vec![("a".to_owned(), Some(false))]);
        let descending = Some(vec![("a".to_owned(), Some(true))]);
        assert_eq!(sort(&json!({ "a": 1 })), ascending);
        assert_eq!(sort(&json!("a")), ascending);
        assert_eq!(sort(&json!(["a"])), ascending);
        assert_eq!(sort(&json!([["a", -1]])), descending);
        assert_eq!(sort(&json!([["a", "desc"]])), descending);
        assert_eq!(sort(&json!({ "a": 2 })), Some(vec![("a".to_owned(), None)]));
        for default in [
            json!(0),
            json!(false),
            json!(null),
            json!(""),
            json!({}),
            json!([]),
        ] {
            assert_eq!(sort(&default), Some(vec![]), "{default}");
        }
        for illegal in [json!(true), json!(7), json!([["a", 3]]), json!([1])] {
            assert_eq!(sort(&illegal), None, "{illegal}");
        }
    }
}

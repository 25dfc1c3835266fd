//! `GET /api/v1/statistics.list`: parses sort, paging, fields and query as Rocket.Chat does.

pub mod queue;
mod writer;

use std::num::TryFromIntError;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use writer::ListWriter;

use super::errors;
use crate::catalogue::{IGNORED_FIELDS, Version};
use crate::http::query_string::Parameters;
use crate::http::response::Response;
use crate::http::{
    ApiSettings, AuthenticatedUser, ListQuery, QueryRejected, ServedWorkspace, Unavailable,
};

/// From this version on `fields` and `query` are ignored unless enabled.
const IGNORES_QUERY: Version = Version::new(7, 0, 0);

/// From this version on Rocket.Chat has no `fields` and `query`. Its endpoints that declare a schema of their query string
/// answer 400 to both; `statistics.list` declares none (in the development branch), so it ignores them.
pub const LACKS_QUERY: Version = Version::new(9, 0, 0);

const ILLEGAL_SORT: &str = "Illegal sort clause, must be of the form [['field1', '(ascending|descending)'], ['field2', '(ascending|descending)']]";
const BAD_SORT: &str = "$sort key ordering must be 1 (for ascending) or -1 (for descending)";
const MIXED_PROJECTION: &str = "Projection cannot have a mix of inclusion and exclusion.";

/// The parameters that are JSON.
struct ListParameters {
    sort: Value,
    fields: Value,
    query: Value,
}

/// Handles a request. Errors are checked for in the same order as in Rocket.Chat.
pub async fn handle(
    workspace: Arc<ServedWorkspace>,
    parameters: Parameters,
    gzip: bool,
    user: AuthenticatedUser,
) -> Result<Response, Unavailable> {
    let version = workspace.version();
    let allows_query =
        version < IGNORES_QUERY || version < LACKS_QUERY && workspace.allows_unsafe_parameters;
    let parsed = match ListParameters::parse(&parameters, allows_query) {
        Ok(parsed) => parsed,
        Err((name, text)) => return Ok(errors::invalid_parameter(name, text)),
    };
    if !user.may_view_statistics {
        return Ok(errors::list_not_allowed(version));
    }
    let Some(sort) = sort(&parsed.sort) else {
        return Ok(errors::plain(ILLEGAL_SORT));
    };
    let Some(permit) = workspace.list_queue.acquire().await else {
        return Ok(errors::busy("lists", Duration::from_secs(10)));
    };
    let settings = workspace.backend.api_settings().await?;
    let Ok(count) = count(parameters.first("count"), settings) else {
        return Ok(errors::plain("The count must not be negative."));
    };
    let total = match workspace
        .backend
        .count_stored_statistics(&parsed.query)
        .await?
    {
        Ok(total) => total,
        Err(QueryRejected(message)) => return Ok(errors::plain(&message)),
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
    let Some(exclude) = exclusions(&parsed.fields) else {
        return Ok(errors::plain(MIXED_PROJECTION));
    };
    let query = ListQuery {
        query: parsed.query,
        sort,
        exclude,
        offset: skip,
        count,
    };
    let documents = match workspace.backend.list_stored_statistics(query).await? {
        Ok(documents) => documents,
        Err(QueryRejected(message)) => return Ok(errors::plain(&message)),
    };
    let timezone = workspace.timezone.clone();
    let list = ListWriter::new(documents, (offset, total), timezone, gzip);
    list.respond(permit).await
}

impl ListParameters {
    /// Parses the parameters; fails with the name and text of the first one that is not JSON.
    fn parse(parameters: &Parameters, allows_query: bool) -> Result<Self, (&'static str, &str)> {
        let parse = |name: &'static str| match parameters.first(name) {
            None | Some("") => Ok(Value::Null),
            Some(text) => serde_json::from_str(text).map_err(|_| (name, text)),
        };
        let parse_allowed = |name: &'static str| {
            if allows_query {
                parse(name)
            } else {
                Ok(Value::Null)
            }
        };
        Ok(Self {
            sort: parse("sort")?,
            fields: parse_allowed("fields")?,
            query: parse_allowed("query")?,
        })
    }
}

/// Fields and their directions, where `None` is an invalid direction; `None` when the value is not a sort clause.
fn sort(value: &Value) -> Option<Vec<(String, Option<bool>)>> {
    match value {
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

/// An element of a sort clause: a name, or a name with a direction.
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

/// Fields to leave out; `None` where fields are included, which Rocket.Chat rejects because it excludes some itself.
fn exclusions(fields: &Value) -> Option<Vec<String>> {
    let Value::Object(entries) = fields else {
        return Some(Vec::new());
    };
    entries
        .iter()
        .filter(|(name, _)| !IGNORED_FIELDS.contains(&name.as_str()))
        .map(|(name, value)| {
            let is_excluded = *value == Value::Bool(false) || value.as_f64() == Some(0.0);
            is_excluded.then(|| name.clone())
        })
        .collect()
}

/// The number of documents to return, where `None` means all.
///
/// # Errors
/// When `count` is negative.
fn count(text: Option<&str>, settings: ApiSettings) -> Result<Option<u64>, TryFromIntError> {
    let count = match text {
        None => settings.default_count,
        Some(text) => u64::try_from(parse_int(text).unwrap_or(0))?,
    };
    Ok(match count {
        0 if settings.allows_infinite_count => None,
        0 => Some(settings.default_count),
        count => Some(count.min(settings.max_count)),
    })
}

/// JavaScript's `parseInt` for decimal numbers, which ignores everything after the digits.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let end = rest
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(rest.len());
    let digits = &rest[..end];
    (!digits.is_empty()).then(|| sign * digits.parse::<i64>().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_parsed_as_in_javascript() {
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
    fn settings_limit_the_count() {
        let settings = ApiSettings {
            default_count: 50,
            max_count: 100,
            allows_infinite_count: true,
            rate: None,
        };
        assert_eq!(count(None, settings), Ok(Some(50)));
        assert_eq!(count(Some("7"), settings), Ok(Some(7)));
        assert_eq!(count(Some("101"), settings), Ok(Some(100)));
        for everything in ["0", "", "null", "abc"] {
            assert_eq!(count(Some(everything), settings), Ok(None), "{everything}");
        }
        assert!(count(Some("-1"), settings).is_err());
        let finite = ApiSettings {
            allows_infinite_count: false,
            ..settings
        };
        assert_eq!(count(Some("0"), finite), Ok(Some(50)));
    }

    #[test]
    fn sort_clause_has_many_forms() {
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

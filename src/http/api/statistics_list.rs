//! `GET /api/v1/statistics.list`: parses sort, paging, fields and query as Rocket.Chat does.

mod js;
pub mod queue;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use js::Parameter;
use writer::ListWriter;

use super::errors;
use crate::catalogue::{IGNORED_FIELDS, Version};
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

/// What V8 says of `Object.keys(null)`, which is how Rocket.Chat gets the names in `fields` and `query`.
const NULL_OBJECT: &str = "Cannot convert undefined or null to object";

/// The parameters.
pub struct ListParameters {
    sort: Option<Parameter>,
    fields: Option<Parameter>,
    query: Option<Parameter>,
    count: Option<Parameter>,
    offset: Option<Parameter>,
}

/// The parameters that are JSON; `None` where they are not set.
struct ParsedParameters {
    sort: Option<Value>,
    fields: Option<Value>,
    query: Option<Value>,
}

/// What is not shown of documents, and what is shown of lists.
#[derive(Debug, Default, PartialEq)]
struct Projection {
    exclude: Vec<String>,
    of_lists: Vec<(String, Value)>,
}

/// Handles a request. Errors are checked for in the same order as in Rocket.Chat.
pub async fn handle(
    workspace: Arc<ServedWorkspace>,
    parameters: ListParameters,
    gzip: bool,
    user: AuthenticatedUser,
) -> Result<Response, Unavailable> {
    let version = workspace.version();
    let allows_query =
        version < IGNORES_QUERY || version < LACKS_QUERY && workspace.allows_unsafe_parameters;
    let parsed = match parameters.parse(allows_query) {
        Ok(parsed) => parsed,
        Err(response) => return Ok(*response),
    };
    if !user.may_view_statistics {
        return Ok(errors::list_not_allowed(version));
    }
    let Some(sort) = sort(parsed.sort.as_ref()) else {
        return Ok(errors::plain(ILLEGAL_SORT));
    };
    let Some(permit) = workspace.list_queue.acquire().await else {
        return Ok(errors::busy("lists", Duration::from_secs(10)));
    };
    let settings = workspace.backend.api_settings().await?;
    let count = match count(parameters.count.as_ref(), settings) {
        Ok(count) => count,
        Err(message) => return Ok(errors::plain(message)),
    };
    let query = match parsed.query {
        Some(Value::Object(entries)) => Value::Object(entries),
        // The driver leaves out a filter that is false.
        Some(value) if !js::is_falsy(&value) => {
            return Ok(errors::plain("The query must be an object."));
        }
        _ => Value::Null,
    };
    let total = match workspace.backend.count_stored_statistics(&query).await? {
        Ok(total) => total,
        Err(QueryRejected(message)) => return Ok(errors::plain(&message)),
    };
    let Some(sort) = directions(sort) else {
        return Ok(errors::plain(BAD_SORT));
    };
    let offset = match &parameters.offset {
        Some(text) if !text.is_empty() => js::parse_int(&text.text()),
        _ => 0.0,
    };
    if offset < 0.0 {
        let message = format!("Skip value must be non-negative, but received: {offset}");
        return Ok(errors::plain(&message));
    }
    let Projection { exclude, of_lists } = match projection(parsed.fields.as_ref()) {
        Ok(projection) => projection,
        Err(message) => return Ok(errors::plain(&message)),
    };
    let query = ListQuery {
        query,
        sort,
        exclude,
        of_lists,
        offset: to_integer(offset),
        count,
    };
    let documents = match workspace.backend.list_stored_statistics(query).await? {
        Ok(documents) => documents,
        Err(QueryRejected(message)) => return Ok(errors::plain(&message)),
    };
    let timezone = workspace.timezone.clone();
    let list = ListWriter::new(documents, (js::json_number(offset), total), timezone, gzip);
    list.respond(permit).await
}

impl ListParameters {
    /// The parameters in a query string.
    pub fn of(query: &str) -> Self {
        let find = |name| Parameter::find(query, name);
        Self {
            sort: find("sort"),
            fields: find("fields"),
            query: find("query"),
            count: find("count"),
            offset: find("offset"),
        }
    }

    /// Parses those that are JSON; fails with the response to the first one that is invalid.
    fn parse(&self, allows_query: bool) -> Result<ParsedParameters, Box<Response>> {
        let parse = |name: &'static str, parameter: &Option<Parameter>| {
            let Some(parameter) = parameter.as_ref().filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let text = parameter.text();
            let parsed = serde_json::from_str(&text).ok();
            // The query is parsed by Meteor's EJSON, which takes nothing but texts.
            let is_text = name != "query" || matches!(parameter, Parameter::Text(_));
            match parsed.filter(|_| is_text) {
                Some(value) => Ok(Some(value)),
                None => Err(Box::new(errors::invalid_parameter(name, &text))),
            }
        };
        let parse_object = |name: &'static str, parameter: &Option<Parameter>| {
            if !allows_query {
                return Ok(None);
            }
            match parse(name, parameter)? {
                Some(Value::Null) => Err(Box::new(errors::plain(NULL_OBJECT))),
                value => Ok(value),
            }
        };
        Ok(ParsedParameters {
            sort: parse("sort", &self.sort)?,
            fields: parse_object("fields", &self.fields)?,
            query: parse_object("query", &self.query)?,
        })
    }
}

/// Fields and their directions, where `None` is an invalid direction; `None` when the value is not a sort clause.
fn sort(value: Option<&Value>) -> Option<Vec<(String, Option<bool>)>> {
    match value {
        None => Some(Vec::new()),
        Some(value) if js::is_falsy(value) => Some(Vec::new()),
        Some(Value::String(name)) => Some(vec![(name.clone(), Some(false))]),
        Some(Value::Array(items)) => items.iter().map(pair).collect(),
        Some(Value::Object(entries)) => {
            let entries = entries.iter();
            Some(
                entries
                    .map(|(name, direction)| (name.clone(), descends(direction)))
                    .collect(),
            )
        }
        Some(_) => None,
    }
}

/// An element of a sort clause: a name, or a name with a direction.
fn pair(item: &Value) -> Option<(String, Option<bool>)> {
    match item {
        Value::String(name) => Some((name.clone(), Some(false))),
        Value::Array(parts) => {
            let (name, direction) = (parts.first()?, parts.get(1)?);
            let descends = match js::text_of(direction).to_lowercase().as_str() {
                "ascending" | "asc" | "1" => false,
                "descending" | "desc" | "-1" => true,
                _ => return None,
            };
            Some((js::text_of(name), Some(descends)))
        }
        _ => None,
    }
}

/// MongoDB takes a number without its fraction.
fn descends(direction: &Value) -> Option<bool> {
    let direction = direction.as_f64()?.trunc();
    let is = |number: f64| direction.total_cmp(&number).is_eq();
    (is(1.0) || is(-1.0)).then(|| is(-1.0))
}

fn directions(sort: Vec<(String, Option<bool>)>) -> Option<Vec<(String, bool)>> {
    sort.into_iter()
        .map(|(name, descends)| Some((name, descends?)))
        .collect()
}

/// What `fields` leaves out, or why it is rejected: Rocket.Chat excludes some fields itself, so none can be included.
fn projection(fields: Option<&Value>) -> Result<Projection, String> {
    let mut projection = Projection::default();
    match fields {
        Some(Value::Object(entries)) => {
            let is_looked_at = |name: &str| {
                let root = name.split('.').next().unwrap_or(name);
                !IGNORED_FIELDS.contains(&root)
            };
            for (name, value) in entries.iter().filter(|(name, _)| is_looked_at(name)) {
                projection.add(name.clone(), value)?;
            }
        }
        // To JavaScript the members of a list are named by their indices, as are those of a text, which all include.
        Some(Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                projection.add(index.to_string(), value)?;
            }
        }
        Some(Value::String(text)) if !text.is_empty() => return Err(MIXED_PROJECTION.to_owned()),
        _ => {}
    }
    Ok(projection)
}

impl Projection {
    fn add(&mut self, name: String, value: &Value) -> Result<(), String> {
        match value {
            Value::Object(entries) if entries.len() == 1 => {
                if !entries.contains_key("$slice") && !entries.contains_key("$elemMatch") {
                    return Err(unsupported_projection(&name, value));
                }
                self.of_lists.push((name, value.clone()));
            }
            Value::Object(_) => return Err(unsupported_projection(&name, value)),
            // Null excludes as false and 0 do; to MongoDB a text includes, also an empty one.
            Value::Null | Value::Bool(_) | Value::Number(_) if js::is_falsy(value) => {
                self.exclude.push(name);
            }
            _ => return Err(MIXED_PROJECTION.to_owned()),
        }
        Ok(())
    }
}

fn unsupported_projection(name: &str, value: &Value) -> String {
    format!("Unsupported projection option: {name}: {value}")
}

/// The number of documents to return, where `None` means all; fails when `count` is negative.
fn count(
    parameter: Option<&Parameter>,
    settings: ApiSettings,
) -> Result<Option<u64>, &'static str> {
    let Some(parameter) = parameter else {
        return Ok(Some(settings.default_count));
    };
    let count = js::parse_int(&parameter.text());
    if count < 0.0 {
        return Err("The count must not be negative.");
    }
    // Not a number is no limit.
    let count = (!count.is_nan()).then(|| to_integer(count));
    Ok(match count {
        Some(0) if settings.allows_infinite_count => None,
        Some(0) => Some(settings.default_count),
        count => count.map(|count| count.min(settings.max_count)),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is whole and not negative; larger ones become the largest integer, and not a number 0"
)]
fn to_integer(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_limit_the_count() {
        let settings = ApiSettings {
            default_count: 50,
            max_count: 100,
            allows_infinite_count: true,
            rate: None,
        };
        let count = |text: Option<&str>, settings| {
            let parameter = text.map(|text| Parameter::Text(text.to_owned()));
            super::count(parameter.as_ref(), settings)
        };
        assert_eq!(count(None, settings), Ok(Some(50)));
        assert_eq!(count(Some("7"), settings), Ok(Some(7)));
        assert_eq!(count(Some("0x10"), settings), Ok(Some(16)));
        for many in ["101", "99999999999999999999"] {
            assert_eq!(count(Some(many), settings), Ok(Some(100)), "{many}");
        }
        for everything in ["0", "-0", "", "null", "abc"] {
            assert_eq!(count(Some(everything), settings), Ok(None), "{everything}");
        }
        assert!(count(Some("-1"), settings).is_err());
        let finite = ApiSettings {
            allows_infinite_count: false,
            ..settings
        };
        assert_eq!(count(Some("0"), finite), Ok(Some(50)));
        assert_eq!(count(Some("abc"), finite), Ok(None));
    }

    #[test]
    fn sort_clause_has_many_forms() {
        let sort = |value: &Value| super::sort(Some(value));
        let ascending = Some(vec![("a".to_owned(), Some(false))]);
        let descending = Some(vec![("a".to_owned(), Some(true))]);
        assert_eq!(sort(&json!({ "a": 1 })), ascending);
        assert_eq!(sort(&json!("a")), ascending);
        assert_eq!(sort(&json!(["a"])), ascending);
        assert_eq!(sort(&json!([["a", -1]])), descending);
        assert_eq!(sort(&json!([["a", "Desc"]])), descending);
        assert_eq!(sort(&json!([["a", "-1"]])), descending);
        assert_eq!(sort(&json!({ "a": -1.5 })), descending);
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
        for illegal in [
            json!(true),
            json!(7),
            json!([["a", 3]]),
            json!([["a"]]),
            json!([1]),
        ] {
            assert_eq!(sort(&illegal), None, "{illegal}");
        }
    }
}

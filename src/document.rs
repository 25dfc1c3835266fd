//! The statistics document: the newest stored one, overlaid with fresh readings.

pub mod field_order;

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::{Map, Number};

use field_order::TOP_LEVEL_ORDER;

use crate::catalogue::{FieldValue, Timestamp, Value, Version};
use crate::collectors::{SECTIONS, Snapshot};

/// The shape of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentShape {
    /// `{"statistics": {...}, "success": true}` as before 3.0, with both spellings of the livechat total.
    Nested,
    /// The document itself with `"success": true` in it, as from 3.0 on.
    Flat,
    /// The one of the workspace's version.
    Version,
}

/// Which of Rocket.Chat's two answers is imitated; they differ in undefined values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticsSource {
    /// With `refresh=true`: the document before it is stored.
    Refresh,
    /// Without: the document as read from the database.
    Stored,
}

/// From this version on undefined values are stored as null.
const STORES_NULL: Version = Version::new(7, 0, 0);

/// From this version on a refreshed document has no `_updatedAt` ...
const HIDES_UPDATE: Version = Version::new(4, 2, 0);

/// ... and before this one no `_id` either.
const SHOWS_ID: Version = Version::new(6, 5, 0);

/// From this version on `totalMessages` is the sum of the totals by kind of room.
const TOTAL_IS_SUM: Version = Version::new(3, 1, 0);

/// Renders the answer to a request for the statistics, as JSON.
pub fn render(
    snapshot: &Snapshot,
    shape: DocumentShape,
    source: StatisticsSource,
    timezone: &TimeZone,
) -> Vec<u8> {
    let version = snapshot.version().unwrap_or(Version::NEWEST);
    let writer = JsonWriter {
        timezone,
        undefined_is_null: source == StatisticsSource::Stored && version >= STORES_NULL,
    };
    let nested = match shape {
        DocumentShape::Nested => true,
        DocumentShape::Flat => false,
        DocumentShape::Version => version < Version::new(3, 0, 0),
    };
    let mut document = overlay(snapshot, version, source);
    let answer = if nested {
        spell_livechat_both_ways(&mut document);
        let mut answer = Map::new();
        let mut statistics = Map::new();
        writer.entries(&mut statistics, document);
        answer.insert("statistics".to_owned(), statistics.into());
        answer.insert("success".to_owned(), true.into());
        answer
    } else {
        let mut answer = Map::new();
        writer.entries(&mut answer, document);
        answer.insert("success".to_owned(), true.into());
        answer
    };
    serde_json::to_vec(&answer).expect("a map with texts as keys can always be written")
}

/// The document alone, without the wrapping of the answer.
pub fn object(snapshot: &Snapshot, timezone: &TimeZone) -> Map<String, serde_json::Value> {
    let version = snapshot.version().unwrap_or(Version::NEWEST);
    let writer = JsonWriter {
        timezone,
        undefined_is_null: version >= STORES_NULL,
    };
    let mut document = Map::new();
    writer.entries(
        &mut document,
        overlay(snapshot, version, StatisticsSource::Stored),
    );
    document
}

/// The fields of that document whose values come from the stored document.
pub fn stored_fields(snapshot: &Snapshot) -> BTreeSet<&'static str> {
    let version = snapshot.version().unwrap_or(Version::NEWEST);
    let mut stored = BTreeSet::new();
    for section in SECTIONS {
        section.visit_fields(snapshot, version, &mut |row, answer| {
            if matches!(answer, FieldValue::Stored | FieldValue::StoredIfTrue)
                && !WRITTEN.contains(&row.path)
            {
                stored.insert(row.path);
            }
        });
    }
    stored
}

/// Fields that the catalogue takes from the stored document, and that are overwritten.
const WRITTEN: [&str; 3] = ["createdAt", "_updatedAt", "version"];

/// A value of a stored document as JSON, as Rocket.Chat writes it.
pub fn json(value: Value, timezone: &TimeZone) -> serde_json::Value {
    let writer = JsonWriter {
        timezone,
        undefined_is_null: false,
    };
    writer.value(value)
}

type DocumentEntries = Vec<(Cow<'static, str>, Value)>;

/// The stored document with all fields replaced that the exporter reads. A field that could not be read is left out,
/// because its stored value can be a day old.
fn overlay(snapshot: &Snapshot, version: Version, source: StatisticsSource) -> DocumentEntries {
    let mut document = match snapshot
        .stored_document
        .as_ref()
        .and_then(|stored| stored.document.as_ref()?.get(&[]))
    {
        Some(Value::Object(entries)) => entries,
        _ => DocumentEntries::new(),
    };
    let mut known_to_version = Vec::new();
    for section in SECTIONS {
        section.visit_fields(snapshot, version, &mut |row, answer| {
            known_to_version.push(row.path);
            match answer {
                FieldValue::Fresh(value) => set(&mut document, row.path, value),
                FieldValue::Unknown => set(&mut document, row.path, None),
                FieldValue::Stored if source == StatisticsSource::Refresh => {
                    undefine(&mut document, row.path);
                }
                FieldValue::Stored => {}
                FieldValue::StoredIfTrue => remove_unless_true(&mut document, row.path),
            }
        });
    }
    // The stored document can be of another version.
    for row in SECTIONS.iter().flat_map(|section| section.fields()) {
        if !is_known(row.path, &known_to_version) {
            set(&mut document, row.path, None);
        }
    }
    // `createdAt` is the time that the data describe; stale data are older than the reading.
    let created_at = match snapshot.stale_by() {
        Some(_) => snapshot.data_at,
        None => snapshot.read_at,
    };
    if let Some(created_at) = created_at {
        set(&mut document, "createdAt", Some(Value::Date(created_at)));
        set(&mut document, "_updatedAt", Some(Value::Date(created_at)));
    }
    if source == StatisticsSource::Refresh && version >= HIDES_UPDATE {
        set(&mut document, "_updatedAt", None);
        if version < SHOWS_ID {
            set(&mut document, "_id", None);
        }
    }
    if let Some(version) = snapshot.version_name() {
        set(&mut document, "version", Some(Value::text(version)));
    }
    document.sort_by_key(|(key, _)| place(key, version));
    document
}

/// Whether a path is known, or one below it or around it.
fn is_known(path: &str, known: &[&str]) -> bool {
    let is_below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    known
        .iter()
        .any(|known| *known == path || is_below(known, path) || is_below(path, known))
}

/// Turns a null, which was undefined before it was stored, into undefined again.
fn undefine(entries: &mut DocumentEntries, path: &str) {
    for (key, value) in entries {
        if key == path && *value == Value::Null {
            *value = Value::Undefined;
        }
    }
}

fn remove_unless_true(entries: &mut DocumentEntries, path: &str) {
    entries.retain(|(key, value)| key != path || *value == Value::Bool(true));
}

/// The position of a top-level key; unknown keys come before the dates at the end.
fn place(key: &str, version: Version) -> (usize, bool) {
    let position = |wanted: &str| TOP_LEVEL_ORDER.iter().position(|known| *known == wanted);
    match position(key) {
        // Before it was a sum of the others, the total came first.
        Some(position_of_sum) if key == "totalMessages" && version < TOTAL_IS_SUM => (
            position("totalChannelMessages").unwrap_or(position_of_sum),
            false,
        ),
        Some(position) => (position, true),
        None => (
            position("createdAt").unwrap_or(TOP_LEVEL_ORDER.len()),
            false,
        ),
    }
}

/// Sets or removes the value at a path; an existing one keeps its position.
fn set(entries: &mut DocumentEntries, path: &'static str, value: Option<Value>) {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    let position = entries.iter().position(|(name, _)| name == key);
    match (rest, position, value) {
        (None, Some(position), Some(value)) => entries[position].1 = value,
        (None, Some(position), None) => {
            entries.remove(position);
        }
        (None, None, Some(value)) => entries.push((Cow::Borrowed(key), value)),
        (Some(rest), Some(position), value) => {
            if let Value::Object(inner) = &mut entries[position].1 {
                set(inner, rest, value);
                if inner.is_empty() {
                    entries.remove(position);
                }
            } else if value.is_some() {
                entries[position].1 = nested(rest, value);
            }
        }
        (Some(rest), None, value @ Some(_)) => {
            entries.push((Cow::Borrowed(key), nested(rest, value)));
        }
        (_, None, None) => {}
    }
}

fn nested(path: &'static str, value: Option<Value>) -> Value {
    let mut inner = DocumentEntries::new();
    set(&mut inner, path, value);
    Value::Object(inner)
}

/// Adds both spellings: the documented example of the nested shape is misspelled, later versions are not.
fn spell_livechat_both_ways(document: &mut DocumentEntries) {
    const SPELLINGS: [&str; 2] = ["totlalLivechat", "totalLivechat"];
    let Some(position) = document
        .iter()
        .position(|(key, _)| SPELLINGS.contains(&key.as_ref()))
    else {
        return;
    };
    let value = document[position].1.clone();
    document.retain(|(key, _)| !SPELLINGS.contains(&key.as_ref()));
    for spelling in SPELLINGS.into_iter().rev() {
        document.insert(position, (Cow::Borrowed(spelling), value.clone()));
    }
}

/// How values are written.
struct JsonWriter<'a> {
    timezone: &'a TimeZone,
    undefined_is_null: bool,
}

impl JsonWriter<'_> {
    fn entries(&self, map: &mut Map<String, serde_json::Value>, entries: DocumentEntries) {
        for (key, value) in entries {
            if value != Value::Undefined || self.undefined_is_null {
                map.insert(key.into_owned(), self.value(value));
            }
        }
    }

    fn value(&self, value: Value) -> serde_json::Value {
        match value {
            Value::Null | Value::Undefined => serde_json::Value::Null,
            Value::Bool(value) => value.into(),
            Value::Integer(number) => number.into(),
            Value::Number(number) => javascript_number(number),
            Value::Text(text) => text.into(),
            Value::Date(date) => iso(date).into(),
            Value::DateText(date) => javascript_date(date, self.timezone).into(),
            Value::List(items) => items
                .into_iter()
                .map(|item| self.value(item))
                .collect::<Vec<_>>()
                .into(),
            Value::Object(entries) => {
                let mut map = Map::new();
                self.entries(&mut map, entries);
                map.into()
            }
        }
    }
}

/// A number as JavaScript writes it: whole ones without a decimal point, and null for NaN and infinities.
fn javascript_number(number: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be whole and exact"
        )]
        return (number as i64).into();
    }
    Number::from_f64(number).map_or(serde_json::Value::Null, Into::into)
}

/// ISO 8601 with milliseconds in UTC; null when the time is out of range.
fn iso(timestamp: Timestamp) -> Option<String> {
    let timestamp = jiff::Timestamp::from_millisecond(timestamp.0).ok()?;
    Some(timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// JavaScript's `Date.toString()`; outside UTC with the zone's short name instead of the long one of Node.js.
fn javascript_date(timestamp: Timestamp, timezone: &TimeZone) -> Option<String> {
    let timestamp = jiff::Timestamp::from_millisecond(timestamp.0).ok()?;
    let zoned = timestamp.to_zoned(timezone.clone());
    let name = match zoned.strftime("%Z").to_string().as_str() {
        "UTC" => "Coordinated Universal Time".to_owned(),
        short => short.to_owned(),
    };
    let date = zoned.strftime("%a %b %d %Y %H:%M:%S GMT%z");
    Some(format!("{date} ({name})"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::collectors::presence::{Presence, Presences};
    use crate::collectors::stored_document::StoredDocument;

    fn snapshot(version: &str) -> Snapshot {
        let stored = Value::Object(vec![
            ("_id".into(), Value::text("abc")),
            ("version".into(), Value::text(version)),
            ("totalUsers".into(), Value::Integer(1)),
            ("totalRooms".into(), Value::Integer(5)),
            ("somethingNew".into(), Value::Bool(true)),
        ]);
        Snapshot {
            stored_document: Some(Arc::new(StoredDocument {
                version: Some(version.to_owned()),
                document: Some(Arc::new(stored)),
                ..StoredDocument::default()
            })),
            presence: Some(Arc::new(Presence {
                accounts: 9,
                shown: Presences {
                    online: 3,
                    away: 1,
                    busy: 1,
                },
                connected: Presences {
                    online: 4,
                    away: 1,
                    busy: 0,
                },
            })),
            read_at: Some(Timestamp(1_792_000_000_123)),
            ..Snapshot::default()
        }
    }

    fn rendered(snapshot: &Snapshot, shape: DocumentShape) -> String {
        String::from_utf8(render(
            snapshot,
            shape,
            StatisticsSource::Stored,
            &TimeZone::UTC,
        ))
        .expect("JSON is UTF-8")
    }

    #[test]
    fn fresh_fields_replace_stored_ones_and_unread_ones_are_absent() {
        assert_eq!(
            rendered(&snapshot("3.4.0"), DocumentShape::Flat),
            r#"{"_id":"abc","version":"3.4.0","totalUsers":9,"onlineUsers":4,"awayUsers":1,"totalConnectedUsers":5,"offlineUsers":4,"somethingNew":true,"createdAt":"2026-10-14T17:46:40.123Z","_updatedAt":"2026-10-14T17:46:40.123Z","success":true}"#
        );
    }

    #[test]
    fn later_version_has_its_own_definitions() {
        let document = rendered(&snapshot("7.7.1"), DocumentShape::Flat);
        assert!(document.contains(r#""onlineUsers":3,"awayUsers":1,"busyUsers":1,"totalConnectedUsers":4,"offlineUsers":4"#), "{document}");
    }

    #[test]
    fn shape_of_the_version_changes_with_3_0() {
        assert!(
            rendered(&snapshot("2.4.9"), DocumentShape::Version).starts_with(r#"{"statistics":{"#)
        );
        assert!(rendered(&snapshot("3.0.0"), DocumentShape::Version).starts_with(r#"{"_id""#));
    }

    #[test]
    fn set_keeps_neighbouring_fields() {
        let mut entries: DocumentEntries = vec![(
            "os".into(),
            Value::Object(vec![("type".into(), Value::text("Linux"))]),
        )];
        set(&mut entries, "os.uptime", Some(Value::Integer(3)));
        set(&mut entries, "apps.totalActive", Some(Value::Integer(1)));
        set(&mut entries, "apps.totalFailed", None);
        set(&mut entries, "process.pid", Some(Value::Integer(1)));
        set(&mut entries, "process.pid", None);
        let os = Value::object([
            ("type", Some(Value::text("Linux"))),
            ("uptime", Some(Value::Integer(3))),
        ]);
        let apps = Value::object([("totalActive", Some(Value::Integer(1)))]);
        assert_eq!(entries, [("os".into(), os), ("apps".into(), apps)]);
    }

    #[test]
    fn numbers_are_rendered_like_javascript() {
        assert_eq!(javascript_number(3.0).to_string(), "3");
        assert_eq!(javascript_number(3.5).to_string(), "3.5");
        assert_eq!(javascript_number(f64::NAN).to_string(), "null");
    }

    #[test]
    fn date_text_is_rendered_like_javascript() {
        let date = Timestamp(1_680_523_200_000);
        assert_eq!(
            javascript_date(date, &TimeZone::UTC).as_deref(),
            Some("Mon Apr 03 2023 12:00:00 GMT+0000 (Coordinated Universal Time)")
        );
    }
}

//! A field of the statistics document, and where its value comes from.

use super::value::Value;
use super::version::Versions;

/// Where a field of the statistics document comes from.
pub enum FieldOrigin<T> {
    /// Read by the exporter; `None` means that the document has no such key.
    Fresh(fn(&T) -> Option<Value>),
    /// Read by the exporter; the newest stored document where the reading has none.
    FreshElseStored(fn(&T) -> Option<Value>),
    /// Read by the exporter or taken from the newest stored document, as the section decides.
    Either(fn(&T) -> FieldValue),
    /// Read by the exporter with a key, such as the id of a setting.
    Keyed(fn(&T, &str) -> Option<Value>, &'static str),
    /// Known to Rocket.Chat's process only, so taken from the newest stored document.
    Stored,
    /// The same, but absent unless true.
    StoredIfTrue,
    /// A secret or personal data: never shown; see [`HIDDEN_FIELDS`](super::HIDDEN_FIELDS).
    Withheld,
}

/// One row of a section's fields in the statistics document.
pub struct Field<T> {
    /// Path in the document, with dots between nested keys.
    pub path: &'static str,
    /// The versions of Rocket.Chat whose document has the field with this definition.
    pub versions: Versions,
    /// The definition: what is counted, with which filter.
    pub meaning: &'static str,
    /// Where the value comes from.
    pub origin: FieldOrigin<T>,
}

impl<T> Field<T> {
    pub fn row(&self) -> FieldRow {
        FieldRow {
            path: self.path,
            versions: self.versions,
            meaning: self.meaning,
            stored: matches!(self.origin, FieldOrigin::Stored | FieldOrigin::StoredIfTrue),
            withheld: matches!(self.origin, FieldOrigin::Withheld),
            key: match self.origin {
                FieldOrigin::Keyed(_, key) => Some(key),
                _ => None,
            },
        }
    }
}

/// A field's row without the type of its section.
#[derive(Debug, Clone, Copy)]
pub struct FieldRow {
    /// Path in the document.
    pub path: &'static str,
    /// Versions with this definition.
    pub versions: Versions,
    /// The definition.
    pub meaning: &'static str,
    /// Whether it comes from the stored document only.
    pub stored: bool,
    /// Whether it is never shown.
    pub withheld: bool,
    /// The key it is read with, such as the id of a setting.
    pub key: Option<&'static str>,
}

/// A count as the value of a field.
pub fn count_field(number: u64) -> Option<Value> {
    Some(Value::count(number))
}

/// A difference of counts, which is negative where Rocket.Chat's own is.
pub fn difference_field(minuend: u64, subtrahend: u64) -> Option<Value> {
    let minuend = i64::try_from(minuend).ok()?;
    Some(Value::Integer(
        minuend.checked_sub_unsigned(subtrahend).unwrap_or(i64::MIN),
    ))
}

/// The value of a field, or where to take it from.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// The section was read: the value, or `None` when the document has no such key.
    Fresh(Option<Value>),
    /// The section was not read.
    Unknown,
    /// The value of the stored document.
    Stored,
    /// The value of the stored document if it is true, else absent.
    StoredIfTrue,
}

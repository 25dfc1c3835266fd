//! A field of the statistics document, and where its value comes from.

use super::value::Value;
use super::version::Versions;

/// Where a field of the statistics document comes from.
pub enum Origin<T> {
    /// Read by the exporter; `None` means that the document has no such key.
    Fresh(fn(&T) -> Option<Value>),
    /// Read by the exporter where this workspace tells it, else taken from the newest stored document.
    FreshElseStored(fn(&T) -> Option<Value>),
    /// Read by the exporter, or taken from the newest stored document, as the section says.
    Either(fn(&T) -> Answer),
    /// Read by the exporter from what stands under a key, such as the id of a setting.
    Keyed(fn(&T, &str) -> Option<Value>, &'static str),
    /// Known to Rocket.Chat's process only: taken from the newest stored document.
    Stored,
    /// The same, but the document has no such key unless it is true.
    StoredIfTrue,
    /// A secret or somebody's personal data: never shown.
    Withheld,
}

/// One row of a section's fields in the statistics document.
pub struct Field<T> {
    /// Path in the document; a dot nests.
    pub path: &'static str,
    /// The versions of Rocket.Chat whose document has the field with this definition.
    pub versions: Versions,
    /// The definition, in words: what is counted, with which filter.
    pub meaning: &'static str,
    /// Where the value comes from.
    pub origin: Origin<T>,
}

impl<T> Field<T> {
    pub fn row(&self) -> FieldRow {
        FieldRow {
            path: self.path,
            versions: self.versions,
            meaning: self.meaning,
            stored: matches!(self.origin, Origin::Stored | Origin::StoredIfTrue),
            withheld: matches!(self.origin, Origin::Withheld),
            key: match self.origin {
                Origin::Keyed(_, key) => Some(key),
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
    /// The definition, in words.
    pub meaning: &'static str,
    /// Whether only the stored document knows it.
    pub stored: bool,
    /// Whether it is never shown.
    pub withheld: bool,
    /// What it is read by, such as the id of a setting.
    pub key: Option<&'static str>,
}

/// What a section says about one of its fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The section was read: this is the value, or the document has no such key.
    Fresh(Option<Value>),
    /// The section was not read, so nothing is known.
    Unknown,
    /// The stored document decides.
    Stored,
    /// The stored document decides, but there is no such key unless it is true.
    StoredIfTrue,
}

//! Which indexes exist, so that no query scans a large collection because one is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::IndexModel;
use mongodb::bson::Bson;
use mongodb::options::Hint;

/// Up to this many documents a collection may be scanned where its index is missing.
pub const SMALL: u64 = 10_000;

/// The collection that is never scanned, however small, unless it is empty or does not exist.
pub const NEVER_SCANNED: &str = "rocketchat_message";

/// How long a list of indexes is believed; a reading that fails ends that at once, for an index may have been dropped.
const CACHE_TTL: Duration = Duration::from_mins(10);

/// How a query may run.
pub enum Access {
    /// By this index, which is named in the query so that the server cannot choose a scan. Without one as the server likes:
    /// the index is missing, but the collection is small, or has nothing to be scanned.
    Granted(Option<Hint>),
    /// Not at all: the index is missing and the collection is not small.
    Refused,
}

/// A collection's indexes that can serve any query on their first key: of each the first key, the second or nothing, and
/// the name, each followed by a null character; `None` of a view, which has none of its own. Every workspace has dozens of
/// them, and looks at them rarely.
#[derive(Debug, Clone)]
pub struct Names(Option<Arc<str>>);

impl Names {
    pub fn of(indexes: Vec<IndexModel>) -> Self {
        let mut names = String::new();
        for (key, second, name) in indexes.into_iter().filter_map(usable) {
            for text in [key, second.unwrap_or_default(), name] {
                names.push_str(&text);
                names.push('\0');
            }
        }
        Self(Some(names.into()))
    }

    /// Those of a view, which has none.
    pub fn of_view() -> Self {
        Self(None)
    }

    /// Whether there is a view in the place of a collection.
    pub fn is_view(&self) -> bool {
        self.0.is_none()
    }

    /// The first name of which the two keys are wanted.
    pub fn find(&self, is_wanted: impl Fn(&str, &str) -> bool) -> Option<String> {
        let mut texts = self.0.as_ref()?.split_terminator('\0');
        while let (Some(key), Some(second), Some(name)) = (texts.next(), texts.next(), texts.next())
        {
            if is_wanted(key, second) {
                return Some(name.to_owned());
            }
        }
        None
    }
}

/// When each collection's indexes were listed, and their names.
type Listed = BTreeMap<&'static str, (Instant, Names)>;

/// The indexes of each collection, as they were last listed.
#[derive(Debug, Default)]
pub struct KnownIndexes(
    // A std mutex: it is never held while the database is asked.
    Mutex<Listed>,
);

impl KnownIndexes {
    /// Lists anew from now on.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// The indexes of a collection, unless they are to be listed anew.
    pub fn get(&self, collection: &str) -> Option<Names> {
        let listed = self.lock();
        let (listed_at, names) = listed.get(collection)?;
        (listed_at.elapsed() < CACHE_TTL).then(|| names.clone())
    }

    pub fn put(&self, collection: &'static str, names: Names) {
        self.lock().insert(collection, (Instant::now(), names));
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first key, the second if any, and the name of an index that can serve any query on the first key.
fn usable(index: IndexModel) -> Option<(String, Option<String>, String)> {
    let options = index.options.unwrap_or_default();
    let is_whole = options.partial_filter_expression.is_none()
        && options.collation.is_none()
        && options.hidden != Some(true);
    let mut keys = index.keys.into_iter();
    let (key, kind) = keys.next()?;
    let second = keys.next().filter(|(_, kind)| has_direction(kind));
    let second = second.map(|(key, _)| key);
    // A key cannot have one, and no server takes such a name.
    let name = options.name.filter(|name| !name.contains('\0'))?;
    (is_whole && has_direction(&kind)).then_some((key, second, name))
}

/// Directions only: a text, hashed or geographic index cannot serve a range.
fn has_direction(kind: &Bson) -> bool {
    matches!(
        kind,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Boolean(_)
    )
}

/// Whether the collection that was asked about is a view, or one for time series, which is a view of its own kind.
pub fn is_view(error: &mongodb::error::Error) -> bool {
    const COMMAND_NOT_SUPPORTED_ON_VIEW: i32 = 166;
    matches!(
        &*error.kind,
        mongodb::error::ErrorKind::Command(command) if command.code == COMMAND_NOT_SUPPORTED_ON_VIEW
    )
}

/// Whether the collection that was asked about does not exist.
pub fn is_namespace_not_found(error: &mongodb::error::Error) -> bool {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    // What `$collStats` answers up to 4.4, of a collection that is "not found".
    const NO_STORAGE_STATS: i32 = 40280;
    match &*error.kind {
        mongodb::error::ErrorKind::Command(command) => match command.code {
            NAMESPACE_NOT_FOUND => true,
            NO_STORAGE_STATS => command.message.contains("not found"),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, doc};
    use mongodb::options::IndexOptions;

    use super::*;

    fn index(name: &str, keys: Document) -> IndexModel {
        let options = IndexOptions::builder().name(name.to_owned()).build();
        IndexModel::builder().keys(keys).options(options).build()
    }

    #[test]
    fn the_first_index_that_begins_with_the_keys_is_named() {
        let mut partial = index("partial", doc! { "b": 1 });
        let options = partial.options.get_or_insert_default();
        options.partial_filter_expression = Some(doc! { "b": { "$gt": 1 } });
        let names = Names::of(vec![
            index("words", doc! { "a": "text" }),
            index("one", doc! { "a": 1 }),
            index("two and words", doc! { "a": 1, "b": "text" }),
            index("two", doc! { "a": -1, "b": 1_i64, "c": 1 }),
            index("other two", doc! { "a": 1.0, "b": 1 }),
            partial,
        ]);
        let key = |key: &str| names.find(|first, _| first == key);
        assert_eq!(key("a").as_deref(), Some("one"));
        assert_eq!(key("b"), None);
        let pair = |one: &str, two: &str| names.find(|key, next| key == one && next == two);
        assert_eq!(pair("a", "b").as_deref(), Some("two"));
        assert_eq!(pair("b", "c"), None);
        assert_eq!(Names::of(Vec::new()).find(|_, _| true), None);
    }
}

//! What is known of every document of the followed collections, and how events change it. No database here: events and
//! documents come in, counters come out.
//!
//! A document's row is set to what it is, not changed by what happened to it, so an event that is applied twice, or
//! after a reading that has already seen it, does no harm once the events after it were applied too.

mod documents;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{RawBson, RawBsonRef, RawDocument};

use documents::{Documents, row};

use super::fields::WatchedCollection;
pub use super::id_hasher::IdHasher;
use super::packed_table::{Key, Row};
use super::sessions::{Sessions, held};
use crate::collectors::users::live;

/// Everything that is known of the followed collections.
#[derive(Debug, Clone)]
pub struct State {
    hasher: IdHasher,
    collections: BTreeMap<WatchedCollection, Documents>,
    sessions: Option<Sessions>,
    unclear: PendingLookups,
}

/// Documents of which an event told too little: they have to be looked up by their ids.
pub type PendingLookups = BTreeMap<(WatchedCollection, Key), RawBson>;

/// Whether an event tells of more than a single document, such as a collection that is dropped: then only a full reading
/// helps.
pub fn invalidates(event: &RawDocument) -> bool {
    let operation = event.get_str("operationType").unwrap_or_default();
    subject(event).is_none() || !["insert", "replace", "update", "delete"].contains(&operation)
}

/// The document that an event is about: its collection and its id.
pub fn subject(event: &RawDocument) -> Option<(WatchedCollection, RawBsonRef<'_>)> {
    let collection = event.get_document("ns").ok()?.get_str("coll").ok()?;
    let id = value(event.get_document("documentKey").ok()?, "_id")?;
    Some((WatchedCollection::named(collection)?, id))
}

fn value<'a>(document: &'a RawDocument, key: &str) -> Option<RawBsonRef<'a>> {
    document.get(key).ok().flatten()
}

/// Rows as a full reading finds them, until there is a state of them.
#[derive(Debug)]
pub struct Readings {
    hasher: IdHasher,
    followed: WatchedCollection,
    rows: Vec<(Key, Row)>,
    odd: BTreeMap<Key, f64>,
    sessions: Vec<(Key, BTreeMap<Key, u64>)>,
}

impl Readings {
    /// None yet, with room for as many as are expected.
    pub fn new(hasher: IdHasher, followed: WatchedCollection, expected: usize) -> Self {
        Self {
            hasher,
            followed,
            rows: Vec::with_capacity(expected),
            odd: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len() + self.sessions.len()
    }

    /// Takes a document.
    pub fn add(&mut self, document: &RawDocument) {
        let Some(id) = value(document, "_id") else {
            return;
        };
        let key = self.hasher.of(id);
        if self.followed == WatchedCollection::Sessions {
            self.sessions.push((key, held(&self.hasher, document)));
            return;
        }
        let (row, odd) = row(self.followed, document);
        self.rows.push((key, row));
        if let Some(odd) = odd {
            self.odd.insert(key, odd);
        }
    }
}

impl State {
    /// What full readings found.
    pub fn of(hasher: IdHasher, readings: Vec<Readings>) -> Self {
        let mut state = Self {
            hasher,
            collections: BTreeMap::new(),
            sessions: None,
            unclear: PendingLookups::new(),
        };
        let mut sessions = None;
        for it in readings {
            if it.followed == WatchedCollection::Sessions {
                sessions = Some(it.sessions);
                continue;
            }
            let documents = Documents::of(it.followed, it.rows, it.odd);
            state.collections.insert(it.followed, documents);
        }
        // After the users, who tell whose they are.
        state.sessions = sessions.map(|sessions| {
            let mut all = Sessions::default();
            for (key, held) in sessions {
                all.set(key, held, state.is_person(key));
            }
            all
        });
        state
    }

    fn is_person(&self, key: Key) -> bool {
        let users = self.collections.get(&WatchedCollection::Users);
        users
            .and_then(|users| users.rows.get(key))
            .is_some_and(live::is_person)
    }

    /// Applies a change of a document, as [`super::pipeline::changes`] has the server tell it.
    pub fn apply(&mut self, event: &RawDocument) {
        let Some((followed, id)) = subject(event) else {
            return;
        };
        let key = self.hasher.of(id);
        let was_person = self.is_person(key);
        let is_clear = match (followed, event.get_str("operationType")) {
            // Connections are parts of a list, and hardly ever told as a whole.
            (WatchedCollection::Sessions, Ok("delete")) => {
                if let Some(sessions) = &mut self.sessions {
                    sessions.remove(key, was_person);
                }
                true
            }
            (WatchedCollection::Sessions, _) => self.sessions.is_none(),
            (_, operation) => match self.collections.get_mut(&followed) {
                Some(documents) => documents.apply(key, operation.unwrap_or_default(), event),
                None => return,
            },
        };
        if followed == WatchedCollection::Users {
            self.follow_user(key, was_person);
        }
        // What was unclear stays so when only a part of the document was told.
        let is_whole = !matches!(event.get_str("operationType"), Ok("update"));
        if !is_clear {
            self.unclear.insert((followed, key), id.into());
        } else if is_whole {
            self.unclear.remove(&(followed, key));
        }
    }

    /// Counts the session of a user anew who has become a person, or is none any more.
    fn follow_user(&mut self, key: Key, was_person: bool) {
        let is_person = self.is_person(key);
        if let Some(sessions) = &mut self.sessions
            && is_person != was_person
        {
            sessions.change_user(key, is_person);
        }
    }

    /// Takes back what [`State::take_unclear`] gave.
    pub fn ask_again(&mut self, unclear: &PendingLookups) {
        self.unclear
            .extend(unclear.iter().map(|(key, id)| (*key, id.clone())));
    }

    /// Documents that have to be looked up; they are forgotten here.
    pub fn take_unclear(&mut self) -> PendingLookups {
        std::mem::take(&mut self.unclear)
    }

    /// Notes what was looked up: `asked` are the keys, `found` the documents that still exist.
    pub fn clear_up(
        &mut self,
        followed: WatchedCollection,
        asked: BTreeSet<Key>,
        found: &[impl AsRef<RawDocument>],
    ) {
        let mut gone = asked;
        for document in found.iter().map(AsRef::as_ref) {
            if let Some(id) = value(document, "_id") {
                let key = self.hasher.of(id);
                gone.remove(&key);
                self.know(followed, key, Some(document));
            }
        }
        for key in gone {
            self.know(followed, key, None);
        }
    }

    /// Notes what a document is now; `None` when it is no more.
    fn know(&mut self, followed: WatchedCollection, key: Key, document: Option<&RawDocument>) {
        let was_person = self.is_person(key);
        if followed == WatchedCollection::Sessions {
            if let Some(sessions) = &mut self.sessions {
                match document {
                    Some(document) => sessions.set(key, held(&self.hasher, document), was_person),
                    None => sessions.remove(key, was_person),
                }
            }
        } else if let Some(documents) = self.collections.get_mut(&followed) {
            match document.map(|document| row(followed, document)) {
                Some((row, odd)) => documents.set(key, row, odd),
                None => documents.remove(key),
            }
        }
        if followed == WatchedCollection::Users {
            self.follow_user(key, was_person);
        }
    }

    /// How many documents of each collection are tracked.
    pub fn documents(&self) -> impl Iterator<Item = (WatchedCollection, usize)> {
        let sessions = self.sessions.iter();
        self.collections
            .iter()
            .map(|(followed, documents)| (*followed, documents.rows.len()))
            .chain(sessions.map(|it| (WatchedCollection::Sessions, it.len())))
    }

    /// Memory that they take.
    pub fn bytes(&self) -> usize {
        let rows: usize = self.collections.values().map(|it| it.rows.bytes()).sum();
        rows + self.sessions.as_ref().map_or(0, Sessions::bytes)
    }

    /// How many documents of each collection another state knows otherwise, or not at all, or alone.
    pub fn differences(&self, other: &Self) -> BTreeMap<WatchedCollection, u64> {
        let all = self.collections.iter();
        let mut all: BTreeMap<_, _> = all
            .map(|(followed, documents)| {
                let others = other.collections.get(followed);
                let all = documents.rows.len() as u64;
                let differences = others.map_or(all, |others| documents.differences(others));
                (*followed, differences)
            })
            .collect();
        if let (Some(sessions), Some(others)) = (&self.sessions, &other.sessions) {
            all.insert(WatchedCollection::Sessions, sessions.differences(others));
        }
        all
    }
}

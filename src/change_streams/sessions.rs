//! Sessions with connections to instances: few, next to the users that there are, and told apart by whose they are.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{RawBsonRef, RawDocument};

use super::id_hasher::IdHasher;
use super::packed_table::Key;
use crate::collectors::connections::Connections;

/// Memory of one session, roughly: its key and its list in a tree, with a node's share.
const BYTES: usize = 100;

/// How many connections to which instances, in the order of the instances' keys.
type Held = Vec<(Key, u64)>;

/// Sessions that have connections, by the keys of their users.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sessions {
    held: BTreeMap<Key, Held>,
    /// How many sessions are alike, those of people apart from others.
    alike: BTreeMap<(bool, Held), u64>,
}

/// The connections that a session has, as its document says.
pub fn held(keys: &IdHasher, session: &RawDocument) -> BTreeMap<Key, u64> {
    let mut held = BTreeMap::new();
    if let Ok(connections) = session.get_array("connections") {
        for connection in connections.into_iter().flatten() {
            let RawBsonRef::Document(connection) = connection else {
                continue;
            };
            if let Ok(Some(id @ RawBsonRef::String(_))) = connection.get("instanceId") {
                *held.entry(keys.of(id)).or_default() += 1;
            }
        }
    }
    held
}

impl Sessions {
    /// A session is so now; one without connections is as good as none.
    pub fn set(&mut self, key: Key, held: BTreeMap<Key, u64>, is_person: bool) {
        self.remove(key, is_person);
        let held: Held = held.into_iter().collect();
        if !held.is_empty() {
            *self.alike.entry((is_person, held.clone())).or_default() += 1;
            self.held.insert(key, held);
        }
    }

    /// A session is gone; `is_person` is what its user was when it was set.
    pub fn remove(&mut self, key: Key, is_person: bool) {
        let Some(held) = self.held.remove(&key) else {
            return;
        };
        let alike = (is_person, held);
        if let Some(number) = self.alike.get_mut(&alike) {
            *number -= 1;
            if *number == 0 {
                self.alike.remove(&alike);
            }
        }
    }

    /// Whoever has a session has become a person, or is none any more.
    pub fn change_user(&mut self, key: Key, is_person: bool) {
        if let Some(held) = self.held.get(&key) {
            let held = held.iter().copied().collect();
            self.remove(key, !is_person);
            self.set(key, held, is_person);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Memory that they take.
    pub fn bytes(&self) -> usize {
        self.held.len() * BYTES
    }

    /// How many another one knows otherwise, or not at all, or alone.
    pub fn differences(&self, other: &Self) -> u64 {
        let keys: BTreeSet<&Key> = self.held.keys().chain(other.held.keys()).collect();
        let differ = |key: &&&Key| self.held.get(key) != other.held.get(key);
        keys.iter().filter(differ).count() as u64
    }

    /// Connections to live instances, and the people who have them.
    pub fn connections(&self, live: &BTreeSet<Key>) -> Connections {
        let mut all = Connections {
            people: 0,
            connections: 0,
        };
        for ((is_person, held), number) in &self.alike {
            let to_live = held.iter().filter(|(instance, _)| live.contains(instance));
            let connections: u64 = to_live.map(|(_, connections)| connections).sum();
            all.connections += connections * number;
            if *is_person && connections > 0 {
                all.people += number;
            }
        }
        all
    }
}

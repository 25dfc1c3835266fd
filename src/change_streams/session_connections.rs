//! Sessions with connections to instances. Sessions that are alike are counted together: many users have one connection to
//! the same instance.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{RawBsonRef, RawDocument};

use super::id_hasher::IdHasher;
use super::packed_table::IdHash;

/// Memory of one session, roughly: its id and its list in a tree, with a node's share.
const SESSION_BYTES: usize = 100;

/// The number of connections to each instance, in the order of the instances' ids.
type ConnectionsByInstance = Vec<(IdHash, u64)>;

/// Sessions that have connections, by the ids of their users.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionConnections {
    by_user: BTreeMap<IdHash, ConnectionsByInstance>,
    /// The number of sessions that are alike, those of people apart from others.
    alike: BTreeMap<(bool, ConnectionsByInstance), u64>,
}

/// Connections, and the people who have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionTotals {
    /// Sessions of people with at least one connection.
    pub people: u64,
    /// Connections.
    pub connections: u64,
}

/// The connections in the document of a session.
pub fn connections_of(hasher: &IdHasher, session: &RawDocument) -> BTreeMap<IdHash, u64> {
    let mut by_instance = BTreeMap::new();
    if let Ok(connections) = session.get_array("connections") {
        for connection in connections.into_iter().flatten() {
            let RawBsonRef::Document(connection) = connection else {
                continue;
            };
            // To MongoDB a symbol is a string.
            let id = connection.get("instanceId");
            if let Ok(Some(id @ (RawBsonRef::String(_) | RawBsonRef::Symbol(_)))) = id {
                *by_instance.entry(hasher.hash(id)).or_default() += 1;
            }
        }
    }
    by_instance
}

impl SessionConnections {
    /// Sets the connections of a session; one without connections is not kept.
    pub fn set(&mut self, user: IdHash, by_instance: BTreeMap<IdHash, u64>, is_person: bool) {
        self.remove(user, is_person);
        let connections: ConnectionsByInstance = by_instance.into_iter().collect();
        if !connections.is_empty() {
            *self
                .alike
                .entry((is_person, connections.clone()))
                .or_default() += 1;
            self.by_user.insert(user, connections);
        }
    }

    /// Removes a session; `is_person` is what its user was when it was set.
    pub fn remove(&mut self, user: IdHash, is_person: bool) {
        let Some(connections) = self.by_user.remove(&user) else {
            return;
        };
        let alike = (is_person, connections);
        if let Some(number) = self.alike.get_mut(&alike) {
            *number -= 1;
            if *number == 0 {
                self.alike.remove(&alike);
            }
        }
    }

    /// Notes that the user of a session has become a person, or is none any more.
    pub fn change_user(&mut self, user: IdHash, is_person: bool) {
        if let Some(connections) = self.by_user.get(&user) {
            let connections = connections.iter().copied().collect();
            self.remove(user, !is_person);
            self.set(user, connections, is_person);
        }
    }

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.by_user.len()
    }

    /// The memory that they take.
    pub fn bytes(&self) -> usize {
        self.by_user.len() * SESSION_BYTES
    }

    /// The number of sessions that differ from those of another full read, or that only one of both has.
    pub fn differences(&self, other: &Self) -> u64 {
        let users: BTreeSet<&IdHash> = self.by_user.keys().chain(other.by_user.keys()).collect();
        let differ = |user: &&&IdHash| self.by_user.get(user) != other.by_user.get(user);
        users.iter().filter(differ).count() as u64
    }

    /// Connections to live instances, and the people who have them.
    pub fn totals(&self, live_instances: &BTreeSet<IdHash>) -> ConnectionTotals {
        let mut totals = ConnectionTotals::default();
        for ((is_person, by_instance), sessions) in &self.alike {
            let to_live = by_instance
                .iter()
                .filter(|(instance, _)| live_instances.contains(instance));
            let connections: u64 = to_live.map(|(_, connections)| connections).sum();
            totals.connections += connections * sessions;
            if *is_person && connections > 0 {
                totals.people += sessions;
            }
        }
        totals
    }
}

//! What is kept of every document of the followed collections, and how events change it. No database here: events and
//! documents come in, counters come out.
//!
//! An event sets a document's row to what it is and does not add to it. So an event that is applied twice, or after a read
//! that has already seen it, does no harm once the events after it were applied too.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{RawBson, RawBsonRef, RawDocument};

use super::followed_collection::{FollowedCollection, SessionOwners};
use super::id_hasher::IdHasher;
use super::packed_table::{IdHash, PackedTableBuilder};
use super::session_connections::{ConnectionTotals, SessionConnections, connections_of};
use super::tracked_collection::{TrackedCollection, pack, value};

/// The documents of all followed collections.
#[derive(Debug, Clone)]
pub struct TrackedDocuments {
    hasher: IdHasher,
    collections: BTreeMap<&'static str, TrackedCollection>,
    sessions: Option<TrackedSessions>,
    pending: PendingLookups,
}

/// Sessions, and whose they are.
#[derive(Debug, Clone)]
struct TrackedSessions {
    collection: &'static str,
    owners: SessionOwners,
    connections: SessionConnections,
}

/// Documents to be looked up, because an event did not contain enough of them; by collection, with their `_id`.
pub type PendingLookups = BTreeMap<(&'static str, IdHash), RawBson>;

/// Whether an event changes more than a single document, as the drop of a collection does: then everything has to be read
/// again.
pub fn invalidates(event: &RawDocument) -> bool {
    let operation = event.get_str("operationType").unwrap_or_default();
    subject(event).is_none() || !["insert", "replace", "update", "delete"].contains(&operation)
}

/// The document that an event is about: its collection and its id.
pub fn subject(event: &RawDocument) -> Option<(&str, RawBsonRef<'_>)> {
    let collection = event.get_document("ns").ok()?.get_str("coll").ok()?;
    let id = value(event.get_document("documentKey").ok()?, "_id")?;
    Some((collection, id))
}

/// The documents of one collection while a full read collects them.
#[derive(Debug)]
pub struct CollectionScan {
    hasher: IdHasher,
    collection: FollowedCollection,
    rows: PackedTableBuilder,
    out_of_range: BTreeMap<IdHash, f64>,
    sessions: Vec<(IdHash, BTreeMap<IdHash, u64>)>,
}

impl CollectionScan {
    /// An empty scan, with room for the expected number of documents.
    pub fn new(hasher: IdHasher, collection: FollowedCollection, expected: usize) -> Self {
        Self {
            hasher,
            collection,
            rows: PackedTableBuilder::with_capacity(expected),
            out_of_range: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }

    /// The number of documents so far.
    pub fn len(&self) -> usize {
        self.rows.len() + self.sessions.len()
    }

    /// Adds a document.
    pub fn add(&mut self, document: &RawDocument) {
        let Some(id) = value(document, "_id") else {
            return;
        };
        let id = self.hasher.hash(id);
        if self.collection.owners.is_some() {
            let connections = connections_of(&self.hasher, document);
            self.sessions.push((id, connections));
            return;
        }
        let (row, out_of_range) = pack(&self.collection.fields, document);
        self.rows.push(id, row);
        if let Some(amount) = out_of_range {
            self.out_of_range.insert(id, amount);
        }
    }
}

impl TrackedDocuments {
    /// The documents that full reads found.
    pub fn new(hasher: IdHasher, scans: Vec<CollectionScan>) -> Self {
        let mut tracked = Self {
            hasher,
            collections: BTreeMap::new(),
            sessions: None,
            pending: PendingLookups::new(),
        };
        let mut of_sessions = None;
        for scan in scans {
            let name = scan.collection.name;
            if let Some(owners) = scan.collection.owners {
                of_sessions = Some((name, owners, scan.sessions));
                continue;
            }
            let collection = TrackedCollection::new(&scan.collection, scan.rows, scan.out_of_range);
            tracked.collections.insert(name, collection);
        }
        // After the users, which say whose sessions they are.
        if let Some((collection, owners, sessions)) = of_sessions {
            let mut connections = SessionConnections::default();
            for (id, by_instance) in sessions {
                connections.set(id, by_instance, tracked.is_person(&owners, id));
            }
            tracked.sessions = Some(TrackedSessions {
                collection,
                owners,
                connections,
            });
        }
        tracked
    }

    fn is_person(&self, owners: &SessionOwners, id: IdHash) -> bool {
        let users = self.collections.get(owners.collection);
        users
            .and_then(|users| users.row(id))
            .is_some_and(owners.is_person)
    }

    /// Whether the owner of the session with this id is a person.
    fn owner_is_person(&self, id: IdHash) -> bool {
        let sessions = self.sessions.as_ref();
        sessions.is_some_and(|sessions| self.is_person(&sessions.owners, id))
    }

    /// Applies an event that [`super::pipeline::changes`] has shaped.
    pub fn apply(&mut self, event: &RawDocument) {
        let Some((collection, document_id)) = subject(event) else {
            return;
        };
        let operation = event.get_str("operationType").unwrap_or_default();
        let id = self.hasher.hash(document_id);
        let was_person = self.owner_is_person(id);
        let (collection, is_complete) = if let Some(sessions) = &mut self.sessions
            && sessions.collection == collection
        {
            // Connections are items of a list, of which an event hardly ever has all.
            let is_delete = operation == "delete";
            if is_delete {
                sessions.connections.remove(id, was_person);
            }
            (sessions.collection, is_delete)
        } else if let Some((name, documents)) = self.documents_mut(collection) {
            (name, documents.apply(id, operation, event))
        } else {
            return;
        };
        self.recount_session(collection, id, was_person);
        if !is_complete {
            self.pending.insert((collection, id), document_id.into());
        } else if operation != "update" {
            // An update contains only a part of the document, so what was to be looked up still is.
            self.pending.remove(&(collection, id));
        }
    }

    fn documents_mut(&mut self, name: &str) -> Option<(&'static str, &mut TrackedCollection)> {
        let mut collections = self.collections.iter_mut();
        let (name, documents) = collections.find(|(known, _)| **known == name)?;
        Some((name, documents))
    }

    /// Counts the session of a user again who has become a person, or is none any more.
    fn recount_session(&mut self, changed: &str, id: IdHash, was_person: bool) {
        let is_person = self.owner_is_person(id);
        if let Some(sessions) = &mut self.sessions
            && sessions.owners.collection == changed
            && is_person != was_person
        {
            sessions.connections.change_user(id, is_person);
        }
    }

    /// Puts back what [`Self::take_pending`] returned.
    pub fn put_back(&mut self, pending: &PendingLookups) {
        let pending = pending.iter().map(|(key, id)| (*key, id.clone()));
        self.pending.extend(pending);
    }

    /// Takes the documents that have to be looked up.
    pub fn take_pending(&mut self) -> PendingLookups {
        std::mem::take(&mut self.pending)
    }

    /// Applies a lookup: the ids that were looked up, and the documents that still exist.
    pub fn apply_lookup(
        &mut self,
        collection: &'static str,
        ids: BTreeSet<IdHash>,
        found: &[impl AsRef<RawDocument>],
    ) {
        let mut missing = ids;
        for document in found.iter().map(AsRef::as_ref) {
            if let Some(id) = value(document, "_id") {
                let id = self.hasher.hash(id);
                missing.remove(&id);
                self.set(collection, id, Some(document));
            }
        }
        for id in missing {
            self.set(collection, id, None);
        }
    }

    /// Sets a document; `None` removes it.
    fn set(&mut self, collection: &'static str, id: IdHash, document: Option<&RawDocument>) {
        let was_person = self.owner_is_person(id);
        if let Some(sessions) = &mut self.sessions
            && sessions.collection == collection
        {
            let connections = &mut sessions.connections;
            match document {
                Some(document) => {
                    connections.set(id, connections_of(&self.hasher, document), was_person);
                }
                None => connections.remove(id, was_person),
            }
        } else if let Some(documents) = self.collections.get_mut(collection) {
            match document {
                Some(document) => documents.set(id, document),
                None => documents.remove(id),
            }
        }
        self.recount_session(collection, id, was_person);
    }

    /// The documents of a collection; `None` where it is not followed.
    pub fn collection(&self, name: &str) -> Option<&TrackedCollection> {
        self.collections.get(name)
    }

    /// Connections to these instances; `None` where sessions or their users are not followed.
    pub fn connections<'a>(
        &self,
        live_instances: impl Iterator<Item = &'a str>,
    ) -> Option<ConnectionTotals> {
        let sessions = self.sessions.as_ref()?;
        self.collections.get(sessions.owners.collection)?;
        let live = live_instances.map(|id| self.hasher.hash(RawBsonRef::String(id)));
        Some(sessions.connections.totals(&live.collect()))
    }

    /// The number of tracked documents of each collection.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|sessions| (sessions.collection, sessions.connections.len()));
        let collections = self.collections.iter();
        collections
            .map(|(name, documents)| (*name, documents.len()))
            .chain(sessions)
    }

    /// The memory that they take.
    pub fn bytes(&self) -> usize {
        let sessions = self.sessions.iter();
        let sessions: usize = sessions.map(|sessions| sessions.connections.bytes()).sum();
        let collections = self.collections.values();
        collections.map(TrackedCollection::bytes).sum::<usize>() + sessions
    }

    /// The number of documents of each collection that differ from those of another full read.
    pub fn differences(&self, other: &Self) -> BTreeMap<&'static str, u64> {
        let mut differences = BTreeMap::new();
        for (name, documents) in &self.collections {
            let other = other.collections.get(name);
            let number = other.map_or(documents.len() as u64, |other| documents.differences(other));
            differences.insert(*name, number);
        }
        if let (Some(sessions), Some(other)) = (&self.sessions, &other.sessions) {
            let number = sessions.connections.differences(&other.connections);
            differences.insert(sessions.collection, number);
        }
        differences
    }
}

//! The collections that are followed, and what is kept of each: the sum of what the collectors declare.

use std::collections::{BTreeMap, BTreeSet};

use super::followed_field::FollowedField;
use super::packed_row::PackedRow;

/// What a collector needs of the documents of a collection.
#[derive(Debug, Clone, Copy)]
pub enum Tracking {
    /// Some fields, which share the bits of a row.
    Fields(&'static [FollowedField]),
    /// The connections of each session to instances.
    Connections(SessionOwners),
    /// Nothing: a change of one of these fields only says that the collector is to be read again.
    Changes(&'static [&'static str]),
}

/// Whose sessions are followed: a session has the `_id` of its user.
#[derive(Debug, Clone, Copy)]
pub struct SessionOwners {
    /// The collection of the users, whose rows are kept.
    pub collection: &'static str,
    /// Whether a user's row is that of a person.
    pub is_person: fn(PackedRow) -> bool,
}

/// A collection that is followed.
#[derive(Debug, Clone)]
pub struct FollowedCollection {
    /// Its name.
    pub name: &'static str,
    /// The fields that make up a row.
    pub fields: Vec<&'static FollowedField>,
    /// Where connections of sessions are kept, whose they are.
    pub owners: Option<SessionOwners>,
    /// Fields of which nothing is kept but that they changed.
    pub watched: Vec<&'static str>,
}

/// Collections by name.
pub type FollowedCollections = BTreeMap<&'static str, FollowedCollection>;

/// The sum of what collectors need.
pub fn merge(
    declared: impl Iterator<Item = &'static (&'static str, Tracking)>,
) -> FollowedCollections {
    let mut collections = FollowedCollections::new();
    for (name, tracking) in declared {
        let collection = collections
            .entry(*name)
            .or_insert_with(|| FollowedCollection::new(name));
        collection.add(tracking);
    }
    collections
}

impl PartialEq for FollowedCollection {
    fn eq(&self, other: &Self) -> bool {
        let owners = |collection: &Self| collection.owners.map(|owners| owners.collection);
        let are_same =
            |(one, other): (&&FollowedField, &&FollowedField)| std::ptr::eq(*one, *other);
        self.name == other.name
            && self.watched == other.watched
            && owners(self) == owners(other)
            && self.fields.len() == other.fields.len()
            && self.fields.iter().zip(&other.fields).all(are_same)
    }
}

impl FollowedCollection {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            fields: Vec::new(),
            owners: None,
            watched: Vec::new(),
        }
    }

    fn add(&mut self, tracking: &Tracking) {
        match tracking {
            Tracking::Fields(fields) => {
                for field in *fields {
                    // Several collectors may need the same field.
                    let is_same = |known: &&FollowedField| {
                        known.name == field.name && known.bits == field.bits
                    };
                    if !self.fields.iter().any(is_same) {
                        self.fields.push(field);
                    }
                }
            }
            Tracking::Connections(owners) => self.owners = Some(*owners),
            Tracking::Changes(fields) => self.watched.extend(*fields),
        }
    }

    /// Whether anything is kept of its documents.
    pub fn keeps_documents(&self) -> bool {
        !self.fields.is_empty() || self.owners.is_some()
    }

    /// Fields at the top of a document of which every change counts.
    pub fn roots(&self) -> BTreeSet<&'static str> {
        let whole = self.fields.iter().filter(|field| field.parts.is_empty());
        let mut roots: BTreeSet<_> = whole.map(|field| field.root()).collect();
        roots.extend(&self.watched);
        if self.owners.is_some() {
            roots.insert("connections");
        }
        roots
    }

    /// Fields at the top of a document of which only some parts count, and the paths of these.
    pub fn parts(&self) -> BTreeMap<&'static str, BTreeSet<String>> {
        let mut parts = BTreeMap::<_, BTreeSet<_>>::new();
        for field in self.fields.iter().filter(|field| !field.parts.is_empty()) {
            let root = field.root();
            let paths = field.parts.iter().map(|part| format!("{root}.{part}"));
            parts.entry(root).or_default().extend(paths);
        }
        parts
    }

    /// The field that is added up.
    pub fn amount(&self) -> Option<&'static FollowedField> {
        self.fields.iter().copied().find(|field| field.is_amount())
    }

    /// The bits by which documents are counted apart: all but the amount.
    pub fn class_mask(&self) -> PackedRow {
        self.amount()
            .map_or(PackedRow::MAX, |field| !field.bits.mask())
    }
}

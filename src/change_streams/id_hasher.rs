//! Hashes of documents' ids.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use mongodb::bson::RawBsonRef;

use super::packed_table::IdHash;

/// Hashes the `_id` of a document: the same throughout one run, and different in the next.
#[derive(Debug, Clone, Default)]
pub struct IdHasher(RandomState);

impl IdHasher {
    /// The hash of an id.
    pub fn hash(&self, id: RawBsonRef<'_>) -> IdHash {
        let mut hasher = self.0.build_hasher();
        match id {
            RawBsonRef::String(id) => id.hash(&mut hasher),
            RawBsonRef::ObjectId(id) => id.bytes().hash(&mut hasher),
            // Rare.
            id => format!("{id:?}").hash(&mut hasher),
        }
        hasher.finish()
    }
}

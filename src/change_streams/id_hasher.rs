//! Documents' ids as the keys of the tables.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use mongodb::bson::RawBsonRef;

use super::packed_table::Key;

/// Makes a document's id into its key; the same for all states of one run, and different in the next.
#[derive(Debug, Clone, Default)]
pub struct IdHasher(RandomState);

impl IdHasher {
    /// The key of an id.
    pub fn of(&self, id: RawBsonRef<'_>) -> Key {
        let mut hasher = self.0.build_hasher();
        match id {
            RawBsonRef::String(id) => id.hash(&mut hasher),
            RawBsonRef::ObjectId(id) => id.bytes().hash(&mut hasher),
            // Hardly ever.
            id => format!("{id:?}").hash(&mut hasher),
        }
        hasher.finish()
    }
}

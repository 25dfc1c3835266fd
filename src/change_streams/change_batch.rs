//! The changes of one poll.

use mongodb::bson::RawDocumentBuf;

/// Changes of a collection, or of the oplog, that one poll takes; the next poll takes the rest.
pub const MAX_CHANGES: usize = 10_000;

/// The changes of one poll.
#[derive(Debug, Default)]
pub struct ChangeBatch {
    /// Events, in order within each collection.
    pub events: Vec<RawDocumentBuf>,
    /// Whether there may be more.
    pub more: bool,
    /// Whether the server was queried for them.
    pub has_queried: bool,
}

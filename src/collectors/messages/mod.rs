//! Messages as the collection holds them, counted without reading one.

pub mod query;

use super::collector::Collector;
use super::section::Table;
use super::snapshot::Snapshot;
use crate::catalogue::Origin::Fresh;
use crate::catalogue::{Field, Metric, Quantity, Read, Value, Versions, count};

/// Counts of `rocketchat_message` from its metadata and an index.
#[derive(Debug, Clone)]
pub struct Messages {
    /// Documents of the collection, from its metadata.
    pub documents: u64,
    /// Messages that began a thread; `None` when the index on `tcount` is missing.
    pub threads: Option<u64>,
}

pub const SECTION: Table<Messages> = Table {
    collector: Collector::Messages,
    title: "Messages",
    find: |snapshot: &Snapshot| snapshot.messages.as_deref(),
    metrics: &[
        Metric {
            name: "rocketchat_messages",
            help: "Messages that exist, system messages included.",
            source: "rocketchat_message: count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|messages| count(messages.documents)),
        },
        Metric {
            name: "rocketchat_threads",
            help: "Messages that began a thread.",
            source: "rocketchat_message: index on tcount",
            quantity: Quantity::Count,
            read: Read::One(|messages| messages.threads.and_then(count)),
        },
    ],
    fields: &[
        Field {
            path: "totalThreads",
            versions: Versions::since(1, 0, 0),
            meaning: "messages with the field tcount, their number of replies",
            origin: Fresh(|messages| messages.threads.map(Value::count)),
        },
        Field {
            path: "totalMessages",
            versions: Versions::since(0, 8, 0).until(3, 1, 0),
            meaning: "documents of rocketchat_message",
            origin: Fresh(|messages| Some(Value::count(messages.documents))),
        },
    ],
};

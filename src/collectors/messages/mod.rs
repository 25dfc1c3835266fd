//! Messages as the collection holds them, counted without reading one.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Table, Tier, Value, Versions, count,
};

/// Counts of `rocketchat_message` from its metadata and an index.
#[derive(Debug, Clone)]
pub struct Messages {
    /// Documents of the collection, from its metadata.
    pub documents: u64,
    /// Messages that began a thread; `None` when the index on `tcount` is missing.
    pub threads: Option<u64>,
}

/// Messages and threads.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "messages",
    tier: Tier::Normal,
    rank: 6,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Messages> = Table {
    title: "Messages",
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

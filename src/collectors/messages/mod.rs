//! Messages and threads, from `rocketchat_message`, counted without reading a message.

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, SectionDefinition, Tier, Value,
    Versions, count, count_field,
};

/// Counts from the metadata and an index of `rocketchat_message`.
#[derive(Debug, Clone)]
pub struct Messages {
    /// Documents of the collection, from its metadata.
    pub documents: u64,
    /// Messages with `tcount`, which started a thread; `None` when the index on `tcount` is missing.
    pub threads: Option<u64>,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "messages",
    tier: Tier::Normal,
    rank: 6,
    privileges: &[
        Privilege::find("rocketchat_message"),
        Privilege::list_indexes("rocketchat_message"),
    ],
    minimal_metrics: &["rocketchat_messages"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Messages> = SectionDefinition {
    title: "Messages",
    metrics: &[
        Metric {
            name: "rocketchat_messages",
            help: "Messages, including system messages.",
            source: "rocketchat_message: count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|messages| count(messages.documents)),
        },
        Metric {
            name: "rocketchat_threads",
            help: "Messages that started a thread.",
            source: "rocketchat_message: index on tcount",
            quantity: Quantity::Count,
            read: Read::One(|messages| messages.threads.and_then(count)),
        },
    ],
    fields: &[
        Field {
            path: "totalThreads",
            versions: Versions::since(1, 0, 0),
            meaning: "messages with the field tcount, the number of replies",
            origin: Fresh(|messages| messages.threads.map(Value::count)),
        },
        Field {
            path: "totalMessages",
            versions: Versions::since(0, 8, 0).until(3, 1, 0),
            meaning: "documents of rocketchat_message",
            origin: Fresh(|messages| count_field(messages.documents)),
        },
    ],
};

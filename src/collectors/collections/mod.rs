//! Sizes of collections that grow, or that are known to have grown without bound.

pub mod query;

use crate::catalogue::{
    CollectorDefinition, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
};

/// The collections whose sizes are read, in alphabetical order.
pub const WATCHED_COLLECTIONS: [&str; 22] = [
    "rocketchat__trash",
    "rocketchat_analytics",
    "rocketchat_apps_logs",
    "rocketchat_avatars",
    "rocketchat_avatars.chunks",
    "rocketchat_cron",
    "rocketchat_cron_history",
    "rocketchat_integration_history",
    "rocketchat_livechat_visitor",
    "rocketchat_message",
    "rocketchat_notification_queue",
    "rocketchat_oembed_cache",
    "rocketchat_read_receipts",
    "rocketchat_room",
    "rocketchat_sessions",
    "rocketchat_statistics",
    "rocketchat_subscription",
    "rocketchat_uploads",
    "rocketchat_uploads.chunks",
    "rocketchat_userDataFiles.chunks",
    "users",
    "usersSessions",
];

/// The sizes of existing collections.
#[derive(Debug, Clone, Default)]
pub struct Collections {
    /// In the order of [`WATCHED_COLLECTIONS`].
    pub sizes: Vec<CollectionSize>,
}

/// The size of a collection, from `$collStats`.
#[derive(Debug, Clone)]
pub struct CollectionSize {
    /// Its name.
    pub name: &'static str,
    /// Documents; `None` for a time series.
    pub documents: Option<u64>,
    /// Uncompressed bytes.
    pub bytes: f64,
    /// Bytes of its file.
    pub storage_bytes: f64,
    /// Reusable bytes in its file.
    pub free_bytes: Option<f64>,
    /// Bytes of its indexes.
    pub index_bytes: f64,
}

impl Collections {
    fn of_each(&self, read: impl Fn(&CollectionSize) -> Option<f64>) -> Vec<Sample> {
        self.sizes
            .iter()
            .filter_map(|size| Some(Sample::of(size.name, read(size)?)))
            .collect()
    }
}

const SIZES: [Privilege; WATCHED_COLLECTIONS.len()] = {
    let mut sizes = [Privilege::coll_stats("").optional(); WATCHED_COLLECTIONS.len()];
    let mut index = 0;
    while index < sizes.len() {
        sizes[index].collection = Some(WATCHED_COLLECTIONS[index]);
        index += 1;
    }
    sizes
};

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "collections",
    tier: Tier::Slow,
    rank: 2,
    privileges: &SIZES,
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Collections> = SectionDefinition {
    title: "Collections",
    metrics: &[
        Metric {
            name: "rocketchat_collection_documents",
            help: "Documents in a collection.",
            source: "$collStats storageStats: count",
            quantity: Quantity::Count,
            read: Read::By(&["collection"], |collections| {
                collections.of_each(|size| crate::catalogue::count(size.documents?))
            }),
        },
        Metric {
            name: "rocketchat_collection_size_bytes",
            help: "Uncompressed size of the documents in a collection.",
            source: "$collStats storageStats: size",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |collections| {
                collections.of_each(|size| Some(size.bytes))
            }),
        },
        Metric {
            name: "rocketchat_collection_storage_size_bytes",
            help: "Size of a collection's file on the database's disk, including free space.",
            source: "$collStats storageStats: storageSize",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |collections| {
                collections.of_each(|size| Some(size.storage_bytes))
            }),
        },
        Metric {
            name: "rocketchat_collection_free_size_bytes",
            help: "Reusable free space in a collection's file.",
            source: "$collStats storageStats: freeStorageSize",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |collections| {
                collections.of_each(|size| size.free_bytes)
            }),
        },
        Metric {
            name: "rocketchat_collection_index_size_bytes",
            help: "Size of a collection's indexes on the database's disk.",
            source: "$collStats storageStats: totalIndexSize",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |collections| {
                collections.of_each(|size| Some(size.index_bytes))
            }),
        },
    ],
    fields: &[],
};

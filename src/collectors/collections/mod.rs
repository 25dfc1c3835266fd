//! How large the collections are that grow, or that are known to have grown without bound.

pub mod query;

use crate::catalogue::{CollectorDefinition, Metric, Quantity, Read, Sample, Table, Tier};

/// The collections that are looked at, in their order.
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

/// The collections of the list that exist and may be looked at.
#[derive(Debug, Clone, Default)]
pub struct Collections {
    /// In their order.
    pub sizes: Vec<CollectionSize>,
}

/// How large a collection is, as its metadata tells it.
#[derive(Debug, Clone)]
pub struct CollectionSize {
    /// Its name.
    pub name: &'static str,
    /// Documents; `None` where the metadata do not tell, as those of a collection for time series.
    pub documents: Option<u64>,
    /// Their bytes before compression.
    pub bytes: f64,
    /// Bytes that its file takes.
    pub storage_bytes: f64,
    /// Those of them that are free and will be used again.
    pub free_bytes: Option<f64>,
    /// Bytes that its indexes take.
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

/// Sizes of collections.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "collections",
    tier: Tier::Slow,
    rank: 2,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Collections> = Table {
    title: "Collections",
    metrics: &[
        Metric {
            name: "rocketchat_collection_documents",
            help: "Documents of a collection that grows.",
            source: "$collStats storageStats: count",
            quantity: Quantity::Count,
            read: Read::By(&["collection"], |it| {
                it.of_each(|size| crate::catalogue::count(size.documents?))
            }),
        },
        Metric {
            name: "rocketchat_collection_size_bytes",
            help: "Bytes of the documents of a collection that grows, before compression.",
            source: "$collStats storageStats: size",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |it| it.of_each(|size| Some(size.bytes))),
        },
        Metric {
            name: "rocketchat_collection_storage_size_bytes",
            help: "Bytes that the file of a collection takes on the database's disk, free ones included.",
            source: "$collStats storageStats: storageSize",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |it| {
                it.of_each(|size| Some(size.storage_bytes))
            }),
        },
        Metric {
            name: "rocketchat_collection_free_size_bytes",
            help: "Bytes of the file of a collection that removed documents left, which new ones will use.",
            source: "$collStats storageStats: freeStorageSize",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |it| it.of_each(|size| size.free_bytes)),
        },
        Metric {
            name: "rocketchat_collection_index_size_bytes",
            help: "Bytes that the indexes of a collection take on the database's disk.",
            source: "$collStats storageStats: totalIndexSize",
            quantity: Quantity::Bytes,
            read: Read::By(&["collection"], |it| {
                it.of_each(|size| Some(size.index_bytes))
            }),
        },
    ],
    fields: &[],
};

//! Sizes of collections that grow, or that are known to have grown without bound.

pub mod query;

use crate::catalogue::{
    CollectorDefinition, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier, count,
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

/// The collections whose documents other collectors count by the metadata, without those that need a license or
/// exist before 3.2 only, in alphabetical order.
pub const COUNTED_COLLECTIONS: [&str; 9] = [
    "rocketchat_email_inbox",
    "rocketchat_federation_servers",
    "rocketchat_livechat_business_hours",
    "rocketchat_livechat_trigger",
    "rocketchat_livechat_visitor",
    "rocketchat_message",
    "rocketchat_notification_queue",
    "rocketchat_team",
    "users",
];

/// The sizes of existing collections.
#[derive(Debug, Clone, Default)]
pub struct Collections {
    /// In the order of [`WATCHED_COLLECTIONS`].
    pub sizes: Vec<CollectionSize>,
    /// How many documents more than its metadata say each collection has, in the order of [`COUNTED_COLLECTIONS`].
    pub deviations: Vec<(&'static str, i64)>,
}

/// The size of a collection, from `$collStats`.
#[derive(Debug, Clone)]
pub struct CollectionSize {
    /// Its name.
    pub name: &'static str,
    /// Documents by the metadata; `None` for a time series.
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
    /// The documents of a collection: those in its metadata, and how many more were counted.
    fn documents(&self, size: &CollectionSize) -> Option<u64> {
        let mut deviations = self.deviations.iter();
        let deviation = deviations.find(|(name, _)| *name == size.name);
        size.documents?
            .checked_add_signed(deviation.map_or(0, |(_, deviation)| *deviation))
    }

    fn of_each(&self, read: impl Fn(&CollectionSize) -> Option<f64>) -> Vec<Sample> {
        self.sizes
            .iter()
            .filter_map(|size| Some(Sample::of(size.name, read(size)?)))
            .collect()
    }
}

const PRIVILEGES: [Privilege; WATCHED_COLLECTIONS.len() + COUNTED_COLLECTIONS.len()] = {
    let sizes = WATCHED_COLLECTIONS.len();
    let mut privileges = [Privilege::coll_stats("").optional();
        WATCHED_COLLECTIONS.len() + COUNTED_COLLECTIONS.len()];
    let mut index = 0;
    while index < privileges.len() {
        if index < sizes {
            privileges[index].collection = Some(WATCHED_COLLECTIONS[index]);
        } else {
            privileges[index] = Privilege::find(COUNTED_COLLECTIONS[index - sizes]).optional();
        }
        index += 1;
    }
    privileges
};

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "collections",
    tier: Tier::Slow,
    rank: 2,
    privileges: &PRIVILEGES,
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Collections> = SectionDefinition {
    title: "Collections",
    metrics: &[
        Metric {
            name: "rocketchat_collection_documents",
            help: "Documents in a collection, by its metadata; corrected where rocketchat_collection_count_deviation is known.",
            source: "$collStats storageStats: count",
            quantity: Quantity::Count,
            read: Read::By(&["collection"], |collections| {
                collections.of_each(|size| count(collections.documents(size)?))
            }),
        },
        Metric {
            name: "rocketchat_collection_count_deviation",
            help: "Documents that a collection has beyond the number in its metadata, which is wrong after an unclean stop of mongod until validate; absent for collections of more than 10 million documents, which are not counted.",
            source: "index on _id, compared with the count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::By(&["collection"], |collections| {
                let deviations = collections.deviations.iter();
                deviations
                    .map(|(name, deviation)| Sample::of(*name, *deviation as f64))
                    .collect()
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

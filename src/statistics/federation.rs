//! Federation with other servers.

use super::{
    Collector, Field, Metric, Origin::Fresh, Quantity, Read, Snapshot, Table, Value, Versions,
    count,
};

/// The old federation (1.3 to 7.x).
#[derive(Debug, Clone)]
pub struct Federation {
    /// Documents of `rocketchat_federation_servers`.
    pub servers: u64,
}

pub(super) const SECTION: Table<Federation> = Table {
    collector: Collector::Federation,
    title: "Federation",
    find: |snapshot: &Snapshot| snapshot.federation.as_deref(),
    metrics: &[Metric {
        name: "rocketchat_federation_servers",
        help: "Servers that the old federation knows.",
        source: "rocketchat_federation_servers: count in the collection's metadata",
        quantity: Quantity::Count,
        read: Read::One(|federation| count(federation.servers)),
    }],
    fields: &[Field {
        path: "federatedServers",
        versions: Versions::since(1, 3, 0).until(8, 0, 0),
        meaning: "servers that the old federation knows",
        origin: Fresh(|federation| Some(Value::count(federation.servers))),
    }],
};

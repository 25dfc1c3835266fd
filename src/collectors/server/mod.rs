//! The MongoDB server of the workspace, from `serverStatus` or `buildInfo`, and the oplog.

pub mod query;

use std::time::Duration;

use crate::catalogue::FieldOrigin::{Fresh, Stored, StoredIfTrue};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, state,
};

/// Version, storage engine and oplog of the server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Version of the server that answered.
    pub version: String,
    /// Its storage engine; `unknown` without the privilege `serverStatus`, as in Rocket.Chat.
    pub storage_engine: String,
    /// Time between the oldest and the newest operation of the oplog; `None` without an oplog or the privilege to read it.
    pub oplog_window: Option<Duration>,
    /// Whether the running version of Rocket.Chat supports its line; `None` where the version or its list is not known.
    pub is_supported: Option<bool>,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "server",
    tier: Tier::Normal,
    rank: 3,
    privileges: &[
        Privilege::find("oplog.rs").in_database("local").optional(),
        Privilege::on_server("serverStatus").optional(),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Server> = SectionDefinition {
    title: "MongoDB",
    metrics: &[
        Metric {
            name: "rocketchat_mongodb_info",
            help: "Version and storage engine of the MongoDB server; the storage engine is unknown without the privilege serverStatus.",
            source: "commands serverStatus, else buildInfo",
            quantity: Quantity::Info,
            read: Read::By(&["version", "storage_engine"], |server| {
                vec![Sample {
                    labels: vec![
                        server.version.clone().into(),
                        server.storage_engine.clone().into(),
                    ],
                    value: 1.0,
                }]
            }),
        },
        Metric {
            name: "rocketchat_mongodb_supported",
            help: "Whether the MongoDB server's line is among those that the running release line of Rocket.Chat supports. Absent for a release line whose list the exporter does not know.",
            source: "the exporter's release lines, by the version; commands serverStatus, else buildInfo",
            quantity: Quantity::State,
            read: Read::One(|server| server.is_supported.map(state)),
        },
        Metric {
            name: "rocketchat_mongodb_oplog_window_seconds",
            help: "Time between the oldest and the newest operation in the oplog. A member that is down for longer needs a full resync. Absent without a replica set or the privilege find on local.oplog.rs.",
            source: "local.oplog.rs: ts of the first and the last document",
            quantity: Quantity::Seconds,
            read: Read::One(|server| Some(server.oplog_window?.as_secs_f64())),
        },
    ],
    fields: &[
        Field {
            path: "oplogEnabled",
            versions: Versions::since(0, 49, 3).until(1, 0, 3),
            meaning: "whether Rocket.Chat reads the oplog; absent if not",
            origin: StoredIfTrue,
        },
        Field {
            path: "oplogEnabled",
            versions: Versions::since(1, 0, 3).until(8, 3, 0),
            meaning: "whether Rocket.Chat reads the oplog",
            origin: Stored,
        },
        Field {
            path: "oplogEnabled",
            versions: Versions::since(8, 3, 0),
            meaning: "always false",
            origin: Fresh(|_| Some(Value::Bool(false))),
        },
        Field {
            path: "mongoVersion",
            versions: Versions::since(0, 73, 1),
            meaning: "version of the MongoDB server",
            origin: Fresh(|server| Some(Value::text(&server.version))),
        },
        Field {
            path: "mongoStorageEngine",
            versions: Versions::since(1, 0, 0),
            meaning: "storage engine of the MongoDB server, or unknown",
            origin: Fresh(|server| Some(Value::text(&server.storage_engine))),
        },
    ],
};

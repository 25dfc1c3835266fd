//! The MongoDB server that holds the workspace.

pub mod query;

use std::time::Duration;

use crate::catalogue::Origin::{Fresh, Stored, StoredIfTrue};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions,
};

/// What the server says of itself.
#[derive(Debug, Clone)]
pub struct Server {
    /// Version of the server that answered.
    pub version: String,
    /// Its storage engine, or `unknown` when `serverStatus` is not permitted, as Rocket.Chat says it.
    pub storage_engine: String,
    /// How far the oplog goes back; `None` where there is none, or it may not be looked at.
    pub oplog_window: Option<Duration>,
}

/// The MongoDB server itself.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "server",
    tier: Tier::Normal,
    rank: 3,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Server> = Table {
    title: "MongoDB",
    metrics: &[
        Metric {
            name: "rocketchat_mongodb_info",
            help: "The MongoDB server that answered; the storage engine is unknown without the privilege serverStatus.",
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
            name: "rocketchat_mongodb_oplog_window_seconds",
            help: "Time from the oldest to the newest operation in the oplog of the member that answered: a member that is away for longer has to copy everything anew. Absent without a replica set or the privilege find on local.oplog.rs.",
            source: "local.oplog.rs: ts of the first and the last document",
            quantity: Quantity::Seconds,
            read: Read::One(|server| Some(server.oplog_window?.as_secs_f64())),
        },
    ],
    fields: &[
        Field {
            path: "oplogEnabled",
            versions: Versions::since(0, 49, 3).until(1, 0, 3),
            meaning: "whether Rocket.Chat's process reads the oplog; no such field where it does not",
            origin: StoredIfTrue,
        },
        Field {
            path: "oplogEnabled",
            versions: Versions::since(1, 0, 3),
            meaning: "whether Rocket.Chat's process reads the oplog",
            origin: Stored,
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

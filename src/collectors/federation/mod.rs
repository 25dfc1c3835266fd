//! Federation with other servers: the old one (1.3 to 7.x) and Matrix.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Table, Tier, Value, Versions, count,
};

/// Servers, and the extremes among the federated rooms.
#[derive(Debug, Clone, Default)]
pub struct Federation {
    /// Documents of `rocketchat_federation_servers`: the old federation; in 1.3 its peers on other servers.
    pub servers: u64,
    /// Those of the peers that answer; `None` from 2.0 on.
    pub active_servers: Option<u64>,
    /// Servers of bridged rooms, without the workspace's own: Matrix.
    pub matrix_servers: Vec<String>,
    /// How many there are, also those that are too many to be named.
    pub matrix_server_count: u64,
    /// The federated room with the most users; `None` when there is none.
    pub biggest_room: Option<FederatedRoom>,
    /// The federated room with the fewest users.
    pub smallest_room: Option<FederatedRoom>,
}

/// A room that is federated by Matrix.
#[derive(Debug, Clone)]
pub struct FederatedRoom {
    /// Its id.
    pub id: Value,
    /// Its `fname`, else its `name`, else an empty text.
    pub name: Value,
    /// Its `usersCount`.
    pub users: Option<Value>,
}

fn room(room: Option<&FederatedRoom>) -> Option<Value> {
    Some(room.map_or(Value::Null, |room| {
        Value::object([
            ("_id", Some(room.id.clone())),
            ("name", Some(room.name.clone())),
            ("usersCount", room.users.clone()),
        ])
    }))
}

fn servers(servers: &[String], count: u64) -> Option<Value> {
    let list = servers.iter().map(Value::text).collect();
    Some(Value::object([
        ("quantity", Some(Value::count(count))),
        ("servers", Some(Value::List(list))),
    ]))
}

const MATRIX: Versions = Versions::since(6, 3, 0);

/// Federated servers.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "federation",
    tier: Tier::Normal,
    rank: 8,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Federation> = Table {
    title: "Federation",
    metrics: &[
        Metric {
            name: "rocketchat_federation_servers",
            help: "Servers that the old federation knows (1.3 to 7.x).",
            source: "rocketchat_federation_servers (before 2.0 rocketchat_federation_peers): count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|federation| count(federation.servers)),
        },
        Metric {
            name: "rocketchat_matrix_servers",
            help: "Other servers that share rooms by Matrix (6.3 to 7.x).",
            source: "rocketchat_matrix_bridged_rooms: fromServer",
            quantity: Quantity::Count,
            read: Read::One(|federation| count(federation.matrix_server_count)),
        },
    ],
    fields: &[
        Field {
            path: "federatedServers",
            versions: Versions::since(1, 3, 0).until(8, 0, 0),
            meaning: "servers that the old federation knows",
            origin: Fresh(|federation| Some(Value::count(federation.servers))),
        },
        Field {
            path: "federatedServersActive",
            versions: Versions::since(1, 3, 0).until(1, 4, 0),
            meaning: "those of them that answer",
            origin: Fresh(|federation| federation.active_servers.map(Value::count)),
        },
        Field {
            path: "matrixFederation.biggestRoom",
            versions: MATRIX,
            meaning: "the federated room with the most users, or null",
            origin: Fresh(|federation| room(federation.biggest_room.as_ref())),
        },
        Field {
            path: "matrixFederation.smallestRoom",
            versions: MATRIX,
            meaning: "the federated room with the fewest users, or null",
            origin: Fresh(|federation| room(federation.smallest_room.as_ref())),
        },
        Field {
            path: "matrixFederation.externalConnectedServers",
            versions: MATRIX.until(8, 0, 0),
            meaning: "servers of bridged rooms, without the workspace's own",
            origin: Fresh(|federation| {
                servers(&federation.matrix_servers, federation.matrix_server_count)
            }),
        },
        Field {
            path: "matrixFederation.externalConnectedServers",
            versions: Versions::since(8, 0, 0),
            meaning: "always none: these versions do not look",
            origin: Fresh(|_| servers(&[], 0)),
        },
    ],
};

//! Federation with other servers: the old one (1.3 to 7.x, `rocketchat_federation_servers`) and Matrix (`rocketchat_room`
//! with `federated`, `rocketchat_matrix_bridged_rooms`).

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, SectionDefinition, Tier, Value,
    Versions, count, count_field,
};

/// Federated servers, and the largest and smallest federated rooms.
#[derive(Debug, Clone, Default)]
pub struct Federation {
    /// Documents of `rocketchat_federation_servers`; before 2.0 remote ones of `rocketchat_federation_peers`.
    pub servers: u64,
    /// Peers with `active` true; `None` from 2.0 on.
    pub active_servers: Option<u64>,
    /// `fromServer` of bridged rooms, without the workspace's own server.
    pub matrix_servers: Vec<String>,
    /// The number of all such servers, including those not in the list.
    pub matrix_server_count: u64,
    /// The federated room with the most users.
    pub biggest_room: Option<FederatedRoom>,
    /// The federated room with the fewest users.
    pub smallest_room: Option<FederatedRoom>,
}

/// A room federated with Matrix.
#[derive(Debug, Clone)]
pub struct FederatedRoom {
    /// Its id.
    pub id: Value,
    /// Its `fname`, else its `name`, else an empty string.
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

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "federation",
    tier: Tier::Normal,
    rank: 8,
    privileges: &[
        Privilege::find("rocketchat_federation_peers").before_3_2(),
        Privilege::find("rocketchat_federation_servers"),
        Privilege::find("rocketchat_matrix_bridged_rooms"),
        Privilege::find("rocketchat_room"),
        Privilege::list_indexes("rocketchat_room"),
        Privilege::find("rocketchat_settings"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Federation> = SectionDefinition {
    title: "Federation",
    metrics: &[
        Metric {
            name: "rocketchat_federation_servers",
            help: "Servers known to the old federation (1.3 to 7.x).",
            source: "rocketchat_federation_servers (before 2.0 rocketchat_federation_peers): count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|federation| count(federation.servers)),
        },
        Metric {
            name: "rocketchat_matrix_servers",
            help: "Remote servers that share rooms through Matrix (6.3 to 7.x).",
            source: "rocketchat_matrix_bridged_rooms: fromServer",
            quantity: Quantity::Count,
            read: Read::One(|federation| count(federation.matrix_server_count)),
        },
    ],
    fields: &[
        Field {
            path: "federatedServers",
            versions: Versions::since(1, 3, 0).until(8, 0, 0),
            meaning: "servers known to the old federation",
            origin: Fresh(|federation| count_field(federation.servers)),
        },
        Field {
            path: "federatedServersActive",
            versions: Versions::since(1, 3, 0).until(1, 4, 0),
            meaning: "peers of the old federation that respond",
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
            meaning: "remote servers of bridged rooms",
            origin: Fresh(|federation| {
                servers(&federation.matrix_servers, federation.matrix_server_count)
            }),
        },
        Field {
            path: "matrixFederation.externalConnectedServers",
            versions: Versions::since(8, 0, 0),
            meaning: "always empty: these versions do not collect them",
            origin: Fresh(|_| servers(&[], 0)),
        },
    ],
};

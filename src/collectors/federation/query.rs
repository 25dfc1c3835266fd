//! Federation: servers, and the largest and smallest federated rooms.

use mongodb::bson::{Document, doc};

use super::{FederatedRoom, Federation};
use crate::catalogue::{Value, Version};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, GroupFields, QueryContext, SourceError, bson};

const ROOMS: &str = "rocketchat_room";

/// The first version with `rocketchat_federation_servers`; earlier ones have `rocketchat_federation_peers`.
const HAS_SERVERS: Version = Version::new(2, 0, 0);

pub async fn read(
    query: &mut QueryContext<'_>,
    known: &Snapshot,
) -> Result<Federation, SourceError> {
    let (servers, active_servers) = if known.version().is_none_or(|version| version >= HAS_SERVERS)
    {
        let servers = query.document_count("rocketchat_federation_servers");
        (servers.await?, None)
    } else {
        let (servers, active) = peers(query).await?;
        (servers, Some(active))
    };
    let (matrix_servers, matrix_server_count) = matrix_servers(query).await?;
    Ok(Federation {
        servers,
        active_servers,
        matrix_servers,
        matrix_server_count,
        biggest_room: extreme(query, -1).await?,
        smallest_room: extreme(query, 1).await?,
    })
}

/// Remote peers of 1.3, and the active ones among them.
async fn peers(query: &QueryContext<'_>) -> Result<(u64, u64), SourceError> {
    let remote = |active: &[bool]| {
        bson::one_where(doc! { "$and": [
            bson::finds("$isRemote", true),
            bson::finds_any("$active", active),
        ] })
    };
    let peers = query
        .tally(
            "rocketchat_federation_peers",
            [("all", remote(&[true, false])), ("active", remote(&[true]))],
        )
        .await?;
    Ok((
        bson::counted(&peers, "all"),
        bson::counted(&peers, "active"),
    ))
}

/// The names of the first remote servers, and the number of all.
async fn matrix_servers(query: &QueryContext<'_>) -> Result<(Vec<String>, u64), SourceError> {
    let own = query
        .find_one(
            "rocketchat_settings",
            doc! { "_id": "Federation_Matrix_homeserver_domain" },
            doc! { "value": bson::bounded("$value") },
        )
        .await?
        .and_then(|setting| bson::text(setting.get("value")));
    let pipeline = vec![
        doc! { "$match": { "fromServer": { "$type": "string", "$ne": own } } },
        doc! { "$group": { "_id": "$fromServer" } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let servers = GroupFields {
        what: "servers",
        keys: &[],
        sums: &[],
    };
    let groups = query
        .groups("rocketchat_matrix_bridged_rooms", pipeline, None, &servers)
        .await?;
    let names = groups.first.iter();
    let names: Vec<String> = names
        .filter_map(|group| bson::text(group.get("_id")))
        .collect();
    let others = groups
        .others
        .map_or(0, |others| bson::counted(&others, "groups"));
    let count = names.len() as u64 + others;
    Ok((names, count))
}

/// The first federated room by `usersCount`, in an order.
async fn extreme(
    query: &mut QueryContext<'_>,
    order: i32,
) -> Result<Option<FederatedRoom>, SourceError> {
    let Access::Granted(hint) = query.access(ROOMS, "federated").await? else {
        return Ok(None);
    };
    let pipeline = vec![
        doc! { "$match": { "federated": true } },
        doc! { "$sort": { "usersCount": order } },
        doc! { "$limit": 1 },
        doc! { "$project": {
            "_id": bson::bounded("$_id"),
            "fname": bson::bounded("$fname"),
            "name": bson::bounded("$name"),
            "usersCount": bson::bounded("$usersCount"),
        } },
    ];
    let rooms = query.aggregate(ROOMS, pipeline, hint).await?;
    Ok(rooms.first().map(room))
}

fn room(room: &Document) -> FederatedRoom {
    let text = |key| bson::text(room.get(key)).filter(|text| !text.is_empty());
    FederatedRoom {
        id: room.get("_id").and_then(bson::value).unwrap_or(Value::Null),
        name: Value::text(text("fname").or_else(|| text("name")).unwrap_or_default()),
        users: room.get("usersCount").and_then(bson::value),
    }
}

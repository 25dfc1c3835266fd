//! Connections: `usersSessions` with a connection to a live instance, and the type of each account.
//!
//! Accounts are counted by id in batches: `$lookup` queries each one, which costs mongod four times as much.

use std::mem;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::Connections;
use crate::collectors::instances;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

pub async fn read(
    query: &mut QueryContext<'_>,
    known: &Snapshot,
) -> Result<Connections, SourceError> {
    let instances = instances::query::read(query, known).await?;
    let live: Vec<Bson> = instances
        .live()
        .map(|instance| Bson::String(instance.id.clone()))
        .collect();
    let mut read = Connections {
        people: 0,
        connections: 0,
    };
    let mut ids = Vec::new();
    let mut sessions = query
        .stream("usersSessions", sessions(&live), BATCH)
        .await?;
    while let Some(mut session) = sessions.next().await? {
        let connections = bson::counted(&session, "connections");
        read.connections += connections;
        // The filter also finds ids of instances in lists, which are no connections.
        ids.extend(session.remove("_id").filter(|_| connections > 0));
        if ids.len() == MAX_IDS {
            read.people += people(query, mem::take(&mut ids)).await?;
        }
    }
    read.people += people(query, ids).await?;
    Ok(read)
}

/// Sessions in one reply of the server.
const BATCH: u32 = 1_000;

/// Accounts in one query.
const MAX_IDS: usize = 2_000;

/// Sessions with a connection to a live instance: the account's id, and the number of such connections.
fn sessions(live: &[Bson]) -> Vec<Document> {
    let connections = doc! { "$cond": [{ "$isArray": "$connections" }, "$connections", []] };
    vec![
        doc! { "$match": { "connections.instanceId": { "$in": live } } },
        doc! { "$project": { "_id": bson::bounded("$_id"), "connections": { "$size": { "$filter": {
            "input": connections,
            "cond": { "$in": ["$$this.instanceId", live] },
        } } } } },
    ]
}

/// The number of these accounts that exist and are neither bots nor apps.
async fn people(query: &QueryContext<'_>, ids: Vec<Bson>) -> Result<u64, SourceError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let filter = doc! { "_id": { "$in": ids }, "type": { "$nin": ["bot", "app"] } };
    let by_id = Hint::Name("_id_".to_owned());
    let count = query.count("users", filter, Some(by_id)).await?;
    Ok(count.unwrap_or_default())
}

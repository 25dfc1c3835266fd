//! Connections: the sessions that have one to a live instance, and the kind of account behind each.
//!
//! The accounts are counted by their ids, a few thousand at a time: `$lookup` would ask for each by itself, which costs
//! mongod four times as much.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::question::ONE_REPLY;
use super::{Question, convert, instances};
use crate::sources::SourceError;
use crate::statistics::Connections;

pub async fn read(question: &Question<'_>) -> Result<Connections, SourceError> {
    let instances = instances::read(question).await?;
    let live: Vec<Bson> = instances
        .live()
        .map(|instance| Bson::String(instance.id.clone()))
        .collect();
    let mut read = Connections {
        people: 0,
        connections: 0,
    };
    let mut after = None;
    loop {
        let sessions = sessions(question, &live, after).await?;
        read.connections += sessions
            .iter()
            .map(|session| convert::counted(session, "connections"))
            .sum::<u64>();
        let is_last = sessions.len() < PAGE;
        let ids: Vec<Bson> = sessions
            .iter()
            .filter_map(|it| it.get("_id").cloned())
            .collect();
        after = ids.last().cloned();
        read.people += people(question, ids).await?;
        if is_last {
            return Ok(read);
        }
    }
}

/// Sessions that are read at once.
const PAGE: usize = ONE_REPLY as usize;

/// The next sessions with a connection to a live instance: whose they are, and how many such connections they have.
async fn sessions(
    question: &Question<'_>,
    live: &[Bson],
    after: Option<Bson>,
) -> Result<Vec<Document>, SourceError> {
    let mut filter = doc! { "connections.instanceId": { "$in": live } };
    if let Some(after) = after {
        filter.insert("_id", doc! { "$gt": after });
    }
    let connections = doc! { "$cond": [{ "$isArray": "$connections" }, "$connections", []] };
    let pipeline = vec![
        doc! { "$match": filter },
        doc! { "$project": { "connections": { "$size": { "$filter": {
            "input": connections,
            "cond": { "$in": ["$$this.instanceId", live] },
        } } } } },
        doc! { "$sort": { "_id": 1 } },
        doc! { "$limit": i64::from(ONE_REPLY) },
    ];
    question.aggregate("usersSessions", pipeline, None).await
}

/// How many of these accounts exist and are neither bots nor apps.
async fn people(question: &Question<'_>, ids: Vec<Bson>) -> Result<u64, SourceError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let filter = doc! { "_id": { "$in": ids }, "type": { "$nin": ["bot", "app"] } };
    let by_id = Hint::Name("_id_".to_owned());
    let count = question.count("users", filter, Some(by_id)).await?;
    Ok(count.unwrap_or_default())
}

//! Connections: the sessions that have one to a live instance, and the kind of account behind each.

use mongodb::bson::{Bson, doc};

use super::{Question, convert, instances};
use crate::sources::SourceError;
use crate::statistics::Connections;

pub async fn read(question: &Question<'_>) -> Result<Connections, SourceError> {
    let instances = instances::read(question).await?;
    let live: Vec<Bson> = instances
        .live()
        .map(|instance| Bson::String(instance.id.clone()))
        .collect();
    let connections = doc! { "$cond": [{ "$isArray": "$connections" }, "$connections", []] };
    let pipeline = vec![
        doc! { "$match": { "connections.instanceId": { "$in": &live } } },
        doc! { "$project": { "connections": { "$size": { "$filter": {
            "input": connections,
            "cond": { "$in": ["$$this.instanceId", &live] },
        } } } } },
        doc! { "$lookup": {
            "from": "users",
            "let": { "id": "$_id" },
            "pipeline": [
                { "$match": { "$expr": { "$eq": ["$_id", "$$id"] } } },
                { "$project": { "type": 1 } },
            ],
            "as": "account",
        } },
        doc! { "$group": {
            "_id": Bson::Null,
            "connections": { "$sum": "$connections" },
            "people": { "$sum": convert::one_where(doc! { "$and": [
                { "$ne": ["$account", []] },
                { "$not": [{ "$in": [{ "$first": "$account.type" }, ["bot", "app"]] }] },
            ] }) },
        } },
    ];
    let sums = question.aggregate("usersSessions", pipeline, None).await?;
    let sums = sums.into_iter().next().unwrap_or_default();
    Ok(Connections {
        people: convert::counted(&sums, "people"),
        connections: convert::counted(&sums, "connections"),
    })
}

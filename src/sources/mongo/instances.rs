//! Instances: every record of a collection that holds one for each running process.

use mongodb::bson::{Document, doc};

use super::{Question, convert};
use crate::clock::Clock;
use crate::sources::SourceError;
use crate::statistics::{Instance, Instances};

/// More processes than any workspace has; a bound on what is read and exposed, not a limit to meet.
const MOST: i64 = 1000;

pub async fn read(question: &Question<'_>) -> Result<Instances, SourceError> {
    let pipeline = vec![
        doc! { "$sort": { "_updatedAt": -1 } },
        doc! { "$limit": MOST },
        doc! { "$project": {
            "pid": 1,
            "_createdAt": 1,
            "_updatedAt": 1,
            "extraInformation.host": 1,
            "extraInformation.port": 1,
            "extraInformation.nodeVersion": 1,
            "extraInformation.conns": 1,
            "now": "$$NOW",
        } },
    ];
    let records = question.aggregate("instances", pipeline, None).await?;
    // Heartbeats are written with the database's clock, so they are judged by it and not by this machine's.
    let own = question.mongo.clock.own();
    let told = records
        .first()
        .and_then(|it| convert::timestamp(it.get("now")));
    let now = match (own, told) {
        (Clock::System, Some(told)) => told,
        _ => question.now().await?,
    };
    Ok(Instances {
        now,
        here: own.now(),
        records: records.iter().map(instance).collect(),
    })
}

fn instance(record: &Document) -> Instance {
    let empty = Document::new();
    let extra = record.get_document("extraInformation").unwrap_or(&empty);
    let text = |key| convert::text(extra.get(key));
    Instance {
        id: match record.get("_id") {
            Some(mongodb::bson::Bson::String(id)) => id.clone(),
            Some(id) => id.to_string(),
            None => String::new(),
        },
        pid: convert::count(record.get("pid")),
        created_at: convert::timestamp(record.get("_createdAt")),
        heartbeat: convert::timestamp(record.get("_updatedAt")),
        address: match (text("host"), text("port")) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, port) => host.or(port).unwrap_or_default(),
        },
        node_version: text("nodeVersion"),
        connections: convert::count(extra.get("conns")),
    }
}

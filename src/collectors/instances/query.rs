//! Instances: the newest records of `instances`, and the sums of all others.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{Instance, Instances, LIVE_FOR, OtherInstances};
use crate::catalogue::Timestamp;
use crate::clock::Clock;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

/// Maximum number of records that are shown individually; others are added up.
const MAX_RECORDS: usize = 1_000;

const COLLECTION: &str = "instances";

/// Strings of any length that become labels.
const TEXTS: [&str; 4] = [
    "$_id",
    "$extraInformation.host",
    "$extraInformation.port",
    "$extraInformation.nodeVersion",
];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Instances, SourceError> {
    let most = i64::try_from(MAX_RECORDS).expect("it is small");
    let newest_first = doc! { "$sort": { "_updatedAt": -1, "_id": 1 } };
    let pipeline = vec![
        newest_first.clone(),
        doc! { "$limit": most + 1 },
        doc! { "$project": {
            "_id": bson::bounded("$_id"),
            "pid": bson::if_number("$pid"),
            "_createdAt": bson::bounded("$_createdAt"),
            "_updatedAt": bson::bounded("$_updatedAt"),
            "host": bson::bounded("$extraInformation.host"),
            "port": bson::bounded("$extraInformation.port"),
            "nodeVersion": bson::bounded("$extraInformation.nodeVersion"),
            "conns": bson::if_number("$extraInformation.conns"),
            "isLong": bson::is_any_long(&TEXTS),
            "now": "$$NOW",
        } },
    ];
    let mut records = query.aggregate(COLLECTION, pipeline, None).await?;
    // Heartbeats are written with the database's clock, so they are compared with it.
    let own = query.mongo.clock.own();
    let server_now = records
        .first()
        .and_then(|record| bson::timestamp(record.get("now")));
    let now = match (own, server_now) {
        (Clock::System, Some(server_now)) => server_now,
        _ => query.now().await?,
    };
    let mut others = OtherInstances::default();
    if records.len() > MAX_RECORDS {
        records.truncate(MAX_RECORDS);
        let pipeline = vec![newest_first, doc! { "$skip": most }, sums(now)];
        let sums = query.aggregate(COLLECTION, pipeline, None).await?;
        if let Some(sums) = sums.first() {
            others = of_others(sums);
        }
        query.left_out("instances", others.records);
    }
    let is_long = |record: &&Document| record.get_bool("isLong").unwrap_or(false);
    let long = records.iter().filter(is_long).count() as u64;
    query.left_out("long_values", long);
    Ok(Instances {
        now,
        here: own.now(),
        records: records.iter().map(instance).collect(),
        others,
    })
}

/// The stage that adds up the other records.
fn sums(now: Timestamp) -> Document {
    let live_for = i64::try_from(LIVE_FOR.as_millis()).expect("it is a minute");
    let at = |milliseconds: i64| DateTime::from_millis(now.0.saturating_add(milliseconds));
    let is_date = doc! { "$eq": [{ "$type": "$_updatedAt" }, "date"] };
    let is_live = doc! { "$and": [
        is_date.clone(),
        { "$gte": ["$_updatedAt", at(-live_for)] },
        { "$lte": ["$_updatedAt", at(live_for)] },
    ] };
    let is_ahead = doc! { "$and": [is_date, { "$gt": ["$_updatedAt", at(live_for)] }] };
    let connections = "$extraInformation.conns";
    let connections = doc! { "$cond": [
        { "$and": [{ "$isNumber": connections }, { "$gte": [connections, 0] }, { "$lt": [connections, 9.0e15] }] },
        connections,
        0,
    ] };
    doc! { "$group": {
        "_id": Bson::Null,
        "records": { "$sum": 1 },
        "live": { "$sum": bson::one_where(is_live.clone()) },
        "inFuture": { "$sum": bson::one_where(is_ahead) },
        "connections": { "$sum": connections.clone() },
        "liveConnections": { "$sum": { "$cond": [is_live, connections, 0] } },
    } }
}

fn of_others(sums: &Document) -> OtherInstances {
    OtherInstances {
        records: bson::counted(sums, "records"),
        live: bson::counted(sums, "live"),
        in_future: bson::counted(sums, "inFuture"),
        connections: bson::counted(sums, "connections"),
        live_connections: bson::counted(sums, "liveConnections"),
    }
}

fn instance(record: &Document) -> Instance {
    let text = |key| bson::text(record.get(key));
    Instance {
        id: record.get("_id").map(id).unwrap_or_default(),
        pid: bson::count(record.get("pid")),
        created_at: bson::timestamp(record.get("_createdAt")),
        heartbeat: bson::timestamp(record.get("_updatedAt")),
        address: match (text("host"), text("port")) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, port) => host.or(port).unwrap_or_default(),
        },
        node_version: text("nodeVersion"),
        connections: bson::count(record.get("conns")),
    }
}

/// An id as a string. Rocket.Chat's ids are strings; others name their type, so that 1 and "1" differ.
fn id(id: &Bson) -> String {
    match id {
        Bson::String(id) => id.clone(),
        Bson::ObjectId(_) => id.to_string(),
        other => format!("{other} ({:?})", other.element_type()),
    }
}

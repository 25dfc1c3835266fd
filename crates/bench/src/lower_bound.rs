//! The lower bound: the cheapest queries for the values that the exporter shows. Each collection whose documents must be
//! examined is scanned once, by a count that no index can answer; everything else counts index entries or reads the end of
//! an index.
//!
//! Like the exporter's tiers, the three lists run in parallel, with one query at a time in each.

use anyhow::Result;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use crate::operation::{Operation, count, find, first};
use crate::rocketchat::last_month;

const MESSAGES: &str = "rocketchat_message";

/// Message types that are counted by the index on `t`.
const TYPES_OF_MESSAGES: [&str; 5] = [
    "e2e",
    "voip-call-wrapup",
    "voip-call-ended-unexpectedly",
    "voip-call-on-hold",
    "omnichannel_placed_chat_on_hold",
];

/// The prefix of each query's comment, before the name of the collector that needs it.
pub(crate) const COMMENT: &str = "lower-bound ";

/// A query of the lower bound.
pub(crate) struct Step {
    tier: &'static str,
    operation: Operation,
}

/// Extends a filter so that no index can answer it and the server must examine every document.
fn examined(mut filter: Document) -> Document {
    filter.insert("lowerBoundOfTheBenchmark", doc! { "$exists": false });
    filter
}

/// All queries, in the order of the tiers.
pub(crate) fn steps(now: DateTime) -> Vec<Step> {
    let tiers = [("fast", fast()), ("normal", normal()), ("slow", slow(now))];
    let steps = tiers.into_iter().flat_map(|(tier, operations)| {
        operations
            .into_iter()
            .map(move |(collector, operation)| Step {
                tier,
                operation: operation.with_comment(format!("{COMMENT}{collector}")),
            })
    });
    steps.collect()
}

fn fast() -> Vec<(&'static str, Operation)> {
    let not_offline = || doc! { "$in": ["online", "away", "busy"] };
    let connected = doc! { "statusConnection": not_offline() };
    vec![
        ("instances", find("instances", doc! {}, doc! {})),
        ("presence", count("users", doc! { "status": not_offline() })),
        ("presence", count("users", connected)),
    ]
}

fn normal() -> Vec<(&'static str, Operation)> {
    let agents = doc! { "roles": "livechat-agent" };
    let managers = doc! { "roles": "livechat-manager" };
    let open = doc! { "open": true };
    let heads_of_threads = doc! { "tcount": { "$gte": f64::NEG_INFINITY } };
    let with_connections = examined(doc! { "connections.instanceId": { "$gt": "" } });
    let newest = |collection, field: &str| first(collection, doc! {}, doc! { field: -1 });
    vec![
        ("stored", newest("rocketchat_statistics", "createdAt")),
        ("activity", newest("users", "lastLogin")),
        ("activity", newest(MESSAGES, "ts")),
        ("activity", newest("rocketchat_subscription", "ls")),
        ("connections", count("usersSessions", with_connections)),
        ("messages", count(MESSAGES, heads_of_threads)),
        ("omnichannel", count("users", agents)),
        ("omnichannel", count("users", managers)),
        ("omnichannel", count("rocketchat_room", open)),
        ("rooms", count("rocketchat_room", examined(doc! {}))),
    ]
}

fn slow(now: DateTime) -> Vec<(&'static str, Operation)> {
    let starred = examined(doc! { "starred._id": { "$exists": true } });
    let pinned = examined(doc! { "pinned": true });
    let conversations = examined(doc! { "t": "l" });
    let contacts = "rocketchat_livechat_contact";
    let rows = examined(last_month(now));
    let with_language = doc! { "language": { "$gt": "" } };
    let mut operations = vec![
        ("marks", count(MESSAGES, starred)),
        ("marks", count(MESSAGES, pinned)),
    ];
    operations.extend(TYPES_OF_MESSAGES.map(|kind| ("marks", count(MESSAGES, doc! { "t": kind }))));
    operations.extend([
        ("contacts", count("rocketchat_room", conversations)),
        ("contacts", count(contacts, examined(doc! {}))),
        ("uploads", count("rocketchat_uploads", examined(doc! {}))),
        ("user_features", count("users", examined(doc! {}))),
        ("user_features", count("users", with_language)),
        ("sessions", count("rocketchat_sessions", rows)),
    ]);
    operations
}

/// Sends all queries.
pub(crate) async fn run(steps: &[Step], database: &Database) -> Result<()> {
    let (fast, normal, slow) = tokio::join!(
        run_tier(steps, "fast", database),
        run_tier(steps, "normal", database),
        run_tier(steps, "slow", database),
    );
    fast.and(normal).and(slow)
}

async fn run_tier(steps: &[Step], tier: &str, database: &Database) -> Result<()> {
    for step in steps.iter().filter(|step| step.tier == tier) {
        step.operation.run(database).await?;
    }
    Ok(())
}

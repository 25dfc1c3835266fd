//! The 48 read queries of a refresh of Rocket.Chat 3.4.0, as the profiler recorded them.

use mongodb::bson::{DateTime, doc};

use super::message_counters;
use super::periods::{self, Period};
use crate::operation::{Operation, count, find, first, pipeline};

/// Settings that its statistics read from the database instead of its cache.
const SETTINGS: [&str; 9] = [
    "uniqueID",
    "Organization_Type",
    "Industry",
    "Size",
    "Country",
    "Website",
    "Language",
    "Server_Type",
    "Register_Server",
];

pub(super) fn operations(now: DateTime) -> Vec<Operation> {
    let mut operations: Vec<Operation> = SETTINGS
        .iter()
        .map(|id| find("rocketchat_settings", doc! { "_id": *id }, doc! {}))
        .collect();
    let active =
        doc! { "active": true, "type": { "$nin": ["app"] }, "roles": { "$ne": ["guest"] } };
    let mut remote = active.clone();
    remote.insert("isRemote", true);
    let guests = doc! {
        "active": true, "type": { "$nin": ["app"] }, "roles": { "$eq": "guest", "$size": 1 },
        "isRemote": { "$ne": true },
    };
    for filter in [
        doc! {},
        active,
        remote,
        guests,
        doc! { "active": false },
        doc! { "type": "app" },
        doc! { "statusConnection": "online" },
        doc! { "statusConnection": "away" },
        doc! { "roles": "livechat-agent" },
        doc! { "isRemote": true },
    ] {
        operations.push(count("users", filter));
    }
    for filter in [
        doc! {},
        doc! { "t": "c" },
        doc! { "t": "p" },
        doc! { "t": "d" },
        doc! { "t": "l" },
        doc! { "prid": { "$exists": true } },
    ] {
        operations.push(count("rocketchat_room", filter));
    }
    operations.push(count(
        "rocketchat_message",
        doc! { "tcount": { "$exists": true } },
    ));
    operations.push(count("rocketchat_livechat_visitor", doc! {}));
    operations.extend(message_counters());
    operations.push(count("rocketchat_federation_room_events", doc! {}));
    operations.push(count("rocketchat_federation_servers", doc! {}));
    operations.push(first("users", doc! {}, doc! { "lastLogin": -1 }));
    operations.push(first("rocketchat_message", doc! {}, doc! { "ts": -1 }));
    operations.push(first("rocketchat_subscription", doc! {}, doc! { "ls": -1 }));
    operations.push(count("rocketchat_uploads", doc! {}));
    operations.push(pipeline(
        "rocketchat_uploads",
        vec![doc! { "$group": { "_id": "total", "total": { "$sum": "$size" } } }],
    ));
    operations.push(find("migrations", doc! { "_id": "control" }, doc! {}));
    operations.push(count(
        "instances",
        doc! { "_updatedAt": { "$gt": DateTime::from_millis(0) } },
    ));
    operations.extend(periods::operations(
        now,
        &[Period::Yesterday, Period::LastMonth],
    ));
    operations.push(find("rocketchat_integrations", doc! {}, doc! {}));
    operations.push(count("rocketchat_notification_queue", doc! {}));
    operations
}

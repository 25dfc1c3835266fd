//! The queries of 6.2, which are known to be slow: counts of messages by type have no index (`t` got one in 6.4), and
//! each login service is counted by fetching every active user.
//!
//! Only queries whose cost grows with the workspace are listed individually; settings, which 6.2 caches, are omitted.

use mongodb::bson::{DateTime, Document, doc};

use super::message_counters;
use super::periods::{self, Period};
use crate::operation::{
    Operation, count, count_documents, count_stages, find, first, pipeline, pipeline_without_index,
};

/// Login services, each with its own count.
const SERVICES: [&str; 17] = [
    "ldap",
    "saml",
    "cas",
    "apple",
    "dolphin",
    "drupal",
    "facebook",
    "github",
    "github_enterprise",
    "gitlab",
    "google",
    "linkedin",
    "meteor",
    "nextcloud",
    "tokenpass",
    "twitter",
    "wordpress",
];

/// Message types that are counted, and those whose rooms are counted.
const MESSAGES_OF_TYPE: [&str; 3] = ["e2e", "voip-call-wrapup", "voip-call-ended-unexpectedly"];
const ROOMS_WITH_TYPE: [&str; 2] = ["omnichannel_placed_chat_on_hold", "voip-call-on-hold"];

/// Collections that are small or counted by metadata.
const SMALL: [&str; 9] = [
    "rocketchat_livechat_visitor",
    "rocketchat_livechat_department",
    "rocketchat_livechat_trigger",
    "rocketchat_livechat_custom_field",
    "rocketchat_federation_servers",
    "rocketchat_uploads",
    "rocketchat_notification_queue",
    "rocketchat_team",
    "rocketchat_invites",
];

pub(super) fn operations(now: DateTime) -> Vec<Operation> {
    let mut operations = users();
    operations.extend(rooms());
    operations.extend(message_counters());
    operations.extend(messages());
    operations.extend(SMALL.map(|collection| count(collection, doc! {})));
    operations.push(first("users", doc! {}, doc! { "lastLogin": -1 }));
    operations.push(first("rocketchat_message", doc! {}, doc! { "ts": -1 }));
    operations.push(first("rocketchat_subscription", doc! {}, doc! { "ls": -1 }));
    operations.push(pipeline(
        "rocketchat_uploads",
        vec![doc! { "$group": { "_id": "total", "total": { "$sum": "$size" } } }],
    ));
    operations.push(find("migrations", doc! { "_id": "control" }, doc! {}));
    operations.extend(periods::operations(
        now,
        &[Period::Yesterday, Period::LastWeek, Period::LastMonth],
    ));
    for (kind, status) in [
        ("videoconference", 1),
        ("videoconference", 3),
        ("direct", 0),
        ("direct", 1),
        ("direct", 3),
        ("livechat", 1),
        ("livechat", 3),
    ] {
        let filter = doc! { "type": kind, "status": status };
        operations.push(count("rocketchat_video_conference", filter));
    }
    operations.push(find(
        "rocketchat_integrations",
        doc! {},
        doc! { "type": 1, "enabled": 1, "scriptEnabled": 1 },
    ));
    operations
}

fn users() -> Vec<Operation> {
    let person =
        doc! { "active": true, "type": { "$nin": ["app"] }, "roles": { "$ne": ["guest"] } };
    let with = |field: &str, condition: Document| {
        let mut filter = person.clone();
        filter.insert(field, condition);
        filter
    };
    let guests = doc! {
        "active": true, "type": { "$nin": ["app"] }, "roles": { "$eq": "guest", "$size": 1 },
        "isRemote": { "$ne": true },
    };
    let mut filters = vec![
        doc! {},
        person.clone(),
        with("isRemote", doc! { "$eq": true }),
        with("federated", doc! { "$eq": true }),
        guests,
        doc! { "active": false },
        doc! { "type": "app" },
        doc! { "status": "online" },
        doc! { "status": "away" },
        doc! { "status": "busy" },
        doc! { "roles": "livechat-agent" },
        doc! { "roles": "livechat-manager" },
        doc! { "isRemote": true },
        doc! { "extension": { "$exists": true } },
        doc! { "active": true, "services.totp.enabled": true },
        doc! { "active": true, "services.email2fa.enabled": true },
    ];
    // 6.2 had an index on `extension`, which 7.7.1 lacks.
    filters.retain(|filter| !filter.contains_key("extension"));
    filters
        .extend(SERVICES.map(|name| with(&format!("services.{name}"), doc! { "$exists": true })));
    let mut operations: Vec<Operation> = filters
        .into_iter()
        .map(|filter| count_documents("users", filter))
        .collect();
    operations.push(pipeline(
        "users",
        vec![
            doc! { "$match": { "language": { "$exists": true, "$ne": "" } } },
            doc! { "$group": { "_id": "$language", "total": { "$sum": 1 } } },
        ],
    ));
    operations
}

fn rooms() -> Vec<Operation> {
    let mut operations = vec![
        count_documents("rocketchat_room", doc! {}),
        count_documents("rocketchat_room", doc! { "t": "v" }),
        pipeline(
            "rocketchat_room",
            vec![
                doc! { "$match": { "source": { "$exists": true }, "t": "l" } },
                doc! { "$group": { "_id": "$source", "count": { "$sum": 1 } } },
            ],
        ),
    ];
    let inside = doc! { "teamId": { "$exists": true }, "teamMain": { "$exists": false } };
    let mut joined = inside.clone();
    joined.insert("teamDefault", true);
    for filter in [
        doc! { "t": "c" },
        doc! { "t": "p" },
        doc! { "t": "d" },
        doc! { "t": "l" },
        doc! { "prid": { "$exists": true } },
        inside,
        joined,
        doc! { "broadcast": true },
        doc! { "encrypted": true },
    ] {
        operations.push(count("rocketchat_room", filter));
    }
    operations
}

fn messages() -> Vec<Operation> {
    const COLLECTION: &str = "rocketchat_message";
    let in_rooms = |filter: Document| {
        vec![
            doc! { "$match": filter },
            doc! { "$group": { "_id": "$rid" } },
            doc! { "$group": { "_id": null, "total": { "$sum": 1 } } },
        ]
    };
    let pinned = doc! { "pinned": true };
    let starred = doc! { "starred._id": { "$exists": true } };
    let mut operations = vec![
        count_documents(COLLECTION, doc! { "tcount": { "$exists": true } }),
        pipeline(COLLECTION, in_rooms(starred)),
        pipeline(COLLECTION, in_rooms(pinned)),
        count(
            COLLECTION,
            doc! { "t": { "$ne": "rm" }, "_hidden": { "$ne": true }, "pinned": true },
        ),
        count(
            COLLECTION,
            doc! { "_hidden": { "$ne": true }, "starred._id": { "$exists": true } },
        ),
    ];
    operations.extend(
        MESSAGES_OF_TYPE
            .map(|kind| pipeline_without_index(COLLECTION, count_stages(doc! { "t": kind }))),
    );
    operations.extend(
        ROOMS_WITH_TYPE
            .map(|kind| pipeline_without_index(COLLECTION, in_rooms(doc! { "t": kind }))),
    );
    operations
}

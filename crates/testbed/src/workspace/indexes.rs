//! The indexes of Rocket.Chat 9.0 that matter to queries of statistics.

use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};

/// Indexes by collection. Keys are ascending unless prefixed with `-`.
const PLAIN: &[(&str, &[&str])] = &[
    (
        "users",
        &[
            "name",
            "createdAt",
            "lastLogin",
            "status",
            "statusText",
            "type",
            "services.saml.inResponseTo",
        ],
    ),
    (
        "rocketchat_room",
        &[
            "t,ts",
            "ts",
            "u._id",
            "servedBy._id,departmentId,t,open,-ts",
        ],
    ),
    (
        "rocketchat_message",
        &[
            "ts",
            "rid,ts,_updatedAt",
            "rid,t,u._id",
            "u._id",
            "rid,tcount",
        ],
    ),
    (
        "rocketchat_subscription",
        &[
            "ls",
            "ts",
            "open",
            "alert",
            "prid",
            "rid,ls",
            "rid,u._id,open",
            "rid,u.username",
            "rid,roles",
            "u._id,name,t",
            "name,t",
        ],
    ),
    (
        "rocketchat_uploads",
        &["-uploadedAt", "rid,_hidden,typeGroup"],
    ),
    (
        "rocketchat_sessions",
        &[
            "-createdAt",
            "-loginAt",
            "userId,sessionId",
            "type,year,month,day",
        ],
    ),
    // Rocket.Chat's expires documents after 365 days; tests insert older ones.
    ("rocketchat_statistics", &["createdAt"]),
    ("rocketchat_notification_queue", &["uid"]),
    ("rocketchat_integrations", &["type"]),
    (
        "rocketchat_video_conference",
        &["rid,createdAt", "type,status", "discussionRid"],
    ),
    ("rocketchat_livechat_visitor", &["token", "username"]),
    ("rocketchat_livechat_contact", &["channels", "unknown"]),
    (
        "rocketchat_livechat_inquiry",
        &["rid", "name", "ts", "department", "status", "v._id"],
    ),
    (
        "rocketchat_livechat_department",
        &["name", "numAgents,enabled"],
    ),
    ("rocketchat_team_member", &["teamId"]),
    ("rocketchat_analytics", &["date"]),
    ("rocketchat_permissions", &["level,settingId"]),
];

const SPARSE: &[(&str, &[&str])] = &[
    (
        "users",
        &[
            "roles",
            "__rooms",
            "statusConnection",
            "appId",
            "federated",
            "federation",
            "isRemote",
            "statusLivechat",
            "language",
            "active,services.email2fa.enabled",
            "active,services.totp.enabled",
            "importIds",
        ],
    ),
    (
        "rocketchat_room",
        &[
            "prid",
            "fname",
            "uids",
            "encrypted",
            "broadcast",
            "teamId,teamDefault",
            "federated",
            "source",
            "open",
            "departmentId",
            "closedAt",
            "servedBy",
            "v._id",
            "default",
            "priorityId",
            "slaId",
            "pdfTranscriptFileId",
        ],
    ),
    (
        "rocketchat_message",
        &[
            "pinned",
            "starred._id",
            "tcount,tlm",
            "tmid",
            "t",
            "editedAt",
            "drid",
            "file._id",
            "mentions.username",
        ],
    ),
    ("rocketchat_uploads", &["name", "rid", "expiresAt"]),
    (
        "rocketchat_notification_queue",
        &["schedule", "sending", "error"],
    ),
    (
        "rocketchat_livechat_contact",
        &["channels.blocked", "channels.verified", "activity"],
    ),
    (
        "rocketchat_livechat_department",
        &["type", "parentId", "archived"],
    ),
    (
        "usersSessions",
        &["connections.instanceId", "connections.id"],
    ),
];

const UNIQUE: &[(&str, &[&str])] = &[
    (
        "users",
        &[
            "username",
            "emails.address",
            "services.resume.loginTokens.hashedToken",
            "sipExtension",
        ],
    ),
    ("rocketchat_room", &["name"]),
    ("rocketchat_subscription", &["rid,u._id"]),
    ("rocketchat_cron_history", &["intendedAt,name"]),
    ("rocketchat_team", &["name"]),
    ("rocketchat_team_member", &["teamId,userId"]),
];

/// TTL indexes: collection, date field, and seconds after which documents expire.
const EXPIRING: &[(&str, &str, u64)] = &[
    ("instances", "_updatedAt", 60),
    ("rocketchat_sessions", "_computedAt", 45 * 86_400),
    ("rocketchat_notification_queue", "ts", 2 * 3_600),
    ("rocketchat_message", "expireAt", 0),
];

pub(super) async fn create(database: &Database) -> Result<()> {
    let mut models: Vec<(&str, IndexModel)> = Vec::new();
    for (collection, keys) in flatten(PLAIN) {
        models.push((collection, model(keys, IndexOptions::default())));
    }
    for (collection, keys) in flatten(SPARSE) {
        models.push((
            collection,
            model(keys, IndexOptions::builder().sparse(true).build()),
        ));
    }
    for (collection, keys) in flatten(UNIQUE) {
        // Unique keys of a single field are on optional fields, so they are sparse.
        let sparse = !keys.contains(',');
        models.push((
            collection,
            model(
                keys,
                IndexOptions::builder().unique(true).sparse(sparse).build(),
            ),
        ));
    }
    for &(collection, key, seconds) in EXPIRING {
        let expiry = Duration::from_secs(seconds);
        models.push((
            collection,
            model(key, IndexOptions::builder().expire_after(expiry).build()),
        ));
    }
    let seen = doc! { "active": true, "lastLogin": { "$exists": true } };
    let options = IndexOptions::builder()
        .partial_filter_expression(seen)
        .build();
    models.push(("users", model("active,lastLogin", options)));
    let conversations = doc! { "v.activity": { "$exists": true }, "t": "l" };
    let options = IndexOptions::builder()
        .partial_filter_expression(conversations)
        .build();
    models.push(("rocketchat_room", model("v.activity,ts", options)));
    build(database, models).await
}

fn flatten<'a>(table: &'a [(&'a str, &'a [&'a str])]) -> impl Iterator<Item = (&'a str, &'a str)> {
    table
        .iter()
        .flat_map(|(collection, indexes)| indexes.iter().map(move |keys| (*collection, *keys)))
}

fn model(keys: &str, options: IndexOptions) -> IndexModel {
    let keys: Document = keys
        .split(',')
        .map(|key| match key.strip_prefix('-') {
            Some(key) => (key.to_owned(), (-1).into()),
            None => (key.to_owned(), 1.into()),
        })
        .collect();
    // Index names are MongoDB's defaults, such as `field_1`, as in Rocket.Chat.
    IndexModel::builder().keys(keys).options(options).build()
}

/// Creates all indexes of a collection with one command, because the server scans the collection once per command.
async fn build(database: &Database, mut models: Vec<(&str, IndexModel)>) -> Result<()> {
    models.sort_by_key(|(collection, _)| *collection);
    for group in models.chunk_by(|(left, _), (right, _)| left == right) {
        let collection = group[0].0;
        let indexes: Vec<IndexModel> = group.iter().map(|(_, model)| model.clone()).collect();
        let created = database
            .collection::<Document>(collection)
            .create_indexes(indexes)
            .await;
        created.with_context(|| format!("cannot create the indexes of `{collection}`"))?;
    }
    Ok(())
}

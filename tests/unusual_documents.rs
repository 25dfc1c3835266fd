//! Documents that Rocket.Chat should not have written, but that exist in old databases.

use mongodb::bson::{Bson, DateTime, Decimal128, Document, doc};

use crate::support::{Exporter, eventually, exporter_on, fresh_database, uri_of};
use crate::wrong_types::values;

#[tokio::test(flavor = "multi_thread")]
async fn nonnumeric_counters_add_nothing_and_are_counted() {
    let counters: Vec<Bson> = vec![
        Bson::Int32(10),
        Bson::Int64(20),
        Bson::Double(0.5),
        Bson::Int32(-3),
        Bson::Decimal128("2".parse::<Decimal128>().expect("the number is valid")),
        Bson::Double(f64::NAN),
        Bson::Double(f64::INFINITY),
        Bson::Double(f64::NEG_INFINITY),
        Bson::Null,
        Bson::String("12".to_owned()),
        Bson::Boolean(true),
        Bson::Array(vec![Bson::Int32(1)]),
        Bson::Document(doc! { "n": 1 }),
        Bson::DateTime(DateTime::now()),
    ];
    let mut rooms: Vec<Document> = counters
        .into_iter()
        .map(|msgs| doc! { "t": "c", "msgs": msgs })
        .collect();
    rooms.push(doc! { "t": "c" });
    let exporter = exporter_on(vec![("rocketchat_room", rooms)]).await;
    let value = |series: &str| exporter.value(series);
    assert_eq!(value("rocketchat_rooms{kind=\"channel\"}"), Some(15.0));
    assert_eq!(
        value("rocketchat_room_messages{kind=\"channel\"}"),
        Some(29.5)
    );
    assert_eq!(value("rocketchat_rooms_without_msgs"), Some(10.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_unknown_kinds_and_parents_are_counted_once() {
    let rooms = vec![
        doc! { "t": "c", "msgs": 1, "prid": "parent" },
        doc! { "t": "p", "msgs": 2, "prid": "" },
        doc! { "t": "p", "msgs": 4, "prid": Bson::Null },
        doc! { "t": "d", "msgs": 8, "prid": "parent" },
        doc! { "t": "z", "msgs": 16 },
        doc! { "t": 7, "msgs": 32 },
        doc! { "msgs": 64 },
    ];
    let exporter = exporter_on(vec![("rocketchat_room", rooms)]).await;
    assert_eq!(exporter.value("rocketchat_discussions"), Some(4.0));
    assert_eq!(
        exporter.value("rocketchat_rooms{kind=\"other\"}"),
        Some(3.0)
    );
    assert_eq!(
        exporter.value("rocketchat_room_messages{kind=\"other\"}"),
        Some(112.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_the_usual_fields_are_counted() {
    let users = vec![
        doc! { "active": true, "type": "user", "roles": ["user"], "status": "online" },
        doc! { "status": "online", "statusConnection": 5 },
        doc! { "active": "yes", "type": Bson::Null, "roles": "guest", "status": Bson::Null },
        doc! { "active": true, "roles": ["guest", "user"], "status": "asleep" },
        doc! { "active": true, "roles": ["guest"], "lastLogin": "yesterday" },
        doc! { "active": false, "type": "bot", "lastLogin": DateTime::from_millis(1_000) },
        doc! { "active": true, "type": "app", "roles": ["guest"], "lastLogin": f64::NAN },
        doc! { "active": true, "federated": true, "isRemote": true },
    ];
    let exporter = exporter_on(vec![("users", users)]).await;
    let accounts = |kind: &str, state: &str| {
        exporter.value(&format!(
            "rocketchat_accounts{{kind=\"{kind}\",state=\"{state}\"}}"
        ))
    };
    assert_eq!(accounts("user", "activated"), Some(2.0));
    assert_eq!(accounts("user", "unset"), Some(2.0));
    assert_eq!(accounts("guest", "activated"), Some(1.0));
    assert_eq!(accounts("bot", "deactivated"), Some(1.0));
    assert_eq!(accounts("app", "activated"), Some(1.0));
    assert_eq!(accounts("remote", "activated"), Some(1.0));
    assert_eq!(exporter.value("rocketchat_seats_used"), Some(2.0));
    let presence =
        |state: &str| exporter.value(&format!("rocketchat_users{{presence=\"{state}\"}}"));
    assert_eq!(presence("online"), Some(2.0));
    assert_eq!(presence("offline"), Some(6.0));
    assert_eq!(
        exporter.value("rocketchat_last_login_timestamp_seconds"),
        Some(1.0),
        "a value that is not a date counts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_uploads_sessions_and_instances_fail_no_collector() {
    let uploads = vec![
        doc! { "size": 100 },
        doc! { "size": 0.5 },
        doc! { "size": "big" },
        doc! { "size": f64::NAN },
        doc! {},
    ];
    let sessions = vec![
        doc! { "type": "user_daily", "year": 2026, "month": "11", "day": Bson::Null },
        doc! { "type": "user_daily", "year": 2026, "month": 11, "day": 20, "devices": "none", "sessions": f64::NAN },
    ];
    let instances = vec![
        doc! { "_id": 7, "pid": "x", "_updatedAt": "now", "extraInformation": "none" },
        doc! { "_id": "later", "pid": -1, "_updatedAt": DateTime::from_millis(9_000_000_000_000) },
        doc! { "_id": "live", "pid": 1.0, "_updatedAt": DateTime::now(), "_createdAt": Bson::Null },
    ];
    let exporter = exporter_on(vec![
        ("rocketchat_uploads", uploads),
        ("rocketchat_sessions", sessions),
        ("instances", instances),
    ])
    .await;
    assert_eq!(exporter.value("rocketchat_uploads"), Some(5.0));
    assert_eq!(exporter.value("rocketchat_uploads_size_bytes"), Some(100.5));
    assert_eq!(exporter.value("rocketchat_instances"), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_settings_and_stored_documents_are_shown_unchanged() {
    let settings = vec![
        doc! { "_id": "uniqueID", "value": 5, "createdAt": "long ago" },
        doc! { "_id": "Site_Url" },
        doc! { "_id": "Livechat_enabled", "value": "true" },
    ];
    let stored = vec![doc! { "createdAt": "never", "version": 7, "os": "Linux", "settings": 1 }];
    let migrations = vec![doc! { "_id": "control", "version": "old", "locked": 1 }];
    let exporter = exporter_on(vec![
        ("rocketchat_settings", settings),
        ("rocketchat_statistics", stored),
        ("migrations", migrations),
    ])
    .await;
    assert_eq!(exporter.value("rocketchat_migration_locked"), Some(0.0));
    assert_eq!(exporter.value("rocketchat_livechat_enabled"), None);
    assert_eq!(exporter.value("rocketchat_migration_version"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_database_has_zero_counts_and_no_other_values() {
    let exporter = exporter_on(Vec::new()).await;
    assert_eq!(
        exporter.value("rocketchat_users{presence=\"offline\"}"),
        Some(0.0)
    );
    assert_eq!(exporter.value("rocketchat_messages"), Some(0.0));
    assert_eq!(exporter.value("rocketchat_uploads_size_bytes"), Some(0.0));
    assert_eq!(
        exporter.value("rocketchat_last_login_timestamp_seconds"),
        None
    );
    assert_eq!(exporter.value("rocketchat_migration_version"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_messages_are_omitted_and_reported_without_their_index() {
    let messages = vec![doc! { "ts": DateTime::now(), "tcount": 3 }];
    let exporter = exporter_on(vec![("rocketchat_message", messages)]).await;
    assert_eq!(exporter.value("rocketchat_messages"), Some(1.0));
    assert_eq!(exporter.value("rocketchat_threads"), None);
    for key in ["ts", "tcount", "t", "pinned", "starred._id"] {
        let series = format!(
            "rocketchat_exporter_missing_index{{collection=\"rocketchat_message\",key=\"{key}\"}}"
        );
        assert_eq!(exporter.value(&series), Some(1.0));
    }
    let advice = "db.rocketchat_message.createIndex";
    exporter.logged_times(advice, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_are_messages_with_a_reply_count_of_any_type() {
    let database = fresh_database().await;
    let messages = vec![
        doc! { "tcount": 3, "tlm": DateTime::now() },
        doc! { "tcount": 0.5 },
        doc! { "tcount": -1 },
        doc! { "tcount": f64::NAN },
        doc! { "tcount": Bson::Null },
        doc! { "tcount": "2" },
        doc! { "tlm": DateTime::now() },
        doc! { "msg": "no thread" },
    ];
    let collection = database.collection("rocketchat_message");
    collection
        .insert_many(messages)
        .await
        .expect("the messages can be inserted");
    let index = mongodb::IndexModel::builder()
        .keys(doc! { "tcount": 1, "tlm": 1 })
        .options(
            mongodb::options::IndexOptions::builder()
                .sparse(true)
                .build(),
        )
        .build();
    collection
        .create_index(index)
        .await
        .expect("the index can be created");
    let exporter = Exporter::on(&uri_of(&database), &[]);
    let threads = eventually("the messages are counted", || {
        exporter.value("rocketchat_threads")
    })
    .await;
    assert!((threads - 6.0).abs() < f64::EPSILON, "{threads}");
}

/// The fields that the exporter reads, by collection.
const FIELDS: [(&str, &[&str]); 27] = [
    (
        "users",
        &[
            "type",
            "active",
            "roles",
            "isRemote",
            "federated",
            "status",
            "statusConnection",
            "statusLivechat",
            "language",
            "lastLogin",
            "extension",
            "services",
        ],
    ),
    (
        "rocketchat_room",
        &[
            "t",
            "prid",
            "msgs",
            "open",
            "source",
            "v",
            "ts",
            "teamId",
            "teamMain",
            "broadcast",
            "encrypted",
            "federated",
            "usersCount",
            "streamingOptions",
            "abacAttributes",
            "archived",
        ],
    ),
    (
        "rocketchat_message",
        &["t", "ts", "tcount", "pinned", "starred", "rid", "_hidden"],
    ),
    (
        "rocketchat_sessions",
        &[
            "type",
            "year",
            "month",
            "day",
            "userId",
            "mostImportantRole",
            "sessions",
            "time",
            "devices",
        ],
    ),
    (
        "rocketchat_settings",
        &[
            "value",
            "packageValue",
            "invalidValue",
            "enterprise",
            "modules",
            "createdAt",
        ],
    ),
    (
        "rocketchat_statistics",
        &[
            "createdAt",
            "version",
            "dailyPeakConnections",
            "apps",
            "settings",
            "wizard",
        ],
    ),
    ("migrations", &["version", "locked", "lockedAt"]),
    (
        "instances",
        &["pid", "_createdAt", "_updatedAt", "extraInformation"],
    ),
    ("usersSessions", &["connections"]),
    ("rocketchat_subscription", &["ls"]),
    ("rocketchat_uploads", &["size"]),
    ("rocketchat_apps", &["status", "installationSource"]),
    (
        "rocketchat_integrations",
        &["type", "enabled", "scriptEnabled"],
    ),
    ("rocketchat_roles", &["scope", "protected"]),
    ("rocketchat_invites", &["uses"]),
    ("rocketchat_analytics", &["type", "count"]),
    ("rocketchat_permissions", &["roles"]),
    ("rocketchat_livechat_department", &["type", "archived"]),
    ("rocketchat_livechat_custom_field", &["public"]),
    ("rocketchat_livechat_inquiry", &["status", "ts"]),
    (
        "rocketchat_livechat_contact",
        &["channels", "unknown", "conflictingFields"],
    ),
    ("rocketchat_video_conference", &["type", "status"]),
    (
        "rocketchat_freeswitch_calls",
        &["direction", "startedAt", "duration"],
    ),
    ("rocketchat_matrix_bridged_rooms", &["fromServer"]),
    ("rocketchat_abac_attributes", &["values"]),
    ("rocketchat_federation_peers", &["isRemote", "active"]),
    (
        "rocketchat_oauth_access_tokens",
        &["accessToken", "userId", "expires"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_field_type_fails_a_collector_or_the_document() {
    let mut collections: Vec<(&str, Vec<Document>)> = FIELDS
        .into_iter()
        .map(|(collection, fields)| {
            let documents = fields.iter().flat_map(|field| {
                let values = values().into_iter();
                values.map(|value| doc! { *field: value })
            });
            (collection, documents.collect())
        })
        .collect();
    // Documents with well-known ids have wrong types too.
    for (collection, id) in [
        ("migrations", "control"),
        ("rocketchat_settings", "uniqueID"),
    ] {
        let document = doc! { "_id": id, "version": [1], "lockedAt": "x", "value": {}, "createdAt": [], "modules": 1 };
        collections.push((collection, vec![document]));
    }
    let database = fresh_database().await;
    for (collection, documents) in collections {
        let collection = database.collection(collection);
        let inserted = collection.insert_many(documents).await;
        inserted.expect("the documents can be inserted");
    }
    let users = database.collection("users");
    let admin = doc! {
        "_id": "admin", "username": "admin", "active": true, "roles": ["admin"],
        // SHA-256 of `token`, in base64.
        "services": { "resume": { "loginTokens": [{ "hashedToken": "PEaenWxYddN6Q/NT1PiOYfz4EsZu7jRXRlpAsNpBU+A=" }] } },
    };
    users
        .insert_one(admin)
        .await
        .expect("the admin can be inserted");
    let permission = doc! { "_id": "view-statistics", "roles": ["admin"] };
    let permissions = database.collection("rocketchat_permissions");
    let inserted = permissions.insert_one(permission).await;
    inserted.expect("the permission can be inserted");
    for version in [
        "0.61.0", "1.0.0", "1.3.0", "3.4.0", "3.17.0", "7.7.0", "8.3.0",
    ] {
        let version = format!("--rocketchat.version={version}");
        let arguments = [version.as_str(), "--rocketchat.license-modules=*"];
        let exporter = Exporter::on(&uri_of(&database), &arguments);
        exporter.wait_for_collectors().await;
        let headers = [("X-User-Id", "admin"), ("X-Auth-Token", "token")];
        for path in [
            "/api/v1/statistics?refresh=true",
            "/api/v1/statistics.list?count=0",
        ] {
            let response = exporter.request("GET", path, &headers);
            assert_eq!(
                response.status,
                200,
                "{version} {path}: {}",
                response.text()
            );
        }
    }
}

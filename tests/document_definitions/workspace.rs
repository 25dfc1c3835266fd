//! A workspace on which every definition of Rocket.Chat's statistics gives another value, and the exporter's responses
//! on it by version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use serde_json::Value;

use crate::support::{Exporter, TIMEOUT, fixture, uri_of};

/// SHA-256 of the token, in base64.
const HASHED_TOKEN: &str = "PEaenWxYddN6Q/NT1PiOYfz4EsZu7jRXRlpAsNpBU+A=";
const TOKEN: &str = "token";

/// The exporter's clock.
const NOW: &str = "--debug.now=2026-11-21T12:00:00Z";

/// Monday, 3 April 2023, 12:00 UTC.
const LATEST: i64 = 1_680_523_200_000;

/// The exporter's responses for a workspace that runs a version.
pub struct Responses {
    /// The statistics document.
    pub document: Value,
    /// The document in the shape of the version's API.
    pub wrapped: Value,
    /// The metrics in Prometheus' text format.
    pub metrics: String,
}

/// The responses without a license.
pub fn responses(version: &'static str) -> Arc<Responses> {
    cached_responses(version, "")
}

/// The responses on a workspace whose documents also have fields that no version knows.
pub fn responses_with_unknown_fields(version: &'static str) -> Responses {
    static URI: OnceLock<String> = OnceLock::new();
    query_exporter(
        uri(&URI, |document| {
            document.insert(
                "_future",
                doc! { "active": [1, "x"], "t": "c", "msgs": f64::NAN },
            );
            document.insert("zFuture", true);
        }),
        version,
        "",
    )
}

/// The same with a license for everything.
pub fn licensed_responses(version: &'static str) -> Arc<Responses> {
    cached_responses(version, "--rocketchat.license-modules=*")
}

fn cached_responses(version: &'static str, license: &'static str) -> Arc<Responses> {
    type Cache = BTreeMap<(&'static str, &'static str), Arc<OnceLock<Arc<Responses>>>>;
    static CACHE: Mutex<Cache> = Mutex::new(Cache::new());
    static URI: OnceLock<String> = OnceLock::new();
    let cell = Arc::clone(
        CACHE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((version, license))
            .or_default(),
    );
    let uri = uri(&URI, |_| {});
    Arc::clone(cell.get_or_init(|| Arc::new(query_exporter(uri, version, license))))
}

fn query_exporter(uri: &str, version: &str, license: &str) -> Responses {
    let version = format!("--rocketchat.version={version}");
    let mut arguments = vec![NOW, &version];
    arguments.extend(Some(license).filter(|license| !license.is_empty()));
    let exporter = Exporter::on(uri, &arguments);
    let begun = Instant::now();
    while !exporter.all_collectors_succeeded() {
        assert!(begun.elapsed() < TIMEOUT, "{version}: {}", exporter.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let headers = [("X-User-Id", "admin"), ("X-Auth-Token", TOKEN)];
    let cached_responses = |shape: &str| {
        let path = format!("/api/v1/statistics?shape={shape}");
        let response = exporter.request("GET", &path, &headers);
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    };
    Responses {
        document: cached_responses("flat"),
        wrapped: cached_responses("version"),
        metrics: exporter.metrics(),
    }
}

/// The connection string of the workspace, which is filled once per cell.
fn uri(cell: &'static OnceLock<String>, change: fn(&mut Document)) -> &'static str {
    cell.get_or_init(|| {
        // A new thread, because the calling test may run inside a runtime.
        let make = move || {
            tokio::runtime::Runtime::new()
                .expect("a runtime can be started")
                .block_on(async {
                    let mut documents = documents();
                    let each = documents.iter_mut().flat_map(|(_, documents)| documents);
                    each.for_each(change);
                    let database = fixture(&documents, async |database: &Database| {
                        fill(database, &documents).await;
                    });
                    uri_of(&database.await)
                })
        };
        std::thread::spawn(make).join().expect("the thread ends")
    })
}

async fn fill(database: &Database, documents: &[(&str, Vec<Document>)]) {
    for (collection, documents) in documents {
        database
            .collection::<Document>(collection)
            .insert_many(documents)
            .await
            .expect("the documents can be inserted");
    }
    // Messages are counted by these indexes only.
    for key in ["ts", "tcount", "t", "pinned", "starred._id"] {
        let options = IndexOptions::builder().sparse(true).build();
        let index = IndexModel::builder()
            .keys(doc! { key: 1 })
            .options(options)
            .build();
        database
            .collection::<Document>("rocketchat_message")
            .create_index(index)
            .await
            .expect("the index can be created");
    }
}

fn documents() -> Vec<(&'static str, Vec<Document>)> {
    vec![
        ("users", users()),
        ("rocketchat_room", rooms()),
        ("rocketchat_message", messages()),
        ("rocketchat_sessions", sessions()),
        ("rocketchat_settings", settings()),
        ("rocketchat_statistics", vec![stored()]),
        (
            "rocketchat_permissions",
            vec![doc! { "_id": "view-statistics", "roles": ["admin"] }],
        ),
        (
            "rocketchat_subscription",
            vec![
                doc! { "ls": DateTime::from_millis(LATEST) },
                doc! { "ls": DateTime::from_millis(1_000) },
            ],
        ),
        (
            "rocketchat_uploads",
            vec![
                doc! { "size": 100 },
                doc! { "size": 200, "typeGroup": "thumb" },
                doc! { "size": 400, "_hidden": true },
                doc! { "complete": false },
            ],
        ),
        (
            "rocketchat_apps",
            vec![
                doc! { "status": "auto_enabled", "installationSource": "private" },
                doc! { "status": "manually_disabled", "installationSource": "private" },
                doc! { "status": "manually_disabled" },
                doc! { "status": "invalid_settings_disabled" },
                doc! { "status": "compiler_error_disabled" },
                doc! { "status": "disabled" },
            ],
        ),
        (
            "rocketchat_livechat_department",
            vec![
                doc! { "name": "sales" },
                doc! { "name": "old", "archived": true },
                doc! { "name": "unit", "type": "u" },
            ],
        ),
        ("rocketchat_livechat_priority", vec![doc! {}; 4]),
        (
            "rocketchat_omnichannel_service_level_agreements",
            vec![doc! {}; 5],
        ),
        ("rocketchat_livechat_tag", vec![doc! {}; 6]),
        ("rocketchat_canned_response", vec![doc! {}; 7]),
        ("rocketchat_livechat_visitor", vec![doc! {}; 3]),
        ("rocketchat_team", vec![doc! {}; 2]),
        (
            "rocketchat_federation_peers",
            vec![
                doc! { "isRemote": true, "active": true },
                doc! { "isRemote": true, "active": false },
                doc! { "isRemote": true, "active": false },
                doc! { "isRemote": false, "active": true },
            ],
        ),
        ("rocketchat_federation_servers", vec![doc! {}; 2]),
        ("rocketchat_notification_queue", vec![doc! {}; 2]),
        ("_raix_push_notifications", vec![doc! {}; 5]),
        (
            "rocketchat_analytics",
            vec![doc! { "type": "seat-request", "count": 3 }],
        ),
        (
            "migrations",
            vec![doc! { "_id": "control", "version": 335, "locked": false, "hash": "abc" }],
        ),
        (
            "instances",
            vec![
                doc! { "_id": "live", "pid": 4711, "_createdAt": at_noon(-3600), "_updatedAt": at_noon(-5) },
                doc! { "_id": "dead", "pid": 1, "_createdAt": at_noon(-7200), "_updatedAt": at_noon(-90) },
            ],
        ),
    ]
}

/// A time relative to the exporter's clock, in seconds.
fn at_noon(seconds: i64) -> DateTime {
    const NOON: i64 = 1_795_262_400_000;
    DateTime::from_millis(NOON + seconds * 1000)
}

/// Eleven users are active, two are inactive, and one has no flag.
fn users() -> Vec<Document> {
    let role = |role: &str| doc! { "active": true, "roles": [role] };
    let with = |mut user: Document, more: Document| {
        user.extend(more);
        user
    };
    vec![
        with(
            role("admin"),
            doc! {
                "_id": "admin", "username": "admin", "type": "user", "status": "busy", "statusConnection": "online",
                "language": "en", "createdAt": DateTime::from_millis(0), "name": "First",
                "services": {
                    "resume": { "loginTokens": [{ "hashedToken": HASHED_TOKEN }] },
                    "totp": { "enabled": true }, "ldap": { "id": "x" }, "Keycloak": { "id": "x" },
                },
            },
        ),
        doc! {
            "_id": "agent", "type": "user", "active": true, "roles": ["user", "livechat-agent", "livechat-manager"],
            "status": "online", "statusConnection": "online", "language": "en", "extension": "12",
            "lastLogin": DateTime::from_millis(LATEST),
            "services": { "totp": { "enabled": false }, "email2fa": { "enabled": true } },
        },
        with(
            role("bot"),
            doc! { "_id": "rocket.cat", "type": "bot", "status": "online", "services": { "ldap": {} } },
        ),
        with(
            role("app"),
            doc! {
                "_id": "app", "type": "app", "status": "online", "statusConnection": "offline",
                "services": { "ldap": {}, "Keycloak": {} },
            },
        ),
        with(
            role("guest"),
            doc! {
                "_id": "guest", "type": "user", "status": "offline", "statusConnection": "away", "language": "pt-BR",
                "services": { "ldap": {}, "email2fa": { "enabled": true }, "Keycloak": {} },
            },
        ),
        doc! {
            "_id": "more than a guest", "type": "user", "active": true, "roles": ["guest", "user"],
            "status": "away", "statusConnection": "online", "language": "",
        },
        with(
            role("user"),
            doc! { "_id": "remote", "isRemote": true, "status": "busy", "statusConnection": "busy" },
        ),
        with(
            role("user"),
            doc! { "_id": "federated", "type": "user", "federated": true, "status": "away", "language": Bson::Null },
        ),
        with(
            role("user"),
            doc! { "_id": "remote and federated", "type": "user", "isRemote": true, "federated": true },
        ),
        with(
            role("guest"),
            doc! { "_id": "remote guest", "type": "user", "isRemote": true },
        ),
        with(
            role("app"),
            doc! { "_id": "federated app", "type": "app", "federated": true, "status": "online" },
        ),
        doc! {
            "_id": "former agent", "type": "user", "active": false, "roles": ["livechat-agent", "livechat-monitor"],
            "extension": "13", "services": { "totp": { "enabled": true }, "ldap": {} },
        },
        doc! { "_id": "former app", "type": "app", "active": false, "roles": ["app"] },
        doc! { "_id": "unset", "roles": ["user"] },
    ]
}

fn rooms() -> Vec<Document> {
    vec![
        doc! { "t": "c", "msgs": 10, "broadcast": true },
        doc! { "t": "c", "msgs": 20, "prid": "parent" },
        doc! { "t": "c", "msgs": 0, "teamId": "T", "teamMain": true },
        doc! { "t": "c", "msgs": 0, "teamId": "T", "teamDefault": true },
        doc! { "t": "p", "msgs": 0, "teamId": "T" },
        doc! { "t": "p", "msgs": 3, "encrypted": true, "createdOTR": true },
        doc! { "t": "p", "msgs": 5, "prid": "parent" },
        // The field exists, but is empty.
        doc! { "t": "p", "msgs": 1, "prid": "" },
        doc! { "t": "d", "msgs": 7, "createdOTR": true },
        doc! { "t": "d", "msgs": 11, "prid": "parent" },
        doc! {
            "t": "l", "msgs": 13, "open": true, "departmentId": "D", "callStatus": "ended",
            "priorityId": "P", "slaId": "S", "pdfTranscriptFileId": "F", "pdfTranscriptRequested": true,
        },
        doc! { "t": "v", "msgs": 17, "streamingOptions": { "type": "livestream" } },
        doc! { "t": "unknown", "msgs": 19 },
    ]
}

/// Six messages, two of which started threads.
fn messages() -> Vec<Document> {
    let ts = DateTime::from_millis(LATEST);
    vec![
        doc! { "rid": "a", "ts": ts, "tcount": 2 },
        doc! { "rid": "a", "ts": DateTime::from_millis(1_000), "tcount": 1, "pinned": true },
        doc! { "rid": "a", "t": "rm", "pinned": true, "starred": [{ "_id": "x" }] },
        doc! { "rid": "b", "t": "e2e", "_hidden": true, "starred": [{ "_id": "x" }] },
        doc! { "rid": "b", "t": "voip-call-wrapup" },
        doc! { "rid": "b", "t": "omnichannel_placed_chat_on_hold" },
    ]
}

/// Two users yesterday, three within the week, four within the month, and one in the month before.
fn sessions() -> Vec<Document> {
    let daily = |user: &str, month: i32, day: i32, role: &str, sessions: i32, time: i32| {
        let device = doc! {
            "type": "browser", "name": "Firefox", "version": "1", "os": { "name": "Linux", "version": "6" },
        };
        // Summaries up to 1.0.2 have a count, and the device's fields one level higher.
        let mut early = doc! {
            "type": "mobile", "name": "Opera", "version": "2", "os": { "name": "BSD", "version": "3" },
        };
        early.extend(doc! { "sessions": sessions, "time": time, "device": device });
        doc! {
            "type": "user_daily", "userId": user, "year": 2026, "month": month, "day": day,
            "mostImportantRole": role, "sessions": sessions, "time": time, "count": sessions * 10,
            "devices": [early],
        }
    };
    vec![
        daily("ann", 11, 20, "admin", 2, 100),
        daily("bob", 11, 20, "user", 1, 50),
        daily("cid", 11, 15, "user", 1, 10),
        daily("dan", 10, 25, "user", 1, 10),
        daily("eve", 10, 1, "user", 1, 10),
        daily("eve", 10, 2, "user", 3, 30),
        // A session of today, and a raw session.
        daily("ann", 11, 21, "admin", 9, 900),
        doc! { "type": "session", "userId": "ann", "year": 2026, "month": 11, "day": 20 },
    ]
}

fn settings() -> Vec<Document> {
    let setting = |id: &str, value: Bson| doc! { "_id": id, "value": value };
    let licensed = |id: &str, value: Bson, invalid: Bson| {
        doc! { "_id": id, "value": value, "invalidValue": invalid, "enterprise": true, "modules": [] }
    };
    vec![
        doc! { "_id": "uniqueID", "value": "unique", "createdAt": DateTime::from_millis(LATEST) },
        setting("Organization_Type", "community".into()),
        setting("Organization_Name", "Example".into()),
        setting("Website", "https://example.com".into()),
        setting("Site_Name", "Chat".into()),
        setting("Allow_Marketing_Emails", true.into()),
        setting("Register_Server", false.into()),
        setting("Livechat_enabled", true.into()),
        setting("VoIP_Enabled", true.into()),
        setting("OTR_Count", 5.into()),
        setting("OTR_Enable", true.into()),
        setting("LDAP_Sync_User_Data_Groups", true.into()),
        setting("LDAP_Sync_User_Data_Roles", false.into()),
        setting("Accounts_OAuth_Custom-Keycloak", true.into()),
        setting("Accounts_OAuth_Custom-Keycloak-merge_roles", true.into()),
        setting(
            "Accounts_OAuth_Custom-Keycloak-url",
            "https://example.com".into(),
        ),
        setting("Accounts_OAuth_Custom-Other", false.into()),
        setting("Push_enable", true.into()),
        doc! { "_id": "Layout_Home_Title", "value": "Home", "packageValue": "Welcome" },
        licensed("Message_Read_Receipt_Enabled", true.into(), false.into()),
        licensed(
            "Livechat_abandoned_rooms_action",
            "close".into(),
            "none".into(),
        ),
    ]
}

/// The newest stored document, with fields that only Rocket.Chat knows.
fn stored() -> Document {
    doc! {
        "_id": "stored", "createdAt": at_noon(-600), "version": "8.2.0", "oplogEnabled": false,
        "apps": { "engineVersion": "1.60.0", "enabled": true, "totalInstalled": 99 },
        "teams": { "totalTeams": 99, "teamStats": [{ "teamId": "T" }] },
        "enterprise": { "modules": ["auditing"], "tags": [] },
        "dailyPeakConnections": 12, "fips": true, "msEnabled": false, "enterpriseReady": true,
        "deploy": { "method": "docker", "platform": "linux" },
        "wizard": { "contactName": "secret", "contactEmail": "secret" },
        "statsToken": "secret", "settings": { "email": { "smtp": { "smtpHost": "secret" } } },
        "ofTheFuture": { "kept": true },
    }
}

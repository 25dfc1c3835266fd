//! Lists in fields that hold one value: Rocket.Chat's filters find each of their items, and so do the exporter's.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Decimal128, Document, doc};
use mongodb::{Collection, Database, IndexModel};
use serde_json::Value;

use crate::support::{Exporter, fresh_database, uri_of};

/// SHA-256 of `token`, in base64.
const HASHED_TOKEN: &str = "PEaenWxYddN6Q/NT1PiOYfz4EsZu7jRXRlpAsNpBU+A=";

const NOW: &str = "--debug.now=2026-11-21T12:00:00Z";

/// Every shape of a value that a filter for it finds, or does not.
fn shapes(value: &Bson) -> Vec<Bson> {
    let list = |items: &[&Bson]| Bson::Array(items.iter().copied().cloned().collect());
    let inner = list(&[value]);
    vec![
        value.clone(),
        list(&[value]),
        list(&[&Bson::Null, value]),
        list(&[value, value]),
        list(&[&inner]),
        Bson::Array(Vec::new()),
        doc! { "value": value }.into(),
    ]
}

/// Documents of ordinary people or rooms, one for each shape of each value of each field.
fn documents(ordinary: &Document, fields: &[(&str, &[Bson])]) -> Vec<Document> {
    let mut documents = Vec::new();
    for (field, values) in fields {
        let shaped = values.iter().flat_map(shapes);
        documents.extend(shaped.map(|value| {
            let mut document = ordinary.clone();
            document.insert(*field, value);
            document
        }));
    }
    documents
}

fn texts(texts: &[&str]) -> Vec<Bson> {
    texts.iter().copied().map(Bson::from).collect()
}

fn users() -> Vec<Document> {
    let states = texts(&["online", "away", "busy"]);
    let person = doc! { "active": true, "type": "user", "roles": ["user"] };
    let mut users = documents(
        &person,
        &[
            ("status", &states),
            ("statusConnection", &states),
            ("type", &texts(&["app", "bot"])),
            ("active", &BOOLEANS),
            ("isRemote", &BOOLEANS),
            ("federated", &BOOLEANS),
            ("roles", &[vec!["guest"].into(), "guest".into()]),
            (
                "services",
                &[doc! { "ldap": {}, "totp": { "enabled": true } }.into()],
            ),
        ],
    );
    users.push(doc! { "active": [true, false], "type": ["app", "bot"] });
    users.push(doc! { "active": true, "services": { "totp": [{ "enabled": [true] }] } });
    users.push(doc! {
        "_id": "admin", "username": "admin", "active": true, "roles": ["admin"],
        "services": { "resume": { "loginTokens": [{ "hashedToken": HASHED_TOKEN }] } },
    });
    users
}

static BOOLEANS: [Bson; 2] = [Bson::Boolean(true), Bson::Boolean(false)];

fn rooms() -> Vec<Document> {
    let flags = ["broadcast", "encrypted", "federated", "createdOTR"];
    let flags = flags.map(|name| (name, &BOOLEANS[..]));
    let mut rooms = documents(&doc! { "t": "c", "msgs": 3 }, &flags);
    rooms.extend(documents(
        &doc! { "msgs": 5 },
        &[("t", &texts(&["c", "p", "d", "l", "v"]))],
    ));
    rooms.push(doc! { "t": ["c", "p"], "msgs": 7, "prid": "parent" });
    let decimal = |text: &str| Bson::Decimal128(text.parse::<Decimal128>().expect("a decimal"));
    for parent in [Bson::Array(Vec::new()), vec![""].into(), decimal("0")] {
        rooms.push(doc! { "t": "p", "msgs": 11, "prid": parent });
    }
    // To JavaScript these are false, in every version of MongoDB.
    for parent in [
        Bson::Null,
        Bson::Undefined,
        "".into(),
        false.into(),
        f64::NAN.into(),
        0_i64.into(),
    ] {
        rooms.push(doc! { "t": "c", "msgs": 13, "prid": parent });
    }
    rooms.push(doc! { "t": "d", "msgs": decimal("1E+400") });
    rooms
}

async fn filled(indexes: &[(&str, &str)]) -> Database {
    let database = fresh_database().await;
    let day = |user: Bson, month: Bson| {
        doc! {
            "type": ["user_daily"], "userId": user, "year": 2026, "month": month, "day": 20,
            "mostImportantRole": "user", "sessions": 1, "time": 10, "devices": [],
        }
    };
    let sessions = vec![
        day("ann".into(), 11.into()),
        // A second summary of the same user, and two without one.
        day("ann".into(), vec![11].into()),
        day(Bson::Null, 11.into()),
        day(Bson::Null, 11.into()),
        day(vec!["bob"].into(), 11.into()),
    ];
    let tcounts = [
        Bson::Array(Vec::new()),
        vec![1].into(),
        vec![Bson::from("a"), 1.into()].into(),
        doc! { "a": 1 }.into(),
    ];
    let messages = tcounts.map(|tcount| doc! { "tcount": tcount, "tlm": DateTime::now() });
    for (collection, documents) in [
        ("users", users()),
        ("rocketchat_room", rooms()),
        ("rocketchat_sessions", sessions),
        ("rocketchat_message", messages.into()),
        (
            "rocketchat_roles",
            documents(&doc! {}, &[("scope", &texts(&["Users", "Subscriptions"]))]),
        ),
        (
            "rocketchat_livechat_department",
            documents(&doc! {}, &[("archived", &BOOLEANS)]),
        ),
        (
            "rocketchat_permissions",
            vec![doc! { "_id": "view-statistics", "roles": ["admin"] }],
        ),
    ] {
        let collection = database.collection::<Document>(collection);
        let inserted = collection.insert_many(documents).await;
        inserted.expect("the documents can be inserted");
    }
    let keys = [("rocketchat_message", "tcount")];
    for (collection, key) in keys.iter().chain(indexes) {
        let options = mongodb::options::IndexOptions::builder()
            .sparse(true)
            .build();
        let index = IndexModel::builder()
            .keys(doc! { *key: 1 })
            .options(options);
        let collection: Collection<Document> = database.collection(collection);
        let created = collection.create_index(index.build()).await;
        created.expect("the index can be created");
    }
    database
}

/// The document of a version.
async fn document(database: &Database, version: &str) -> Value {
    let version = format!("--rocketchat.version={version}");
    let exporter = Exporter::on(
        &uri_of(database),
        &[&version, NOW, "--rocketchat.timezone=UTC"],
    );
    exporter.wait_for_collectors().await;
    let headers = [("X-User-Id", "admin"), ("X-Auth-Token", "token")];
    let path = "/api/v1/statistics?shape=flat";
    let response = exporter.request("GET", path, &headers);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// Rocket.Chat's filters: the field of the document, the collection, and the filter that it counts with.
fn filters() -> Vec<(&'static str, &'static str, Document)> {
    let users = "users";
    let rooms = "rocketchat_room";
    let activated = doc! { "active": true };
    vec![
        ("totalUsers", users, doc! {}),
        ("onlineUsers", users, doc! { "status": "online" }),
        ("awayUsers", users, doc! { "status": "away" }),
        ("busyUsers", users, doc! { "status": "busy" }),
        ("nonActiveUsers", users, doc! { "active": false }),
        ("appUsers", users, doc! { "type": "app" }),
        (
            "activeUsers",
            users,
            doc! {
                "active": true, "type": { "$nin": ["app", "bot"] }, "roles": { "$ne": ["guest"] },
                "isRemote": { "$ne": true }, "federated": { "$ne": true },
            },
        ),
        (
            "activeGuests",
            users,
            doc! {
                "active": true, "type": { "$nin": ["app"] }, "roles": { "$eq": "guest", "$size": 1 },
                "isRemote": { "$ne": true },
            },
        ),
        ("totalUserTOTP", users, {
            let mut filter = activated.clone();
            filter.insert("services.totp.enabled", true);
            filter
        }),
        ("services.ldap.users", users, {
            let mut filter = activated;
            filter.extend(doc! {
                "services.ldap": { "$exists": true }, "type": { "$nin": ["app"] }, "roles": { "$ne": ["guest"] },
            });
            filter
        }),
        (
            "matrixFederation.amountOfExternalUsers",
            users,
            doc! { "federated": true },
        ),
        ("totalRooms", rooms, doc! {}),
        ("totalChannels", rooms, doc! { "t": "c" }),
        ("totalPrivateGroups", rooms, doc! { "t": "p" }),
        ("totalDirect", rooms, doc! { "t": "d" }),
        ("totalLivechat", rooms, doc! { "t": "l" }),
        (
            "totalDiscussions",
            rooms,
            doc! { "prid": { "$exists": true } },
        ),
        ("totalBroadcastRooms", rooms, doc! { "broadcast": true }),
        ("totalE2ERooms", rooms, doc! { "encrypted": true }),
        (
            "matrixFederation.amountOfFederatedRooms",
            rooms,
            doc! { "federated": true },
        ),
        (
            "totalThreads",
            "rocketchat_message",
            doc! { "tcount": { "$exists": true } },
        ),
        (
            "totalUserRoles",
            "rocketchat_roles",
            doc! { "scope": "Users" },
        ),
        (
            "totalSubscriptionRoles",
            "rocketchat_roles",
            doc! { "scope": "Subscriptions" },
        ),
        (
            "archivedDepartments",
            "rocketchat_livechat_department",
            doc! { "archived": true },
        ),
    ]
}

/// The sum of the counters of rooms that match, as JavaScript adds them up; not finite ones add nothing here.
async fn messages(database: &Database, filter: Document) -> f64 {
    let rooms = database.collection::<Document>("rocketchat_room");
    let rooms = rooms.find(filter).await.expect("rooms can be read");
    let rooms: Vec<Document> = rooms.try_collect().await.expect("rooms can be read");
    let counters = rooms.iter().filter_map(|room| room.get_i32("msgs").ok());
    counters.map(f64::from).sum()
}

async fn assert_counted_as_by_filters(indexes: &[(&str, &str)]) {
    let database = filled(indexes).await;
    let document = document(&database, "8.3.0").await;
    let at = |path: &str| {
        let value = path.split('.').fold(&document, |value, key| &value[key]);
        value.as_f64()
    };
    for (path, collection, filter) in filters() {
        let counted = database.collection::<Document>(collection);
        let counted = counted.count_documents(filter).await;
        let counted = counted.expect("documents can be counted") as f64;
        assert!(counted > 0.0, "{path}");
        assert_eq!(at(path), Some(counted), "{path}");
    }
    // To JavaScript a list and a decimal are true, 0 and not-a-number false.
    let discussions = 7.0 * 2.0 + 3.0 * 11.0;
    assert_eq!(at("totalDiscussionsMessages"), Some(discussions));
    let channels = messages(&database, doc! { "t": "c" }).await - 7.0;
    assert_eq!(at("totalChannelMessages"), Some(channels));
    // A decimal beyond what a double can hold adds nothing, and does not spoil the sum.
    let direct = messages(&database, doc! { "t": "d" }).await;
    assert_eq!(at("totalDirectMessages"), Some(direct));
    // Of yesterday Rocket.Chat counts summaries, of longer periods users.
    let yesterday = &document["uniqueUsersOfYesterday"]["data"][0]["count"];
    assert_eq!(yesterday.as_f64(), Some(5.0));
    let week = &document["uniqueUsersOfLastWeek"]["data"][0]["count"];
    assert_eq!(week.as_f64(), Some(3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_count_as_by_filters_without_indexes() {
    assert_counted_as_by_filters(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_count_as_by_filters_with_the_indexes_of_8_3() {
    assert_counted_as_by_filters(&[
        ("users", "status"),
        ("users", "statusConnection"),
        ("users", "type"),
        ("users", "active"),
        ("users", "roles"),
        ("users", "isRemote"),
        ("users", "federated"),
        ("rocketchat_room", "t"),
        ("rocketchat_room", "prid"),
        ("rocketchat_room", "broadcast"),
        ("rocketchat_room", "encrypted"),
        ("rocketchat_room", "federated"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn languages_that_are_no_texts_count_as_none() {
    let database = fresh_database().await;
    let languages = [
        "de".into(),
        vec!["de"].into(),
        7.into(),
        Bson::Null,
        "".into(),
    ];
    let users = languages.map(|language| doc! { "active": true, "language": language });
    let admin = doc! {
        "_id": "admin", "active": true, "username": "admin", "roles": ["admin"], "language": "en",
        "services": { "resume": { "loginTokens": [{ "hashedToken": HASHED_TOKEN }] } },
    };
    let collection = database.collection::<Document>("users");
    let inserted = collection
        .insert_many(users.into_iter().chain([admin]))
        .await;
    inserted.expect("the users can be inserted");
    let permission = doc! { "_id": "view-statistics", "roles": ["admin"] };
    let permissions = database.collection::<Document>("rocketchat_permissions");
    let inserted = permissions.insert_one(permission).await;
    inserted.expect("the permission can be inserted");
    let document = document(&database, "8.3.0").await;
    let expected = serde_json::json!({ "none": 4, "de": 1, "en": 1 });
    assert_eq!(document["userLanguages"], expected);
}

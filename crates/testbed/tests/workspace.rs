//! Tests of the generated workspace.

use anyhow::{Context, Result};
use base64::Engine;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::{Client, Database};
use sha2::{Digest, Sha256};
use std::time::Duration;
use testbed::mongod::{Mongod, Options};
use testbed::workspace::{self, Account, Size};

async fn fresh() -> Result<(Mongod, Database)> {
    let mongod = Mongod::start(&Options::default()).await?;
    let database = Client::with_uri_str(mongod.uri())
        .await?
        .database("rocketchat");
    Ok((mongod, database))
}

async fn count(database: &Database, collection: &str, filter: Document) -> Result<usize> {
    Ok(usize::try_from(
        database
            .collection::<Document>(collection)
            .count_documents(filter)
            .await?,
    )?)
}

async fn all(database: &Database, collection: &str) -> Result<Vec<Document>> {
    let documents = database
        .collection::<Document>(collection)
        .find(doc! {})
        .sort(doc! { "_id": 1 })
        .await?;
    Ok(documents.try_collect().await?)
}

/// The user that Rocket.Chat would authenticate by this account.
async fn user_of(database: &Database, account: &Account) -> Result<Document> {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&account.token));
    let filter = doc! { "_id": &account.user_id, "services.resume.loginTokens.hashedToken": hash };
    database
        .collection::<Document>("users")
        .find_one(filter)
        .await?
        .context("the token is known")
}

#[tokio::test]
async fn sessions_of_yesterday_are_there_at_any_time_of_the_day() -> Result<()> {
    let (mongod, _) = fresh().await?;
    let client = Client::with_uri_str(mongod.uri()).await?;
    for (name, time) in [
        ("after_midnight", "2026-11-29T00:01:00Z"),
        ("evening", "2026-11-29T23:59:00Z"),
    ] {
        let database = client.database(name);
        let now = DateTime::parse_rfc3339_str(time)?;
        workspace::fill(&database, &Size::default(), now).await?;
        for kind in ["user_daily", "computed-session"] {
            let yesterday = doc! { "type": kind, "year": 2026, "month": 11, "day": 28 };
            let rows = count(&database, "rocketchat_sessions", yesterday).await?;
            assert!(rows > 0, "no {kind} at {time}");
        }
        let future = doc! { "_computedAt": { "$gt": now } };
        let rows = count(&database, "rocketchat_sessions", future).await?;
        assert_eq!(rows, 0, "computed after {time}");
    }
    Ok(())
}

#[tokio::test]
async fn workspace_has_every_kind_of_document() -> Result<()> {
    let (_mongod, database) = fresh().await?;
    let size = Size::default();
    workspace::fill(&database, &size, DateTime::now()).await?;
    assert_eq!(count(&database, "users", doc! {}).await?, size.users);
    assert_eq!(
        count(&database, "rocketchat_room", doc! {}).await?,
        size.rooms
    );
    let messages = count(&database, "rocketchat_message", doc! {}).await?;
    assert!(messages.abs_diff(size.messages) <= size.rooms, "{messages}");
    assert_eq!(
        count(&database, "rocketchat_statistics", doc! {}).await?,
        size.statistics
    );
    assert_eq!(count(&database, "instances", doc! {}).await?, 2);
    let yes = || doc! { "$exists": true };
    let kinds: &[(&str, Document)] = &[
        (
            "users",
            doc! { "_id": "rocket.cat", "type": "bot", "status": "online" },
        ),
        ("users", doc! { "type": "app", "status": "online" }),
        ("users", doc! { "roles": ["guest"] }),
        ("users", doc! { "active": false }),
        ("users", doc! { "federated": true }),
        ("users", doc! { "isRemote": true }),
        ("users", doc! { "type": null }),
        (
            "users",
            doc! { "roles": "livechat-agent", "statusLivechat": "available" },
        ),
        ("users", doc! { "services.totp.enabled": true }),
        (
            "users",
            doc! { "status": "busy", "statusConnection": "online" },
        ),
        (
            "users",
            doc! { "status": "offline", "statusConnection": "online" },
        ),
        ("users", doc! { "status": "away" }),
        ("rocketchat_room", doc! { "t": "c", "broadcast": true }),
        ("rocketchat_room", doc! { "t": "p", "encrypted": true }),
        ("rocketchat_room", doc! { "t": "d" }),
        ("rocketchat_room", doc! { "t": "l", "open": true }),
        ("rocketchat_room", doc! { "t": "l", "closedAt": yes() }),
        ("rocketchat_room", doc! { "t": "v" }),
        ("rocketchat_room", doc! { "teamMain": true }),
        ("rocketchat_room", doc! { "prid": yes() }),
        ("rocketchat_message", doc! { "t": "uj" }),
        ("rocketchat_message", doc! { "t": "e2e" }),
        ("rocketchat_message", doc! { "tcount": yes(), "tlm": yes() }),
        ("rocketchat_message", doc! { "tmid": yes() }),
        ("rocketchat_message", doc! { "pinned": true }),
        ("rocketchat_message", doc! { "starred._id": yes() }),
        ("rocketchat_uploads", doc! { "typeGroup": "thumb" }),
        ("rocketchat_sessions", doc! { "type": "user_daily" }),
        ("rocketchat_sessions", doc! { "type": "session" }),
        ("rocketchat_subscription", doc! { "ls": yes() }),
        ("rocketchat_livechat_inquiry", doc! { "status": "queued" }),
        ("rocketchat_livechat_inquiry", doc! { "status": "taken" }),
        ("rocketchat_notification_queue", doc! {}),
        ("migrations", doc! { "_id": "control" }),
    ];
    for (collection, filter) in kinds {
        assert!(
            count(&database, collection, filter.clone()).await? > 0,
            "{collection} has no {filter}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn only_the_admin_may_view_statistics() -> Result<()> {
    let (_mongod, database) = fresh().await?;
    let credentials = workspace::fill(&database, &Size::small(), DateTime::now()).await?;
    let permissions = database.collection::<Document>("rocketchat_permissions");
    let permission = permissions
        .find_one(doc! { "_id": "view-statistics" })
        .await?
        .context("the permission exists")?;
    let allowed = permission.get_array("roles")?;
    let may_see = |user: &Document| {
        user.get_array("roles")
            .is_ok_and(|roles| roles.iter().any(|role| allowed.contains(role)))
    };
    assert!(may_see(&user_of(&database, &credentials.admin).await?));
    assert!(!may_see(&user_of(&database, &credentials.plain).await?));
    Ok(())
}

#[tokio::test]
async fn presence_matches_connections_before_and_during_simulation() -> Result<()> {
    let (_mongod, database) = fresh().await?;
    workspace::fill(&database, &Size::small(), DateTime::now()).await?;
    assert_consistent(&database).await?;
    workspace::simulate(
        database.clone(),
        tokio::time::sleep(Duration::from_millis(3500)),
    )
    .await?;
    assert_consistent(&database).await
}

async fn assert_consistent(database: &Database) -> Result<()> {
    let instances: Vec<Bson> = all(database, "instances")
        .await?
        .iter()
        .filter_map(|one| one.get("_id").cloned())
        .collect();
    let sessions = all(database, "usersSessions").await?;
    for user in all(database, "users").await? {
        let id = user.get_str("_id")?;
        let Ok(shown) = user.get_str("status") else {
            continue;
        };
        let Ok(connection) = user.get_str("statusConnection") else {
            assert!(
                user.get_array("roles")?
                    .iter()
                    .all(|role| matches!(role.as_str(), Some("bot" | "app"))),
                "{id}"
            );
            continue;
        };
        let session = sessions
            .iter()
            .find(|session| session.get_str("_id").is_ok_and(|other| other == id));
        let connections = session
            .and_then(|session| session.get_array("connections").ok())
            .cloned()
            .unwrap_or_default();
        let states: Vec<&str> = connections
            .iter()
            .filter_map(|connection| connection.as_document()?.get_str("status").ok())
            .collect();
        let best = if states.contains(&"online") {
            "online"
        } else {
            states.last().copied().unwrap_or("offline")
        };
        assert_eq!(connection, best, "{id}");
        let chosen = user.get_str("statusDefault")?;
        let expected = if best == "offline" || chosen == "online" {
            best
        } else {
            chosen
        };
        assert_eq!(shown, expected, "{id}");
        for connection in connections {
            let instance = connection
                .as_document()
                .and_then(|connection| connection.get("instanceId"));
            assert!(
                instance.is_some_and(|instance| instances.contains(instance)),
                "{id}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn fill_needs_an_empty_database_and_is_deterministic() -> Result<()> {
    let (_mongod, database) = fresh().await?;
    let now = DateTime::now();
    let first = workspace::fill(&database, &Size::small(), now).await?;
    let error = workspace::fill(&database, &Size::small(), now)
        .await
        .expect_err("it is not empty");
    assert!(
        error.to_string().contains("`rocketchat` is not empty"),
        "{error}"
    );
    let other = database.client().database("other");
    assert_eq!(workspace::fill(&other, &Size::small(), now).await?, first);
    for collection in database.list_collection_names().await? {
        assert_eq!(
            all(&database, &collection).await?,
            all(&other, &collection).await?,
            "{collection}"
        );
    }
    Ok(())
}

//! `/info`: rows that depend on the version of Rocket.Chat.

use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use sha2::{Digest, Sha256};

use crate::support::{Exporter, empty_workspace, uri_of};

const SITE_URL: &str = "https://chat.example.com/";

/// The Info page of a workspace whose newest stored statistics are of a version, with these settings.
async fn page_of(version: &str, settings: &[(&str, Bson)]) -> String {
    let database = empty_workspace().await;
    insert(
        &database,
        "rocketchat_statistics",
        doc! { "version": version, "createdAt": DateTime::now(), "oplogEnabled": false },
    )
    .await;
    for (id, value) in settings {
        insert(
            &database,
            "rocketchat_settings",
            doc! { "_id": id, "value": value },
        )
        .await;
    }
    page_on(&database).await
}

async fn page_on(database: &Database) -> String {
    let exporter = Exporter::on(&uri_of(database), &[]);
    exporter.wait_for_collectors().await;
    exporter.get("/info").text()
}

async fn insert(database: &Database, collection: &str, document: Document) {
    database
        .collection(collection)
        .insert_one(document)
        .await
        .expect("the document can be inserted");
}

/// The card with an id.
fn card<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("<section class=\"card\" id=\"{id}\""))
        .expect("the page has the card");
    rest.split("</section>").next().unwrap_or_default()
}

/// The labels of a card's rows.
fn labels(card: &str) -> Vec<&str> {
    card.split("<dt>")
        .skip(1)
        .filter_map(|rest| rest.split("</dt>").next())
        .collect()
}

/// The value of a row, with its markup.
fn value<'a>(card: &'a str, label: &str) -> &'a str {
    let (_, rest) = card
        .split_once(&format!("<dt>{label}</dt><dd>"))
        .unwrap_or_else(|| panic!("{label} in {card}"));
    rest.split("</dd>").next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn site_url_and_its_hash_follow_the_version_from_8_4_on() {
    let settings = [("Site_Url", SITE_URL.into()), ("uniqueID", "id".into())];
    let page = page_of("8.6.1", &settings).await;
    let deployment = card(&page, "deployment");
    assert_eq!(
        labels(deployment)[..4],
        ["Version", "Site URL", "Hashed Site URL", "Deployment ID"]
    );
    assert_eq!(value(deployment, "Site URL"), "chat.example.com");
    let hash = hex::encode(Sha256::digest("chat.example.com"));
    assert_eq!(value(deployment, "Hashed Site URL"), hash);
    let older = page_of("8.3.2", &settings).await;
    let labels = labels(card(&older, "deployment"));
    assert_eq!(labels[..2], ["Version", "Deployment ID"]);
    assert!(!labels.contains(&"Site URL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_without_a_site_url_has_no_row_for_it() {
    let page = page_of("8.6.1", &[("Site_Url", "".into())]).await;
    let labels = labels(card(&page, "deployment"));
    assert!(!labels.contains(&"Site URL") && !labels.contains(&"Hashed Site URL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn oplog_is_shown_before_8_4_only() {
    let older = page_of("8.3.2", &[]).await;
    assert!(value(card(&older, "deployment"), "MongoDB").contains("(oplog "));
    let newer = page_of("8.6.1", &[]).await;
    let mongodb = value(card(&newer, "deployment"), "MongoDB").to_owned();
    assert!(mongodb.contains(" / "), "{mongodb}");
    assert!(!newer.contains("oplog"), "{mongodb}");
}

#[tokio::test(flavor = "multi_thread")]
async fn federation_card_of_9_0_shows_native_federation_only() {
    let settings = [
        ("Federation_Service_Enabled", true.into()),
        ("Federation_Service_Domain", "matrix.example.com".into()),
    ];
    let page = page_of("9.0.0", &settings).await;
    let federation = card(&page, "federation");
    assert_eq!(
        labels(federation),
        ["Federation Enabled", "Domain", "Users", "Rooms"]
    );
    assert!(value(federation, "Federation Enabled").contains("Yes"));
    assert_eq!(value(federation, "Domain"), "matrix.example.com");
    let older = page_of("8.6.1", &settings).await;
    let labels = labels(card(&older, "federation"));
    assert!(labels.contains(&"Federation Healthy"), "{labels:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_shown_beside_presence_from_9_0_on() {
    let database = empty_workspace().await;
    let statistics = doc! { "version": "9.0.0", "createdAt": DateTime::now() };
    insert(&database, "rocketchat_statistics", statistics).await;
    let heartbeat = doc! { "_id": "instance", "_updatedAt": DateTime::now() };
    insert(&database, "instances", heartbeat).await;
    for id in ["one", "other"] {
        let user = doc! { "_id": id, "type": "user", "active": true, "status": "offline", "presenceDisabledByAdmin": true };
        insert(&database, "users", user).await;
    }
    let connection = |id: &str| doc! { "id": id, "instanceId": "instance", "status": "online" };
    let session = doc! { "_id": "one", "connections": [connection("a"), connection("b")] };
    insert(&database, "usersSessions", session).await;
    let enabled = page_on(&database).await;
    let users = card(&enabled, "users");
    assert_eq!(
        labels(users)[4..],
        ["Offline", "People connected", "Connections"]
    );
    assert!(value(users, "Online").contains("value=\"0\""));
    assert_eq!(value(users, "People connected"), "1");
    assert_eq!(value(users, "Connections"), "2");
    assert!(!users.contains("appear offline"));
    let disabled = doc! { "_id": "Accounts_UserStatus_Enabled", "value": false };
    insert(&database, "rocketchat_settings", disabled).await;
    let page = page_on(&database).await;
    assert!(card(&page, "users").contains("all of them appear offline"));
}

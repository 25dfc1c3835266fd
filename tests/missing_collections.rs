//! Workspaces without the collections of features that were never used.

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::support::{Exporter, fresh_database, uri_of};

/// An administrator, its permission, and a setting that every workspace has.
fn minimal_documents() -> Vec<(&'static str, Document)> {
    // SHA-256 of `token`, in base64.
    let hashed = "PEaenWxYddN6Q/NT1PiOYfz4EsZu7jRXRlpAsNpBU+A=";
    let admin = doc! {
        "_id": "admin", "username": "admin", "active": true, "roles": ["admin"],
        "services": { "resume": { "loginTokens": [{ "hashedToken": hashed }] } },
    };
    vec![
        ("users", admin),
        (
            "rocketchat_permissions",
            doc! { "_id": "view-statistics", "roles": ["admin"] },
        ),
        (
            "rocketchat_settings",
            doc! { "_id": "uniqueID", "value": "unique" },
        ),
    ]
}

/// The statistics document of a workspace that has nothing else, for a version, after all collectors have succeeded.
async fn minimal_statistics(version: &str, arguments: &[&str]) -> Value {
    let database = fresh_database().await;
    for (collection, document) in minimal_documents() {
        database
            .collection(collection)
            .insert_one(document)
            .await
            .expect("the document can be inserted");
    }
    let version = format!("--rocketchat.version={version}");
    let fixed = ["--debug.now=2026-11-21T12:00:00Z", &version];
    let exporter = Exporter::on(&uri_of(&database), &[&fixed, arguments].concat());
    exporter.wait_for_collectors().await;
    let headers = [("X-User-Id", "admin"), ("X-Auth-Token", "token")];
    let response = exporter.request("GET", "/api/v1/statistics?shape=flat", &headers);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("x-rocketchat-exporter-missing"), "");
    response.json()
}

/// Compares values at dotted paths of a document.
fn expect(document: &Value, expected: &[(&str, Option<Value>)]) {
    for (path, value) in expected {
        let found = path
            .split('.')
            .try_fold(document, |value, name| value.get(name));
        assert_eq!(found, value.as_ref(), "{path}");
    }
}

fn zero(path: &str) -> (&str, Option<Value>) {
    (path, Some(json!(0)))
}

fn absent(path: &str) -> (&str, Option<Value>) {
    (path, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_old_workspace_has_zeros() {
    let document = minimal_statistics("0.61.0", &[]).await;
    expect(
        &document,
        &[
            ("totalUsers", Some(json!(1))),
            ("activeUsers", Some(json!(1))),
            zero("onlineUsers"),
            zero("totalRooms"),
            zero("totlalLivechat"),
            zero("totalMessages"),
            zero("totalChannelMessages"),
            zero("instanceCount"),
            absent("lastLogin"),
            absent("lastMessageSentAt"),
            absent("migration"),
            absent("wizard"),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_workspace_of_3_4_has_zeros_and_empty_periods() {
    let document = minimal_statistics("3.4.0", &[]).await;
    let empty = json!({ "year": 2026, "month": 11, "day": 20, "data": [] });
    let empty_month_before = json!({ "year": 2026, "month": 10, "day": 21, "data": [] });
    expect(
        &document,
        &[
            zero("totalThreads"),
            zero("totalDiscussions"),
            zero("totalLivechatVisitors"),
            zero("totalLivechatAgents"),
            zero("uploadsTotal"),
            zero("uploadsTotalSize"),
            zero("federatedServers"),
            zero("federatedUsers"),
            zero("pushQueue"),
            zero("apps.totalInstalled"),
            zero("integrations.totalIntegrations"),
            ("wizard", Some(json!({}))),
            ("uniqueUsersOfYesterday", Some(empty.clone())),
            ("uniqueUsersOfLastMonth", Some(empty_month_before)),
            ("uniqueDevicesOfYesterday", Some(empty.clone())),
            ("uniqueOSOfLastMonth", Some(empty)),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_workspace_of_8_3_has_zeros_with_and_without_a_license() {
    let licensed = minimal_statistics("8.3.0", &["--rocketchat.license-modules=*"]).await;
    let unlicensed = minimal_statistics("8.3.0", &[]).await;
    let empty = json!({ "contactsCount": 0, "conversationsCount": 0, "sources": [] });
    for document in [&licensed, &unlicensed] {
        expect(
            document,
            &[
                ("userLanguages", Some(json!({ "none": 1 }))),
                ("lastLogin", Some(json!(""))),
                ("lastMessageSentAt", Some(Value::Null)),
                ("lastSeenSubscription", Some(json!(""))),
                ("omnichannelSources", Some(json!([]))),
                ("omnichannelContactsBySource", Some(empty.clone())),
                ("uniqueContactsOfLastWeek", Some(empty.clone())),
                zero("departments"),
                zero("BusinessHours.total"),
                zero("chatsOnHold"),
                zero("totalStarred"),
                zero("totalRoomsWithPinned"),
                zero("totalEncryptedMessages"),
                zero("teams.totalTeams"),
                zero("teams.totalRoomsInsideTeams"),
                zero("totalUserRoles"),
                zero("totalLinkInvitation"),
                zero("totalLinkInvitationUses"),
                zero("videoConf.direct.calling"),
                zero("contactVerification.totalContacts"),
                zero("contactVerification.avgChannelsPerContact"),
                zero("enterprise.seatRequests"),
                ("matrixFederation.biggestRoom", Some(Value::Null)),
                zero("matrixFederation.externalConnectedServers.quantity"),
            ],
        );
    }
    expect(
        &licensed,
        &[
            zero("enterprise.livechatTags"),
            zero("enterprise.livechatMonitors"),
            zero("enterprise.omnichannelRoomsWithSlas"),
            zero("abacTotalAttributes"),
            zero("abacRoomsEnrolled"),
        ],
    );
    expect(
        &unlicensed,
        &[
            absent("enterprise.livechatTags"),
            absent("abacTotalAttributes"),
        ],
    );
}

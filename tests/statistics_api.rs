//! `GET /api/v1/statistics`: shapes, refresh and authorization.

use std::time::Instant;

use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};

use crate::support::{
    Filled, SharedWorkspace, Workspace, WorkspaceExporter, eventually, shared_exporter,
    shared_workspace,
};

const PATH: &str = "/api/v1/statistics";

#[tokio::test(flavor = "multi_thread")]
async fn nested_shape_is_the_default_and_has_both_livechat_spellings() {
    let workspace = shared_exporter(&[]).await;
    let response = workspace.get(PATH).json();
    assert_eq!(response["success"], true);
    let statistics = response["statistics"]
        .as_object()
        .expect("the document is nested");
    let livechat = &statistics["totalLivechat"];
    assert!(livechat.is_u64());
    assert_eq!(&statistics["totlalLivechat"], livechat);
    let first: Vec<_> = statistics.keys().take(2).collect();
    assert_eq!(first, ["_id", "wizard"]);
    assert!(statistics["os"]["cpus"][0]["times"]["idle"].is_u64());
    assert!(statistics["os"]["loadavg"].is_array());
    assert!(statistics["createdAt"].as_str().is_some_and(is_iso));
    assert!(statistics["lastMessageSentAt"].as_str().is_some_and(is_iso));
}

fn readings(workspace: &WorkspaceExporter, collector: &str) -> f64 {
    let series =
        format!("rocketchat_exporter_collector_readings_total{{collector=\"{collector}\"}}");
    let readings = workspace.exporter.value(&series);
    readings.expect("the collector has read")
}

fn is_iso(text: &str) -> bool {
    text.len() == "2018-02-18T19:40:45.369Z".len() && text.ends_with('Z')
}

#[tokio::test(flavor = "multi_thread")]
async fn shape_is_set_by_flag_and_by_parameter() {
    let workspace = shared_workspace()
        .await
        .start(&["--statistics.shape=flat"])
        .await;
    let flat = workspace.get(PATH).json();
    assert!(flat["totalUsers"].is_u64());
    assert_eq!(flat["success"], true);
    assert_eq!(flat.get("totlalLivechat"), None);
    let nested = workspace.get(&format!("{PATH}?shape=nested")).json();
    assert!(nested["statistics"]["totalUsers"].is_u64());
    let wrong = workspace.get(&format!("{PATH}?shape=round"));
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.json()["errorType"], "error-invalid-shape");
}

#[tokio::test(flavor = "multi_thread")]
async fn document_imitates_the_configured_version() {
    let workspace = shared_workspace()
        .await
        .start(&["--rocketchat.version=0.61.2"])
        .await;
    let response = workspace.get(PATH).json();
    let statistics = response["statistics"]
        .as_object()
        .expect("the document is nested");
    // Before 3.1 the total was the number of documents, not the sum of counters.
    let documents = workspace
        .exporter
        .value("rocketchat_messages")
        .expect("messages were counted");
    assert_eq!(statistics["totalMessages"].as_f64(), Some(documents));
    assert!(statistics["lastLogin"].as_str().is_some_and(is_iso));
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_requires_exactly_true() {
    let workspace = Workspace::start(&[]).await;
    let users = workspace.database.collection("users");
    let before = workspace.get(PATH).json()["statistics"]["totalUsers"].clone();
    users
        .insert_one(doc! { "_id": "newcomer", "active": true, "type": "user" })
        .await
        .expect("a user can be inserted");
    for query in [
        "",
        "?refresh",
        "?refresh=TRUE",
        "?refresh=1",
        "?refresh[]=true",
        "?refresh=true&refresh=true",
    ] {
        let response = workspace.get(&format!("{PATH}{query}")).json();
        assert_eq!(response["statistics"]["totalUsers"], before, "{query}");
    }
    let fresh = workspace.get(&format!("{PATH}?refresh=true")).json();
    assert_eq!(
        fresh["statistics"]["totalUsers"].as_u64(),
        before.as_u64().map(|before| before + 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_runs_only_collectors_of_the_document() {
    let workspace = shared_workspace().await.start(&[]).await;
    let both = || ["users", "jobs"].map(|collector| readings(&workspace, collector));
    let before = both();
    assert_eq!(workspace.get(&format!("{PATH}?refresh=true")).status, 200);
    let after = eventually("the metrics show the refresh", || {
        let after = both();
        (after[0] > before[0]).then_some(after)
    })
    .await;
    assert!(after[1] <= before[1], "{before:?}, {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_share_reads() {
    let workspace = shared_workspace().await.start(&[]).await;
    let before = readings(&workspace, "users");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let response = workspace.get(&format!("{PATH}?refresh=true"));
                assert_eq!(response.status, 200);
            });
        }
    });
    let read = readings(&workspace, "users") - before;
    // A read in progress, the read that serves all requests, and a few for late requests.
    assert!((1.0..10.0).contains(&read), "{read} reads for 20 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn unauthenticated_requests_are_rejected_with_a_delay() {
    let workspace = shared_workspace().await.start(&[]).await;
    let admin = &workspace.credentials.admin;
    let refusal = json!({
        "success": false,
        "error": "You must be logged in to do this.",
        "status": "error",
        "message": "You must be logged in to do this.",
    });
    let id = ("X-User-Id", admin.user_id.as_str());
    let token = ("X-Auth-Token", admin.token.as_str());
    let attempts: [&[(&str, &str)]; 6] = [
        &[],
        &[id],
        &[token],
        &[id, ("X-Auth-Token", "wrong")],
        &[token, ("X-User-Id", "unknown")],
        &[id, token, token],
    ];
    for headers in attempts {
        let begun = Instant::now();
        let response = workspace.exporter.request("GET", PATH, headers);
        assert_eq!(response.status, 401, "{headers:?}");
        assert_eq!(response.json(), refusal, "{headers:?}");
        assert!(begun.elapsed().as_millis() >= 500, "{headers:?}");
    }
    let older = shared_workspace()
        .await
        .start(&["--rocketchat.version=3.4.0"])
        .await;
    let response = older.exporter.get(PATH);
    assert_eq!(
        response.json(),
        json!({ "status": "error", "message": "You must be logged in to do this." })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_the_permission_are_rejected() {
    let workspace = Workspace::start(&["--rocketchat.version=8.9.0"]).await;
    for path in [PATH, "/statistics.json"] {
        let response = workspace.get_as(&workspace.credentials.plain, path);
        assert_eq!(response.status, 400, "{path}");
        assert_eq!(
            response.json(),
            json!({ "success": false, "error": "error-not-allowed" }),
            "{path}"
        );
    }
    workspace
        .database
        .collection::<mongodb::bson::Document>("rocketchat_permissions")
        .delete_one(doc! { "_id": "view-statistics" })
        .await
        .expect("the permission can be removed");
    assert_eq!(
        workspace.get(PATH).status,
        400,
        "the permission is not required"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deactivated_admin_is_rejected() {
    let workspace = Workspace::start(&[]).await;
    workspace
        .database
        .collection::<mongodb::bson::Document>("users")
        .update_one(
            doc! { "_id": &workspace.credentials.admin.user_id },
            doc! { "$set": { "active": false } },
        )
        .await
        .expect("the admin can be deactivated");
    assert_eq!(workspace.get(PATH).status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn download_is_the_same_document() {
    let workspace = shared_exporter(&[]).await;
    let download = workspace.get("/statistics.json");
    assert_eq!(
        download.header("content-disposition"),
        "attachment; filename=\"statistics.json\""
    );
    assert_eq!(download.header("cache-control"), "no-store");
    assert_eq!(download.json(), workspace.get(PATH).json());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_the_stored_document_are_not_shown() {
    let workspace = Workspace::start(&[]).await;
    let latest = doc! {
        "createdAt": DateTime::from_millis(DateTime::now().timestamp_millis() + 1000),
        "version": "7.7.1",
        "statsToken": "hidden-1",
        "settings": { "email": { "smtp": { "smtpHost": "hidden-2" }, "fromEmail": "hidden-3" } },
        "wizard": { "contactName": "hidden-4", "contactEmail": "hidden-5" },
        "somethingNew": 1,
    };
    workspace
        .database
        .collection("rocketchat_statistics")
        .insert_one(latest)
        .await
        .expect("a document can be inserted");
    let response = workspace.get(&format!("{PATH}?refresh=true"));
    assert_eq!(response.json()["statistics"]["somethingNew"], 1);
    assert!(!response.text().contains("hidden"), "{}", response.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_section_is_omitted_and_named() {
    let workspace = Workspace::start(&[]).await;
    let admin = workspace.database.client().database("admin");
    let namespace = format!("{}.rocketchat_uploads", workspace.database.name());
    admin
        .run_command(doc! {
            "configureFailPoint": "failCommand",
            "mode": "alwaysOn",
            "data": { "failCommands": ["aggregate"], "errorCode": 2, "namespace": namespace },
        })
        .await
        .expect("the fail point can be set");
    let response = workspace.get(&format!("{PATH}?refresh=true&shape=flat"));
    admin
        .run_command(doc! { "configureFailPoint": "failCommand", "mode": "off" })
        .await
        .expect("the fail point can be removed");
    let document = response.json();
    assert_eq!(response.header("x-rocketchat-exporter-missing"), "uploads");
    assert_eq!(document.get("uploadsTotal"), None);
    assert!(document["totalUsers"].is_u64());
    assert_ne!(document["totalRooms"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn oplog_is_never_enabled_from_8_3_on() {
    let filled = Filled::new().await;
    // Stored by an earlier version.
    let stored = doc! { "createdAt": DateTime::now(), "version": "7.7.1", "oplogEnabled": true };
    let statistics = filled.collection("rocketchat_statistics");
    let inserted = statistics.insert_one(stored).await;
    inserted.expect("a document can be inserted");
    let workspace = SharedWorkspace::new(filled).await;
    for (version, enabled) in [("8.2.0", true), ("8.3.0", false)] {
        let version = format!("--rocketchat.version={version}");
        let exporter = workspace.start(&[&version]).await;
        let document = exporter.get(&format!("{PATH}?shape=flat")).json();
        assert_eq!(document["oplogEnabled"], enabled, "{version}");
    }
}

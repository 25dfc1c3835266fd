//! The REST API of 9.0: missing permissions, removed parameters, and the workspace URL in `/api/info` from 8.4 on.

use mongodb::bson::{DateTime, doc};
use serde_json::json;

use crate::support::{Filled, shared_exporter, shared_workspace};

const LIST: &str = "/api/v1/statistics.list";
const FLAG: &str = "--rocketchat.allow-unsafe-query-and-fields-api-params";
const NO_EFFECT: &str = "has no effect: Rocket.Chat 9.0 removed query and fields";

#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_is_403_from_9_0_on() {
    for (version, status, body) in [
        (
            "8.9.0",
            400,
            json!({ "success": false, "error": "error-not-allowed" }),
        ),
        (
            "9.0.0",
            403,
            json!({ "success": false, "error": "error-not-allowed", "errorType": "error-forbidden" }),
        ),
    ] {
        let workspace = shared_exporter(&[&format!("--rocketchat.version={version}")]).await;
        for path in ["/api/v1/statistics", LIST] {
            let response = workspace.get_as(&workspace.credentials.plain, path);
            assert_eq!(response.status, status, "{version} {path}");
            assert_eq!(response.json(), body, "{version} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_and_fields_are_ignored_from_9_0_on_with_and_without_the_flag() {
    let path = format!("{LIST}?query=%7B%22_id%22%3A%22none%22%7D");
    for (version, total) in [("8.9.0", 0), ("9.0.0", 5)] {
        let version = format!("--rocketchat.version={version}");
        let workspace = shared_workspace().await.start(&[FLAG, &version]).await;
        let response = workspace.get(&path);
        assert_eq!(response.status, 200, "{version}");
        assert_eq!(response.json()["total"], total, "{version}");
        let malformed = workspace.get(&format!("{LIST}?fields=%7Bbad"));
        let expected = if total == 0 { 400 } else { 200 };
        assert_eq!(malformed.status, expected, "{version}");
        let times = usize::from(total != 0);
        workspace.exporter.logged_times(NO_EFFECT, times).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flag_without_effect_is_logged_once_the_stored_version_is_known() {
    let filled = Filled::new().await;
    filled
        .collection("rocketchat_statistics")
        .insert_one(doc! {
            "createdAt": DateTime::from_millis(DateTime::now().timestamp_millis() + 1000),
            "version": "9.0.0",
        })
        .await
        .expect("a document can be stored");
    let workspace = filled.start(&[FLAG]).await;
    workspace.exporter.logged_times(NO_EFFECT, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_url_is_public_from_8_4_on() {
    let filled = Filled::new().await;
    filled.set("Site_Url", "https://chat.example.com/").await;
    filled.set("Cloud_Workspace_Id", "64d2f0c5").await;
    let before = filled.exporter(&["--rocketchat.version=8.3.8"]).await;
    assert_eq!(
        before.exporter.get("/api/info").json(),
        json!({ "version": "8.3", "success": true })
    );
    let after = filled.exporter(&["--rocketchat.version=8.4.0"]).await;
    assert_eq!(
        after.exporter.get("/api/info").text(),
        json!({
            "workspaceUrl": "chat.example.com",
            "hashedWorkspaceUrl": "ac199dc1f4596619e9a8b4a94868e95ea3a82807f6cf3263e83130af6d944dd0",
            "version": "8.4",
            "cloudWorkspaceId": "64d2f0c5",
            "success": true,
        })
        .to_string()
    );
    assert_eq!(after.get("/api/info").json()["version"], "8.4.0");
    assert_eq!(
        after.exporter.get("/api/v1/info").json(),
        json!({ "info": { "version": "8.4" }, "success": true })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_without_a_site_url_has_no_address() {
    let filled = Filled::new().await;
    filled.set("Site_Url", "").await;
    filled.set("Cloud_Workspace_Id", "").await;
    let workspace = filled.exporter(&["--rocketchat.version=9.0.0"]).await;
    assert_eq!(
        workspace.exporter.get("/api/info").json(),
        json!({ "version": "9.0", "cloudWorkspaceId": "", "success": true })
    );
}

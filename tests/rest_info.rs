//! `GET /api/info` and `GET /api/v1/info`.

use mongodb::bson::{DateTime, doc};
use serde_json::json;

use crate::support::{Exporter, Filled, empty_workspace, uri_of};

#[tokio::test(flavor = "multi_thread")]
async fn version_is_public_and_build_details_need_the_permission() {
    let filled = Filled::new().await;
    let latest = doc! {
        "createdAt": DateTime::from_millis(DateTime::now().timestamp_millis() + 1000),
        "version": "7.7.1-rc.0",
        "tag": "7.7.1",
        "branch": "HEAD",
        "apps": { "engineVersion": "1.51.0", "totalInstalled": 1 },
    };
    filled
        .collection("rocketchat_statistics")
        .insert_one(latest)
        .await
        .expect("a document can be inserted");
    // This version does not run on the database of the workspace.
    filled
        .collection("migrations")
        .drop()
        .await
        .expect("a collection can be dropped");
    let workspace = filled.start(&[]).await;
    let version = |version: &str| json!({ "version": version, "success": true });
    assert_eq!(
        workspace.exporter.get("/api/info").json(),
        version("7.7"),
        "the patch version is hidden without a login"
    );
    assert_eq!(workspace.exporter.get("/api/info?").json(), version("7.7"));
    assert_eq!(workspace.get("/api/info").json(), version("7.7.1-rc.0"));
    let info = json!({ "info": { "version": "7.7" }, "success": true });
    assert_eq!(workspace.exporter.get("/api/v1/info").json(), info);
    let plain = workspace.get_as(&workspace.credentials.plain, "/api/v1/info");
    assert_eq!(plain.json(), info);
    assert_eq!(
        workspace.get("/api/v1/info").json(),
        json!({
            "info": {
                "version": "7.7.1-rc.0",
                "commit": { "tag": "7.7.1", "branch": "HEAD" },
                "marketplaceApiVersion": "1.51.0",
            },
            "success": true,
        })
    );
}

#[test]
fn unknown_version_is_503_and_a_configured_one_needs_no_database() {
    let exporter = Exporter::start(&[
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=1s",
    ]);
    for path in ["/api/info", "/api/v1/info"] {
        let response = exporter.get(path);
        assert_eq!(response.status, 503, "{path}");
        assert_eq!(response.json()["errorType"], "error-database-unavailable");
    }
    let exporter = Exporter::start(&[
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=1s",
        "--rocketchat.version=3.4.0",
    ]);
    assert_eq!(
        exporter.get("/api/info").json(),
        json!({ "version": "3.4.0", "success": true })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn version_that_nothing_tells_is_an_error_of_its_own() {
    let database = empty_workspace().await;
    let exporter = Exporter::on(&uri_of(&database), &[]);
    exporter.wait_for_collectors().await;
    for path in ["/api/info", "/api/v1/info"] {
        let response = exporter.get(path);
        assert_eq!(response.status, 503, "{path}");
        assert_eq!(response.json()["errorType"], "error-version-unknown");
        assert!(response.text().contains("--rocketchat.version"), "{path}");
    }
}

#[test]
fn configured_version_keeps_its_suffix() {
    let exporter = Exporter::start(&[
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=1s",
        "--rocketchat.version=3.9.0-rc.2",
    ]);
    assert_eq!(
        exporter.get("/api/info").json(),
        json!({ "version": "3.9.0-rc.2", "success": true })
    );
}

//! The license in the settings: the modules it enables, how it is verified, and that its text stays private.

use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::license::{PUBLIC_KEY, SECRETS, content, content_v2, v2, v3, with};
use crate::support::{Filled, SharedWorkspace, Workspace};

const NOW: &str = "--debug.now=2026-11-21T12:00:00Z";

/// Starts an exporter on a workspace with a site URL, a license, its status, and a setting that needs a module.
async fn with_license(text: impl Into<Bson>, status: &str, arguments: &[&str]) -> Workspace {
    // The tests share a workspace: each exporter reads it once, before the next test writes its license.
    static WORKSPACE: Mutex<Option<SharedWorkspace>> = Mutex::const_new(None);
    let mut workspace = WORKSPACE.lock().await;
    if workspace.is_none() {
        *workspace = Some(SharedWorkspace::new(Filled::new().await).await);
    }
    let shared = workspace.as_ref().expect("the workspace is filled");
    let filled = shared.filled().await;
    filled.set("Site_Url", "https://chat.example.com").await;
    filled.set("Enterprise_License", text).await;
    filled.set("Enterprise_License_Status", status).await;
    filled
        .collection("rocketchat_settings")
        .update_one(
            doc! { "_id": "Message_Read_Receipt_Enabled" },
            doc! { "$set": {
                "value": true,
                "invalidValue": false,
                "enterprise": true,
                "modules": ["auditing"],
            } },
        )
        .upsert(true)
        .await
        .expect("the setting can be updated");
    filled.start(&[&[NOW], arguments].concat()).await
}

/// The statistics document that the workspace's admin sees.
fn document(workspace: &Workspace) -> Value {
    let response = workspace.get("/api/v1/statistics?shape=flat");
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

fn value(workspace: &Workspace, series: &str) -> Option<f64> {
    workspace.exporter.value(series)
}

fn assert_has_line(workspace: &Workspace, line: &str) {
    let metrics = workspace.exporter.metrics();
    let own: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("rocketchat_license"))
        .collect();
    assert!(own.contains(&line), "{line} is missing from {own:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_license_enables_licensed_fields() {
    let workspace = with_license(v3(&content()), "Valid", &[]).await;
    assert_has_line(
        &workspace,
        r#"rocketchat_license_info{format="3",plan="Enterprise",trial="false",offline="true",voucher="status",reason=""} 1"#,
    );
    for (series, expected) in [
        ("rocketchat_license_valid", 1.0),
        (
            r#"rocketchat_license_module_granted{module="livechat-enterprise"}"#,
            1.0,
        ),
        (r#"rocketchat_license_module_granted{module="abac"}"#, 0.0),
        ("rocketchat_license_other_modules", 1.0),
        (r#"rocketchat_license_limit{limit="active_users"}"#, 500.0),
        (r#"rocketchat_license_limit{limit="private_apps"}"#, 3.0),
        (
            "rocketchat_license_expiry_timestamp_seconds",
            1_798_761_600.0,
        ),
        (
            "rocketchat_license_shown_expiry_timestamp_seconds",
            1_796_083_200.0,
        ),
        ("rocketchat_license_trial", 0.0),
    ] {
        assert_eq!(value(&workspace, series), Some(expected), "{series}");
    }
    let unlimited = r#"rocketchat_license_limit{limit="guest_users"}"#;
    assert_eq!(value(&workspace, unlimited), None);
    let seats = value(&workspace, "rocketchat_seats_used");
    assert!(seats > Some(0.0));
    let used = r#"rocketchat_license_used{limit="active_users"}"#;
    assert_eq!(value(&workspace, used), seats);

    let document = document(&workspace);
    let enterprise = &document["enterprise"];
    assert_eq!(
        enterprise["modules"],
        json!(["livechat-enterprise", "auditing", "some-app.addon"])
    );
    assert_eq!(enterprise["tags"], json!(["Enterprise"]));
    assert!(enterprise["livechatTags"].is_number(), "{enterprise}");
    assert_eq!(document["readReceiptsEnabled"], json!(true));
}

/// Asserts that the exporter treats the workspace as one without a license.
fn assert_community(workspace: &Workspace) {
    assert_eq!(value(workspace, "rocketchat_license_valid"), Some(0.0));
    let document = document(workspace);
    let enterprise = &document["enterprise"];
    assert_eq!(enterprise["modules"], json!([]));
    assert_eq!(enterprise["tags"], json!([]));
    assert_eq!(enterprise.get("livechatTags"), None);
    assert_eq!(document["readReceiptsEnabled"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_license_disables_licensed_fields() {
    let another_address = with("/validation/serverUrls/0/value", json!("chat.example.org"));
    let expired = with("/validation/validPeriods/0/validUntil", json!("2026-11-20"));
    for (content, status, reason) in [
        (content(), "Invalid", "status"),
        (content(), "", "unconfirmed"),
        (another_address, "Valid", "address"),
        (expired, "Valid", "expired"),
    ] {
        let workspace = with_license(v3(&content), status, &[]).await;
        assert_community(&workspace);
        let metrics = workspace.exporter.metrics();
        assert!(
            metrics.contains(&format!("reason=\"{reason}\"}} 1")),
            "{reason}: {metrics}"
        );
        let module = r#"rocketchat_license_module_granted{module="auditing"}"#;
        assert_eq!(value(&workspace, module), Some(0.0), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn community_workspace_shows_only_that_it_has_no_license() {
    let workspace = with_license("", "", &[]).await;
    assert_community(&workspace);
    let metrics = workspace.exporter.metrics();
    let mut samples = metrics
        .lines()
        .filter(|line| line.starts_with("rocketchat_license"));
    assert_eq!(samples.next(), Some("rocketchat_license_valid 0"));
    assert_eq!(samples.next(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn license_modules_flag_overrides_the_license() {
    let flag = "--rocketchat.license-modules=abac";
    let workspace = with_license(v3(&content()), "Valid", &[flag]).await;
    assert_eq!(value(&workspace, "rocketchat_license_valid"), Some(1.0));
    for (module, granted) in [("abac", 1.0), ("auditing", 0.0)] {
        let series = format!("rocketchat_license_module_granted{{module=\"{module}\"}}");
        assert_eq!(value(&workspace, &series), Some(granted), "{module}");
    }
    let document = document(&workspace);
    assert_eq!(document["enterprise"]["modules"], json!(["abac"]));
    assert_eq!(document["readReceiptsEnabled"], json!(false));
}

/// A directory with the public key of the test licenses, and the flag that names the file.
fn key_flag() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("license.pem");
    std::fs::write(&file, PUBLIC_KEY).expect("the file can be written");
    let flag = format!("--rocketchat.license-public-key-file={}", file.display());
    (folder, flag)
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_decides_with_a_public_key() {
    let (_folder, flag) = key_flag();
    let workspace = with_license(v2(&content_v2()), "", &[&flag]).await;
    assert_has_line(
        &workspace,
        r#"rocketchat_license_info{format="2",plan="enterprise",trial="false",offline="false",voucher="signature",reason=""} 1"#,
    );
    assert_eq!(value(&workspace, "rocketchat_license_valid"), Some(1.0));
    assert_eq!(document(&workspace)["readReceiptsEnabled"], json!(true));

    let text = v3(&content());
    let (signed, _) = text.rsplit_once('.').expect("a license has three parts");
    let workspace = with_license(format!("{signed}.AAAA"), "Valid", &[&flag]).await;
    assert_community(&workspace);
    assert_has_line(
        &workspace,
        r#"rocketchat_license_info{format="3",plan="",trial="",offline="",voucher="status",reason="signature"} 1"#,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_license_grants_the_modules_of_the_stored_document() {
    let filled = Filled::new().await;
    filled
        .set("Enterprise_License", v2(&content_v2()).as_str())
        .await;
    filled.set("Enterprise_License_Status", "Valid").await;
    filled
        .collection("rocketchat_statistics")
        .update_many(
            Document::new(),
            doc! { "$set": { "enterprise": { "modules": ["abac"], "tags": ["Gold"] } } },
        )
        .await
        .expect("documents can be updated");
    let workspace = filled.start(&[NOW]).await;
    assert_has_line(
        &workspace,
        r#"rocketchat_license_info{format="2",plan="",trial="",offline="",voucher="status",reason=""} 1"#,
    );
    let module = r#"rocketchat_license_module_granted{module="abac"}"#;
    assert_eq!(value(&workspace, module), Some(1.0));
    let document = document(&workspace);
    assert_eq!(document["enterprise"]["modules"], json!(["abac"]));
    assert_eq!(document["enterprise"]["tags"], json!(["Gold"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_affects_only_the_license() {
    let giant = format!("RCV3_{}", "A".repeat(5_000_000));
    for (text, reason) in [
        (giant.as_str(), "too_long"),
        ("RCV3_\"}\n{", "not_a_license"),
    ] {
        let workspace = with_license(text, "Valid", &[]).await;
        assert_community(&workspace);
        let info = format!(
            r#"rocketchat_license_info{{format="{}",plan="",trial="",offline="",voucher="{}",reason="{reason}"}} 1"#,
            if reason == "too_long" { "" } else { "3" },
            if reason == "too_long" {
                "nobody"
            } else {
                "status"
            },
        );
        assert_has_line(&workspace, &info);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_that_is_not_a_string_is_no_license() {
    let workspace = with_license(doc! { "RCV3_": [1, 2] }, "Valid", &[]).await;
    assert_community(&workspace);
    let metrics = workspace.exporter.metrics();
    assert!(!metrics.contains("rocketchat_license_info{"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn license_text_is_never_shown() {
    let text = v3(&content());
    let (_folder, flag) = key_flag();
    let debug = "--log.level=debug";
    for arguments in [&[debug][..], &[debug, flag.as_str()]] {
        let workspace = with_license(text.as_str(), "Valid", arguments).await;
        let outputs = [
            workspace.exporter.metrics(),
            document(&workspace).to_string(),
            workspace.exporter.get("/").text(),
            workspace.exporter.log(),
        ];
        let parts = text.split('.').filter(|part| part.len() > 40);
        for secret in parts.map(|part| &part[..40]).chain(SECRETS) {
            for output in &outputs {
                assert!(!output.contains(secret), "{secret} in {output}");
            }
        }
    }
}

#[test]
fn key_file_without_a_key_is_refused_by_name() {
    let (folder, flag) = key_flag();
    std::fs::write(folder.path().join("license.pem"), "no key").expect("the file can be written");
    let output = crate::support::Exporter::command()
        .arg(&flag)
        .output()
        .expect("the exporter starts");
    assert_eq!(output.status.code(), Some(2));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("license-public-key-file"), "{log}");
    assert!(log.contains("expected an RSA public key"), "{log}");
}

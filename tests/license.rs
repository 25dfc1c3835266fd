//! The license in the settings: the modules it enables, what confirms it, and that its text stays private.

use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::license::{PUBLIC_KEY, SECRETS, content, content_v2, v2, v3, with};
use crate::support::{Filled, SharedWorkspace, Workspace};

const NOW: &str = "--debug.now=2026-11-21T12:00:00Z";

/// An exporter on a workspace with an address, a license, its status and a setting that needs a module.
async fn with_license(text: impl Into<Bson>, status: &str, arguments: &[&str]) -> Workspace {
    // One for all: an exporter reads it once, before the next license is written.
    static WORKSPACE: Mutex<Option<SharedWorkspace>> = Mutex::const_new(None);
    let mut workspace = WORKSPACE.lock().await;
    if workspace.is_none() {
        *workspace = Some(SharedWorkspace::new(Filled::new().await).await);
    }
    let shared = workspace.as_ref().expect("it has been filled");
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
        .expect("the setting can be written");
    filled.start(&[&[NOW], arguments].concat()).await
}

/// The statistics document that the workspace's admin sees.
fn document(workspace: &Workspace) -> Value {
    let answer = workspace.get("/api/v1/statistics?shape=flat");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn value(workspace: &Workspace, series: &str) -> Option<f64> {
    workspace.exporter.value(series)
}

fn has_line(workspace: &Workspace, line: &str) {
    let metrics = workspace.exporter.metrics();
    let own: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("rocketchat_license"))
        .collect();
    assert!(own.contains(&line), "{line} is not in {own:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_license_turns_on_what_needs_it() {
    let workspace = with_license(v3(&content()), "Valid", &[]).await;
    has_line(
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

/// Asserts that a workspace counts as one without a license.
fn is_community(workspace: &Workspace) {
    assert_eq!(value(workspace, "rocketchat_license_valid"), Some(0.0));
    let document = document(workspace);
    let enterprise = &document["enterprise"];
    assert_eq!(enterprise["modules"], json!([]));
    assert_eq!(enterprise["tags"], json!([]));
    assert_eq!(enterprise.get("livechatTags"), None);
    assert_eq!(document["readReceiptsEnabled"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_license_turns_everything_off() {
    let another_address = with("/validation/serverUrls/0/value", json!("chat.example.org"));
    let expired = with("/validation/validPeriods/0/validUntil", json!("2026-11-20"));
    for (content, status, reason) in [
        (content(), "Invalid", "status"),
        (content(), "", "unconfirmed"),
        (another_address, "Valid", "address"),
        (expired, "Valid", "expired"),
    ] {
        let workspace = with_license(v3(&content), status, &[]).await;
        is_community(&workspace);
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
async fn without_a_license_only_that_is_said() {
    let workspace = with_license("", "", &[]).await;
    is_community(&workspace);
    let metrics = workspace.exporter.metrics();
    let mut samples = metrics
        .lines()
        .filter(|line| line.starts_with("rocketchat_license"));
    assert_eq!(samples.next(), Some("rocketchat_license_valid 0"));
    assert_eq!(samples.next(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flag_goes_before_the_license() {
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

/// A folder with the public key of the tests' licenses, and the flag that names it.
fn key_flag() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("license.pem");
    std::fs::write(&file, PUBLIC_KEY).expect("the file can be written");
    let flag = format!("--rocketchat.license-public-key-file={}", file.display());
    (folder, flag)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_key_a_signature_decides() {
    let (_folder, flag) = key_flag();
    let workspace = with_license(v2(&content_v2()), "", &[&flag]).await;
    has_line(
        &workspace,
        r#"rocketchat_license_info{format="2",plan="enterprise",trial="false",offline="false",voucher="signature",reason=""} 1"#,
    );
    assert_eq!(value(&workspace, "rocketchat_license_valid"), Some(1.0));
    assert_eq!(document(&workspace)["readReceiptsEnabled"], json!(true));

    let text = v3(&content());
    let (signed, _) = text.rsplit_once('.').expect("it has three parts");
    let workspace = with_license(format!("{signed}.AAAA"), "Valid", &[&flag]).await;
    is_community(&workspace);
    has_line(
        &workspace,
        r#"rocketchat_license_info{format="3",plan="",trial="",offline="",voucher="status",reason="signature"} 1"#,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_rocket_chat_can_read_grants_what_its_statistics_name() {
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
        .expect("the document can be changed");
    let workspace = filled.start(&[NOW]).await;
    has_line(
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
async fn a_hostile_text_costs_nothing_but_the_license() {
    let giant = format!("RCV3_{}", "A".repeat(5_000_000));
    for (text, reason) in [
        (giant.as_str(), "too_long"),
        ("RCV3_\"}\n{", "not_a_license"),
    ] {
        let workspace = with_license(text, "Valid", &[]).await;
        is_community(&workspace);
        let info = format!(
            r#"rocketchat_license_info{{format="{}",plan="",trial="",offline="",voucher="{}",reason="{reason}"}} 1"#,
            if reason == "too_long" { "" } else { "3" },
            if reason == "too_long" {
                "nobody"
            } else {
                "status"
            },
        );
        has_line(&workspace, &info);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_no_text_is_no_license() {
    let workspace = with_license(doc! { "RCV3_": [1, 2] }, "Valid", &[]).await;
    is_community(&workspace);
    let metrics = workspace.exporter.metrics();
    assert!(!metrics.contains("rocketchat_license_info{"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_the_license() {
    let text = v3(&content());
    let (_folder, flag) = key_flag();
    let debug = "--log.level=debug";
    for arguments in [&[debug][..], &[debug, flag.as_str()]] {
        let workspace = with_license(text.as_str(), "Valid", arguments).await;
        let seen = [
            workspace.exporter.metrics(),
            document(&workspace).to_string(),
            workspace.exporter.get("/").text(),
            workspace.exporter.log(),
        ];
        let parts = text.split('.').filter(|part| part.len() > 40);
        for secret in parts.map(|part| &part[..40]).chain(SECRETS) {
            for seen in &seen {
                assert!(!seen.contains(secret), "{secret} is in {seen}");
            }
        }
    }
}

#[test]
fn a_file_without_a_key_is_refused_by_name() {
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

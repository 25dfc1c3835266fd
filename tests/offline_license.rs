//! The Info page warns of what an offline license turns off from 8.7 on.

use crate::support::Filled;
use crate::support::license::{content, v3, with};

/// A time at which the license is valid.
const NOW: &str = "--debug.now=2026-11-21T12:00:00Z";

const ROW: &str =
    "<dt>Offline</dt><dd>no cloud, no usage reports, no push gateway, no marketplace</dd>";
const WARNING: &str = "no push notifications through Rocket.Chat's gateway";

/// A workspace with a license that sends push notifications through the gateway.
async fn licensed(license: String) -> Filled {
    let filled = Filled::new().await;
    filled.set("Site_Url", "https://chat.example.com").await;
    filled.set("Enterprise_License", license).await;
    filled.set("Enterprise_License_Status", "Valid").await;
    filled.set("Push_enable", true).await;
    filled.set("Push_enable_gateway", true).await;
    filled
}

async fn page(filled: &Filled, version: &str) -> String {
    let version = format!("--rocketchat.version={version}");
    let exporter = filled.exporter(&[NOW, &version]).await;
    exporter.exporter.get("/info").text()
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_license_causes_a_warning_about_the_push_gateway_from_8_7_on() {
    let filled = licensed(v3(&content())).await;
    for (version, is_off) in [("8.6.2", false), ("8.7.0", true), ("9.0.0", true)] {
        let page = page(&filled, version).await;
        assert_eq!(page.contains(ROW), is_off, "{version} {page}");
        assert_eq!(page.contains(WARNING), is_off, "{version} {page}");
    }
    filled.set("Push_enable_gateway", false).await;
    let page = page(&filled, "9.0.0").await;
    assert!(page.contains(ROW) && !page.contains(WARNING), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_licenses_cause_no_warning() {
    let connected = with("/information/offline", false.into());
    let filled = licensed(v3(&connected)).await;
    let page = page(&filled, "9.0.0").await;
    assert!(!page.contains(ROW) && !page.contains(WARNING), "{page}");
}

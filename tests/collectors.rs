//! Enabling collectors, and selecting them in a scrape.

use crate::support::{
    Exporter, empty_workspace, eventually, promtool_error, shared_exporter, uri_of,
};

#[tokio::test(flavor = "multi_thread")]
async fn scrape_selects_collectors() {
    let workspace = shared_exporter(&[]).await;
    let exporter = &workspace.exporter;
    for path in [
        "/metrics?collect[]=users",
        "/metrics?collect%5B%5D=users&collect[]=rooms",
        "/metrics?exclude[]=presence",
    ] {
        let metrics = exporter.get(path).text();
        let has = |series: &str| metrics.contains(&format!("\n{series}"));
        assert!(has("rocketchat_accounts{"), "{path}");
        assert!(has(
            "rocketchat_exporter_collector_success{collector=\"users\"}"
        ));
        assert!(!has("rocketchat_users{"), "{path}");
        assert!(!has(
            "rocketchat_exporter_collector_success{collector=\"presence\"}"
        ));
        assert_eq!(
            has("rocketchat_rooms{"),
            path.contains("rooms") || path.contains("exclude")
        );
        assert_eq!(promtool_error(metrics.as_bytes()), None);
    }
    for (path, message) in [
        (
            "/metrics?collect[]=user",
            "collect[]: there is no collector of this name: user",
        ),
        (
            "/metrics?exclude[]=",
            "exclude[]: there is no collector of this name",
        ),
        (
            "/metrics?collect[]=users&exclude[]=rooms",
            "cannot be used together",
        ),
    ] {
        let response = exporter.get(path);
        assert_eq!(response.status, 400, "{path}");
        assert!(
            response.text().contains(message),
            "{path}: {}",
            response.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_collector_is_not_read() {
    let database = empty_workspace().await;
    let exporter = Exporter::on(
        &uri_of(&database),
        &["--collector.disable-defaults", "--collector.server"],
    );
    eventually("the server is read", || {
        exporter.value("rocketchat_up").filter(|value| *value > 0.0)
    })
    .await;
    let metrics = exporter.metrics();
    let outcomes = metrics
        .matches("rocketchat_exporter_collector_success{")
        .count();
    assert_eq!(outcomes, 1, "{metrics}");
    let response = exporter.get("/metrics?collect[]=push");
    assert_eq!(response.status, 400);
    let text = response.text();
    assert!(
        text.contains("collect[]: this collector is switched off: push"),
        "{text}"
    );
}

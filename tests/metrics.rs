//! `/metrics`: formats, encodings, order and path.

use std::io::Read;

use crate::support::{
    Exporter, eventually, fresh_database, promtool_error, shared_exporter, shared_workspace,
    strict_parser_error, uri_of,
};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

#[tokio::test(flavor = "multi_thread")]
async fn classic_format_passes_promtool() {
    let workspace = shared_exporter(&[]).await;
    let exporter = &workspace.exporter;
    let response = exporter.get("/metrics");
    assert_eq!(response.header("content-type"), CLASSIC);
    assert_eq!(promtool_error(&response.body), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn openmetrics_passes_the_strict_parser_of_prometheus_client() {
    let workspace = shared_exporter(&[]).await;
    let exporter = &workspace.exporter;
    let response = exporter.request("GET", "/metrics", &[("Accept", OPENMETRICS)]);
    assert_eq!(response.header("content-type"), OPENMETRICS);
    let error = strict_parser_error(&response.body, "len(families) > 60");
    assert_eq!(error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_have_the_same_samples_in_the_same_order() {
    let exporter = shared_workspace().await.start(&[]).await.exporter;
    let samples = |accept: &str| -> Vec<String> {
        exporter
            .request("GET", "/metrics", &[("Accept", accept)])
            .text()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    };
    let classic = samples("text/plain");
    assert_eq!(classic, samples("application/openmetrics-text"));
    assert_eq!(classic, samples("text/plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_contains_the_same_bytes() {
    let exporter = shared_workspace().await.start(&[]).await.exporter;
    for accept in [OPENMETRICS, CLASSIC] {
        let plain = exporter.request("GET", "/metrics", &[("Accept", accept)]);
        let headers = [("Accept", accept), ("Accept-Encoding", "gzip")];
        let gzip = exporter.request("GET", "/metrics", &headers);
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(gzip.header("vary"), "Accept, Accept-Encoding");
        assert!(gzip.body.len() * 4 < plain.body.len());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(gzip.body.as_slice())
            .read_to_end(&mut unpacked)
            .expect("the body is gzip");
        assert!(unpacked == plain.body, "{accept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn label_values_are_escaped() {
    let database = fresh_database().await;
    let settings = database.collection("rocketchat_settings");
    let url = "http://a\"b\\c\nd";
    settings
        .insert_one(mongodb::bson::doc! { "_id": "Site_Url", "value": url })
        .await
        .expect("the setting can be updated");
    let exporter = Exporter::on(&uri_of(&database), &[]);
    let line = eventually("the workspace is read", || {
        exporter
            .metrics()
            .lines()
            .find(|line| line.starts_with("rocketchat_info{"))
            .map(str::to_owned)
    })
    .await;
    assert!(line.contains(r#"site_url="http://a\"b\\c\nd""#), "{line}");
}

#[test]
fn head_equals_get_without_the_body() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    for path in ["/", "/metrics", "/-/healthy"] {
        let get = exporter.get(path);
        let head = exporter.request("HEAD", path, &[]);
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert!(head.body.is_empty());
    }
}

#[test]
fn other_paths_are_404_and_other_methods_405_with_an_allow_header() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    for path in [
        "/metric",
        "/metrics/",
        "/-/",
        "/favicon.ico",
        "/api/v1/nosuch",
    ] {
        assert_eq!(exporter.get(path).status, 404, "{path}");
    }
    for path in [
        "/",
        "/metrics",
        "/-/ready",
        "/-/healthy",
        "/statistics.json",
    ] {
        for method in ["POST", "PUT", "DELETE"] {
            let response = exporter.request(method, path, &[]);
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.header("allow"), "GET, HEAD", "{method} {path}");
        }
    }
}

#[test]
fn telemetry_path_is_configurable_and_linked() {
    let exporter = Exporter::start(&[
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--web.telemetry-path=/numbers",
    ]);
    assert_eq!(exporter.get("/numbers").status, 200);
    assert_eq!(exporter.get("/metrics").status, 404);
    assert!(exporter.get("/").text().contains("href=\"/numbers\""));
}

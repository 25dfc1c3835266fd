//! Methods and path spellings of the API.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Exporter, shared_exporter, shared_workspace};

const PATH: &str = "/api/v1/statistics";

fn without_database() -> Exporter {
    Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"])
}

/// Sends raw bytes and returns everything received until the exporter closes the connection.
fn send_raw(exporter: &Exporter, request: &str) -> String {
    let mut stream = TcpStream::connect(exporter.address()).expect("the exporter listens");
    stream
        .write_all(request.as_bytes())
        .expect("the request can be sent");
    let mut response = Vec::new();
    // The exporter may reset the connection after its response.
    stream.read_to_end(&mut response).ok();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slashes_and_percent_encoding_reach_the_endpoint() {
    let workspace = shared_exporter(&[]).await;
    let expected = workspace.get(PATH).json();
    for path in [
        "/api/v1/statistics/",
        "//api/v1/statistics",
        "/api/v1/%73tatistics",
    ] {
        let response = workspace.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.json(), expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_authenticated_like_get() {
    let workspace = shared_workspace()
        .await
        .start(&["--rocketchat.version=9.0.0"])
        .await;
    let admin = workspace.request_as(&workspace.credentials.admin, "HEAD", PATH);
    assert_eq!(admin.status, 200);
    assert_eq!(admin.header("content-type"), "application/json");
    assert!(admin.body.is_empty());
    let plain = workspace.request_as(&workspace.credentials.plain, "HEAD", PATH);
    assert_eq!(plain.status, 403);
    assert_eq!(workspace.exporter.request("HEAD", PATH, &[]).status, 401);
}

#[test]
fn other_methods_are_405_with_the_message_of_rocket_chat() {
    let exporter = without_database();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let response = exporter.request(method, PATH, &[]);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), "GET, OPTIONS", "{method}");
        assert_eq!(
            response.json(),
            json!({ "status": "error", "message": "API endpoint does not exist" })
        );
    }
}

#[test]
fn options_is_an_empty_404_and_preflight_is_405() {
    let exporter = without_database();
    let response = exporter.request("OPTIONS", PATH, &[]);
    assert_eq!(response.status, 404);
    assert!(response.body.is_empty());
    let headers = [
        ("Origin", "http://elsewhere.example"),
        ("Access-Control-Request-Method", "GET"),
    ];
    let preflight = exporter.request("OPTIONS", PATH, &headers);
    assert_eq!(preflight.status, 405);
    assert_eq!(
        preflight.text(),
        "CORS not enabled. Go to \"Admin > General > REST Api\" to enable it."
    );
    assert_eq!(preflight.header("access-control-allow-origin"), "");
}

#[test]
fn wrong_path_is_404_and_malformed_path_is_400() {
    let exporter = without_database();
    for path in ["/api/v1/Statistics", "/api/v1/statistics//", "/api/nosuch"] {
        let response = exporter.get(path);
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.json()["errorType"], "error-not-found", "{path}");
    }
    let response = send_raw(
        &exporter,
        "GET /api/v1/statistics%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    assert!(response.contains("[error-malformed-path]"), "{response}");
}

#[test]
fn token_of_twenty_thousand_characters_is_431() {
    let exporter = without_database();
    let token = "x".repeat(20_000);
    let response = send_raw(
        &exporter,
        &format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nX-User-Id: x\r\nX-Auth-Token: {token}\r\n\r\n"),
    );
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unescaped_quotation_mark_is_400_and_braces_are_taken() {
    let workspace = shared_workspace().await.start(&[]).await;
    let admin = &workspace.credentials.admin;
    let (id, token) = (&admin.user_id, &admin.token);
    for (sort, status) in [
        ("{%22_id%22:1}", 200),
        ("[[%22_id%22,-1]]", 200),
        ("{\"_id\":1}", 400),
    ] {
        let request = format!(
            "GET {PATH}.list?sort={sort} HTTP/1.1\r\nHost: x\r\nX-User-Id: {id}\r\nX-Auth-Token: {token}\r\nConnection: close\r\n\r\n"
        );
        let response = send_raw(&workspace.exporter, &request);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&expected), "{sort}: {response}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_compressed_and_varies() {
    let workspace = shared_workspace().await.start(&[]).await;
    let gzip = [("Accept-Encoding", "gzip")];
    for (path, status) in [
        (PATH, 401),
        ("/api/v1/nosuch", 404),
        ("/api/info", 200),
        ("/statistics.json", 401),
    ] {
        let response = workspace.exporter.request("GET", path, &gzip);
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.header("content-encoding"), "gzip", "{path}");
        assert_eq!(response.header("vary"), "Accept-Encoding", "{path}");
        let plain = workspace.exporter.get(path);
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        assert_eq!(plain.header("vary"), "Accept-Encoding", "{path}");
        assert!(plain.json().is_object(), "{path}");
    }
}

//! Methods and spellings of the paths below `/api`.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Exporter, shared_exporter, shared_workspace};

const PATH: &str = "/api/v1/statistics";

fn without_database() -> Exporter {
    Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"])
}

/// Sends raw bytes, and returns the response until the exporter closes the connection.
fn raw(exporter: &Exporter, request: &str) -> String {
    let mut stream = TcpStream::connect(exporter.address()).expect("the exporter listens");
    stream
        .write_all(request.as_bytes())
        .expect("the request can be sent");
    let mut answer = Vec::new();
    // A connection that is reset after its answer still gave one.
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
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
        let answer = workspace.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json(), expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_authenticated_like_get() {
    let workspace = shared_workspace().await.start(&[]).await;
    let admin = workspace.request_as(&workspace.credentials.admin, "HEAD", PATH);
    assert_eq!(admin.status, 200);
    assert_eq!(admin.header("content-type"), "application/json");
    assert!(admin.body.is_empty());
    let plain = workspace.request_as(&workspace.credentials.plain, "HEAD", PATH);
    assert_eq!(plain.status, 400);
    assert_eq!(workspace.exporter.request("HEAD", PATH, &[]).status, 401);
}

#[test]
fn other_methods_are_405_in_rocket_chats_words() {
    let exporter = without_database();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = exporter.request(method, PATH, &[]);
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "GET, OPTIONS", "{method}");
        assert_eq!(
            answer.json(),
            json!({ "status": "error", "message": "API endpoint does not exist" })
        );
    }
}

#[test]
fn options_is_an_empty_404_and_a_preflight_is_told_that_cors_is_off() {
    let exporter = without_database();
    let answer = exporter.request("OPTIONS", PATH, &[]);
    assert_eq!(answer.status, 404);
    assert!(answer.body.is_empty());
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
fn a_wrong_path_is_a_404_and_a_malformed_one_a_400_as_json() {
    let exporter = without_database();
    for path in ["/api/v1/Statistics", "/api/v1/statistics//", "/api/nosuch"] {
        let answer = exporter.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["errorType"], "error-not-found", "{path}");
    }
    let answer = raw(
        &exporter,
        "GET /api/v1/statistics%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("[error-malformed-path]"), "{answer}");
}

#[test]
fn a_token_of_twenty_thousand_characters_is_431() {
    let exporter = without_database();
    let token = "x".repeat(20_000);
    let answer = raw(
        &exporter,
        &format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nX-User-Id: x\r\nX-Auth-Token: {token}\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

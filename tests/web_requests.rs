//! Requests with incomplete bodies, an invalid `Host`, or from pages of other origins have no effect.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::support::license::{content, v3};
use crate::support::rocketchat::{ADMINISTRATOR, Behavior, RocketChat};
use crate::support::{Exporter, Filled, TIMEOUT, Workspace};

const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// Sends bytes, shuts down the sending half, and returns the status of the response.
fn send(exporter: &Exporter, bytes: &[u8]) -> u16 {
    let stream = connect_and_send(exporter, bytes);
    stream
        .shutdown(Shutdown::Write)
        .expect("the connection can be shut down");
    status(stream)
}

/// Sends bytes and returns the connection.
fn connect_and_send(exporter: &Exporter, bytes: &[u8]) -> TcpStream {
    let mut stream =
        TcpStream::connect(exporter.address()).expect("the exporter accepts connections");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("the timeout can be set");
    stream.write_all(bytes).expect("the request can be sent");
    stream
}

/// The status of the response, after which the exporter closes the connection.
fn status(mut stream: TcpStream) -> u16 {
    let mut response = Vec::new();
    stream
        .read_to_end(&mut response)
        .expect("the exporter responds");
    let response = String::from_utf8_lossy(&response);
    let status = response.get(9..12).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {response:?}"))
}

/// Headers and body of requests whose body is truncated or malformed.
fn broken(body: &str) -> [String; 9] {
    let length = body.len();
    let chunk = format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n");
    [
        format!("Content-Length: {}\r\n\r\n{body}", length + 1),
        format!("Content-Length: {}\r\n\r\n", length + 1),
        chunk.clone(),
        format!("{chunk}0\r\n"),
        format!("{chunk}zz\r\n"),
        format!("{chunk}5\r\nab"),
        format!("{chunk}ffffffffffffffffff\r\n"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}x\r\n0\r\n\r\n"),
        "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
    ]
}

fn token(workspace: &Workspace) -> String {
    let page = workspace.exporter.get("/info").text();
    let (_, rest) = page
        .split_once("name=\"token\" value=\"")
        .expect("the page has a token");
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_body_is_status_400_without_effect() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let filled = Filled::new().await;
    filled.set("Site_Url", "https://chat.example.com").await;
    let [url, flag] = rocketchat.flags();
    let now = "--debug.now=2026-11-21T12:00:00Z";
    let workspace = filled.start(&[&url, &flag, now]).await;
    let exporter = &workspace.exporter;
    let token = token(&workspace);
    let license = form_urlencoded::Serializer::new(String::new())
        .append_pair("user_id", ADMINISTRATOR.0)
        .append_pair("auth_token", ADMINISTRATOR.1)
        .append_pair("token", &token)
        .append_pair("license", &v3(&content()))
        .finish();
    let readings =
        || exporter.value("rocketchat_exporter_collector_readings_total{collector=\"rooms\"}");
    let before = readings();
    let reload = "rocketchat_exporter_config_last_reload_success_timestamp_seconds";
    let reloaded = exporter.value(reload);
    let requests = [
        ("/info/refresh", format!("token={token}")),
        ("/-/reload", "x".to_owned()),
        ("/info/license/apply", license),
    ];
    for (path, body) in &requests {
        for broken in broken(body) {
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{broken}");
            assert_eq!(send(exporter, request.as_bytes()), 400, "{request}");
        }
    }
    assert_eq!(readings(), before);
    assert_eq!(exporter.value(reload), reloaded);
    assert!(rocketchat.requests().is_empty());
    // The complete request succeeds.
    let [.., (path, body)] = &requests;
    let response = exporter.send("POST", path, &[], body);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(rocketchat.requests().len(), 1);
}

#[test]
fn request_needs_exactly_one_host() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    for (head, expected) in [
        ("HTTP/1.1\r\nHost: x\r\n", 200),
        ("HTTP/1.1\r\nHost: 127.0.0.1:9459\r\n", 200),
        ("HTTP/1.1\r\nHost: [::1]:9459\r\n", 200),
        ("HTTP/1.0\r\n", 200),
        ("HTTP/1.0\r\nHost: x\r\n", 200),
        ("HTTP/1.1\r\n", 400),
        ("HTTP/1.1\r\nHost:\r\n", 400),
        ("HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400),
        ("HTTP/1.0\r\nHost: x\r\nHost: y\r\n", 400),
        ("HTTP/1.1\r\nHost: a b\r\n", 400),
        ("HTTP/1.1\r\nHost: x/metrics\r\n", 400),
        ("HTTP/1.1\r\nHost: user@x\r\n", 400),
        ("HTTP/1.1\r\nHost: x:port\r\n", 400),
        ("HTTP/1.1\r\nHost: x, y\r\n", 400),
        ("HTTP/1.1\r\nHost: \u{e9}\r\n", 400),
        ("HTTP/1.0\r\nHost: <x>\r\n", 400),
    ] {
        // The sending half stays open, because a shutdown may be taken for a disconnect.
        let request = format!("GET /-/healthy {head}Connection: close\r\n\r\n");
        let stream = connect_and_send(&exporter, request.as_bytes());
        assert_eq!(status(stream), expected, "{head:?}");
    }
}

#[test]
fn cross_origin_page_cannot_reload_but_a_command_line_client_can() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let own = format!("http://{}", exporter.address());
    for (headers, status) in [
        (&[("Sec-Fetch-Site", "cross-site")][..], 403),
        (&[("Sec-Fetch-Site", "same-site"), ("Origin", &own)], 403),
        (&[("Sec-Fetch-Site", "none")], 403),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Origin", &own), ("Origin", "https://evil.example")], 403),
        (&[("Sec-Fetch-Site", "same-origin")], 200),
        (&[("Origin", &own)], 200),
        (&[], 200),
    ] {
        let response = exporter.request("POST", "/-/reload", headers);
        assert_eq!(response.status, status, "{headers:?}");
    }
}

//! Requests that are not whole, do not name their server, or come from a page of another server: nothing is done.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::support::license::{content, v3};
use crate::support::rocketchat::{ADMINISTRATOR, Manner, RocketChat};
use crate::support::{Exporter, Filled, PATIENCE, Workspace};

const NOBODY: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// Sends bytes and then ends; gives back the status of the answer.
fn send(exporter: &Exporter, bytes: &[u8]) -> u16 {
    let stream = sent(exporter, bytes);
    stream.shutdown(Shutdown::Write).expect("it can be ended");
    status(stream)
}

/// Sends bytes, and gives back the connection.
fn sent(exporter: &Exporter, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(exporter.address()).expect("it accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    stream.write_all(bytes).expect("it reads");
    stream
}

/// The status of the answer, after which the server ends.
fn status(mut stream: TcpStream) -> u16 {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {answer:?}"))
}

/// The headers of a body, and the body, in ways that are cut off or malformed.
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
    let rocketchat = RocketChat::start(Manner::RocketChat).await;
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
    let buttons = [
        ("/info/refresh", format!("token={token}")),
        ("/-/reload", "x".to_owned()),
        ("/info/license/apply", license),
    ];
    for (path, body) in &buttons {
        for broken in broken(body) {
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{broken}");
            assert_eq!(send(exporter, request.as_bytes()), 400, "{request}");
        }
    }
    assert_eq!(readings(), before);
    assert_eq!(exporter.value(reload), reloaded);
    assert!(rocketchat.asked().is_empty());
    // The last of them is done when it is whole.
    let [.., (path, body)] = &buttons;
    let answer = exporter.send("POST", path, &[], body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(rocketchat.asked().len(), 1);
}

#[test]
fn request_needs_exactly_one_host() {
    let exporter = Exporter::start(&[NOBODY]);
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
        // Not ended here: a client that ends may be taken for one that has left.
        let request = format!("GET /-/healthy {head}Connection: close\r\n\r\n");
        let stream = sent(&exporter, request.as_bytes());
        assert_eq!(status(stream), expected, "{head:?}");
    }
}

#[test]
fn cross_origin_page_cannot_reload_but_a_script_can() {
    let exporter = Exporter::start(&[NOBODY]);
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
        let answer = exporter.request("POST", "/-/reload", headers);
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

//! Malicious and broken clients: the exporter rejects their requests, leaks nothing and keeps serving.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Exporter, TIMEOUT, eventually, promtool_error};

const NO_DATABASE: [&str; 2] = [
    "--mongodb.uri=mongodb://127.0.0.1:9",
    "--mongodb.connect-timeout=100ms",
];

/// Sends bytes and returns everything received until the connection closes. `ends` shuts down the sending half, after
/// which the exporter may close without a response.
fn send(exporter: &Exporter, bytes: &[u8], ends: bool) -> Vec<u8> {
    let mut stream =
        TcpStream::connect(exporter.address()).expect("the exporter accepts connections");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("the timeout can be set");
    // The exporter may close the connection before it has read everything.
    drop(stream.write_all(bytes));
    if ends {
        drop(stream.shutdown(std::net::Shutdown::Write));
    }
    let mut response = Vec::new();
    drop(stream.read_to_end(&mut response));
    response
}

fn status(response: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(response);
    text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

fn open_files(exporter: &Exporter) -> usize {
    let folder = format!("/proc/{}/fd", exporter.pid());
    fs::read_dir(folder).expect("the process runs").count()
}

fn assert_serving(exporter: &Exporter) {
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert_eq!(promtool_error(exporter.metrics().as_bytes()), None);
    assert!(!exporter.log().contains("panicked"), "{}", exporter.log());
}

#[test]
fn malformed_requests_are_rejected() {
    let exporter = Exporter::start(&NO_DATABASE);
    let long = "x".repeat(64 * 1024);
    let many = "X-Again: y\r\n".repeat(500);
    for request in [
        "\r\n\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_owned(),
        "G\u{e9}T / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}".to_owned(),
    ] {
        let response = send(&exporter, request.as_bytes(), true);
        let code = status(&response);
        let start = request.get(..60).unwrap_or(&request);
        assert!(
            response.is_empty()
                || code.is_some_and(|code| (400..=505).contains(&code) && code != 500),
            "{start:?}: {}",
            String::from_utf8_lossy(&response)
        );
    }
    assert_serving(&exporter);
}

#[test]
fn unusual_valid_requests_are_served() {
    let exporter = Exporter::start(&NO_DATABASE);
    for (request, expected) in [
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
        (
            "GET http://elsewhere.example/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            200,
        ),
        (
            "GET //metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            404,
        ),
        (
            "GET /metrics/../metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            404,
        ),
        (
            "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            404,
        ),
        (
            "GET /metrics%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            404,
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            404,
        ),
        (
            "TRACE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            405,
        ),
        (
            "BREW /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            405,
        ),
        (
            "GET /metrics?collect[]=%00%ff&collect[]=%F0%9F%92%A9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            400,
        ),
        (
            "GET /probe?target=..%2f..%2fetc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            400,
        ),
        (
            "GET /sd HTTP/1.1\r\nHost: <x>\r\nConnection: close\r\n\r\n",
            400,
        ),
        (
            "GET /workspaces/%2e%2e/api/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            404,
        ),
    ] {
        let response = send(&exporter, request.as_bytes(), false);
        let shown = String::from_utf8_lossy(&response);
        assert_eq!(status(&response), Some(expected), "{request:?}: {shown}");
    }
    assert_serving(&exporter);
}

#[test]
fn any_accept_header_gets_a_known_format() {
    let exporter = Exporter::start(&NO_DATABASE);
    let long = format!("a/b;q=0.{}", "1".repeat(5000));
    let many = "text/plain;version=0.0.4,".repeat(400);
    for accept in [
        "",
        ",,,;;;===",
        "*/*;q=NaN",
        "*/*;q=-1",
        "*/*;q=1e999",
        "text/plain;q=0, application/openmetrics-text;q=0, */*;q=0",
        "application/openmetrics-text; version=9.9.9; escaping=\"",
        "application/openmetrics-text; version=\"1.0.0",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        "../../etc/passwd",
        long.as_str(),
        many.as_str(),
    ] {
        for encoding in [
            "",
            "gzip;q=x",
            "*;q=0",
            "identity;q=0",
            "br, zstd, gzip;q=0.001",
        ] {
            let headers = [("Accept", accept), ("Accept-Encoding", encoding)];
            let response = exporter.request("GET", "/metrics", &headers);
            assert_eq!(response.status, 200, "{accept} {encoding}");
            let content_type = response.header("content-type").to_owned();
            assert!(
                content_type.starts_with("text/plain; version=0.0.4")
                    || content_type.starts_with("application/openmetrics-text; version="),
                "{content_type}"
            );
        }
    }
    assert_serving(&exporter);
}

/// A deterministic generator of mutated requests.
struct Mutator(u64);

impl Mutator {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.next() % number as u64).expect("the remainder fits into a usize")
    }

    /// A request with some bytes changed, repeated, removed or added.
    fn request(&mut self) -> Vec<u8> {
        const SEEDS: [&str; 9] = [
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text;q=0.5,*/*\r\n\r\n",
            "GET /metrics?collect[]=users&exclude[]=rooms HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /probe?target=a%20b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /sd HTTP/1.1\r\nHost: x:9459\r\n\r\n",
            "POST /-/ready HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "GET /api/info HTTP/1.1\r\nHost: x\r\nX-Auth-Token: a\r\nX-User-Id: b\r\n\r\n",
            "GET /workspaces/a/api/info?query={\"a\":{\"$gt\":1}} HTTP/1.1\r\nHost: x\r\n\r\n",
            "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ];
        let mut bytes = SEEDS[self.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..self.below(6) {
            let place = self.below(bytes.len());
            match self.below(4) {
                0 => {
                    bytes[place] =
                        u8::try_from(self.next() % 256).expect("the remainder fits into a byte");
                }
                1 => bytes.truncate(place.max(1)),
                2 => bytes.extend_from_within(place..),
                _ => drop(bytes.splice(place..place, b"%0\xff\0\r\n".iter().copied())),
            }
        }
        bytes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_random_requests_leak_nothing() {
    const THREADS: u64 = 8;
    const REQUESTS: usize = 10_000;
    let exporter = Exporter::start(&[&NO_DATABASE[..], &["--web.header-timeout=300ms"]].concat());
    assert_eq!(exporter.get("/metrics").status, 200);
    let files = open_files(&exporter);
    std::thread::scope(|scope| {
        for thread in 1..=THREADS {
            let exporter = &exporter;
            scope.spawn(move || {
                let mut mutator = Mutator(thread.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                for _ in 0..REQUESTS
                    / usize::try_from(THREADS).expect("the number of threads fits into a usize")
                {
                    let request = mutator.request();
                    let response = send(exporter, &request, true);
                    // Without a database 503 is expected; 500 would be a defect.
                    let code = status(&response);
                    assert!(
                        response.is_empty() || code.is_some_and(|code| code != 500),
                        "{:?}: {}",
                        String::from_utf8_lossy(&request),
                        String::from_utf8_lossy(&response)
                    );
                }
            });
        }
    });
    assert_serving(&exporter);
    eventually("no connection is left", || {
        (open_files(&exporter) <= files + 4).then_some(())
    })
    .await;
}

//! Malicious and broken clients: the exporter rejects their requests, leaks nothing and keeps serving.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Exporter, PATIENCE, complaint_of_promtool, eventually};

const NOBODY: [&str; 2] = [
    "--mongodb.uri=mongodb://127.0.0.1:9",
    "--mongodb.connect-timeout=100ms",
];

/// Sends bytes, and returns what is received until the connection closes or is silent. `ends` shuts the sending half
/// down, after which the exporter may close without a response.
fn send(exporter: &Exporter, bytes: &[u8], ends: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(exporter.address()).expect("it accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    // It may end the connection before it has read everything.
    drop(stream.write_all(bytes));
    if ends {
        drop(stream.shutdown(std::net::Shutdown::Write));
    }
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

fn open_files(exporter: &Exporter) -> usize {
    let folder = format!("/proc/{}/fd", exporter.pid());
    fs::read_dir(folder).expect("the process is there").count()
}

fn assert_well(exporter: &Exporter) {
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert_eq!(complaint_of_promtool(exporter.metrics().as_bytes()), None);
    assert!(!exporter.log().contains("panicked"), "{}", exporter.log());
}

#[test]
fn malformed_requests_are_rejected() {
    let exporter = Exporter::start(&NOBODY);
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
        let answer = send(&exporter, request.as_bytes(), true);
        let code = status(&answer);
        let start = request.get(..60).unwrap_or(&request);
        assert!(
            answer.is_empty()
                || code.is_some_and(|code| (400..=505).contains(&code) && code != 500),
            "{start:?}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_well(&exporter);
}

#[test]
fn unusual_valid_requests_are_answered() {
    let exporter = Exporter::start(&NOBODY);
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
        let answer = send(&exporter, request.as_bytes(), false);
        let shown = String::from_utf8_lossy(&answer);
        assert_eq!(status(&answer), Some(expected), "{request:?}: {shown}");
    }
    assert_well(&exporter);
}

#[test]
fn any_accept_header_gets_a_known_format() {
    let exporter = Exporter::start(&NOBODY);
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
            let answer = exporter.request("GET", "/metrics", &headers);
            assert_eq!(answer.status, 200, "{accept} {encoding}");
            let content_type = answer.header("content-type").to_owned();
            assert!(
                content_type.starts_with("text/plain; version=0.0.4")
                    || content_type.starts_with("application/openmetrics-text; version="),
                "{content_type}"
            );
        }
    }
    assert_well(&exporter);
}

/// A deterministic generator of requests.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.next() % number as u64).expect("it is below a usize")
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
                0 => bytes[place] = u8::try_from(self.next() % 256).expect("it is a byte"),
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
    let exporter = Exporter::start(&[&NOBODY[..], &["--web.header-timeout=300ms"]].concat());
    assert_eq!(exporter.get("/metrics").status, 200);
    let files = open_files(&exporter);
    std::thread::scope(|scope| {
        for thread in 1..=THREADS {
            let exporter = &exporter;
            scope.spawn(move || {
                let mut chance = Chance(thread.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                for _ in 0..REQUESTS / usize::try_from(THREADS).expect("it is small") {
                    let request = chance.request();
                    let answer = send(exporter, &request, true);
                    // Without a database some are answered 503, and nothing is the exporter's own fault.
                    let code = status(&answer);
                    assert!(
                        answer.is_empty() || code.is_some_and(|code| code != 500),
                        "{:?}: {}",
                        String::from_utf8_lossy(&request),
                        String::from_utf8_lossy(&answer)
                    );
                }
            });
        }
    });
    assert_well(&exporter);
    eventually("no connection is left", || {
        (open_files(&exporter) <= files + 4).then_some(())
    })
    .await;
}

//! What a client can take: scrapes, connections, and the time of others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Exporter, PATIENCE, eventually};

const NOBODY: &str = "--mongodb.uri=mongodb://127.0.0.1:9";
const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

fn connect(exporter: &Exporter) -> TcpStream {
    let stream = TcpStream::connect(exporter.address()).expect("it accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    stream
}

/// Everything until the connection ends, and how long that took.
fn rest(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let is_late = ended.is_err_and(|it| it.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_late, "it never ends");
    (
        String::from_utf8_lossy(&answer).into_owned(),
        begun.elapsed(),
    )
}

#[tokio::test]
async fn a_scrape_too_many_is_refused_until_the_others_have_their_answers() {
    let exporter = Exporter::start(&[NOBODY, "--web.max-requests=1"]);
    let mut slow = connect(&exporter);
    // Asks on and reads nothing, until an answer does not fit into the buffers between the two.
    let sender = slow.try_clone().expect("it can be shared");
    sender.set_nonblocking(true).expect("it can be set");
    let refused = eventually("a scrape is refused", || {
        while (&sender).write(SCRAPE.as_bytes()).is_ok() {}
        Some(exporter.get("/metrics")).filter(|it| it.status == 503)
    })
    .await;
    assert!(refused.text().contains("try again later"));
    // What is no scrape is not counted.
    assert_eq!(exporter.get("/-/healthy").status, 200);
    sender.set_nonblocking(false).expect("it can be set");
    std::thread::spawn(move || std::io::copy(&mut slow, &mut std::io::sink()));
    eventually("a scrape is answered", || {
        (exporter.get("/metrics").status == 200).then_some(())
    })
    .await;
}

#[test]
fn without_a_limit_no_scrape_is_refused() {
    let exporter = Exporter::start(&[NOBODY, "--web.max-requests=0"]);
    assert_eq!(exporter.get("/metrics").status, 200);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_when_its_time_is_over() {
    let exporter = Exporter::start(&[NOBODY, "--web.header-timeout=400ms"]);
    let stream = connect(&exporter);
    let mut sender = stream.try_clone().expect("it can be shared");
    std::thread::spawn(move || {
        for byte in SCRAPE.bytes().cycle() {
            // Never a whole head: the line breaks are left out.
            if byte != b'\n' && sender.write_all(&[byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (answer, took) = rest(stream);
    assert_eq!(answer, "");
    // Without a limit it never ended: the head goes on for ever.
    assert!(took < PATIENCE, "{took:?}");
}

#[test]
fn waiting_for_a_request_takes_nothing_of_its_time() {
    let exporter = Exporter::start(&[NOBODY, "--web.header-timeout=200ms"]);
    let mut stream = connect(&exporter);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        let mut more = [0; 1024];
        let length = stream.read(&mut more).expect("it answers");
        assert!(more[..length].ends_with(b"Healthy.\n"));
    }
}

#[test]
fn a_connection_without_requests_ends_when_its_time_is_over() {
    let exporter = Exporter::start(&[NOBODY, "--web.idle-timeout=300ms"]);
    let never = connect(&exporter);
    let mut once = connect(&exporter);
    write!(once, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    assert!(rest(once).0.ends_with("Healthy.\n"));
    assert_eq!(rest(never).0, "");
}

#[test]
fn a_body_is_passed_over_unless_it_is_long() {
    let exporter = Exporter::start(&[NOBODY]);
    let mut stream = connect(&exporter);
    let head = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n";
    write!(stream, "{head}{}", "x".repeat(30_000)).expect("it reads");
    write!(
        stream,
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let (answers, _) = rest(stream);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");

    let mut stream = connect(&exporter);
    let head = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    write!(stream, "{head}").expect("it reads");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut sender = stream.try_clone().expect("it can be shared");
    std::thread::spawn(move || while sender.write_all(chunk.as_bytes()).is_ok() {});
    let mut answer = [0; 13];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 413 ");
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    let exporter = Exporter::start(&[NOBODY]);
    let mut idle = Vec::new();
    while idle.len() < 1_000 {
        // No more at once than the system keeps waiting.
        idle.extend((0..50).map(|_| connect(&exporter)));
        assert_eq!(exporter.get("/metrics").status, 200);
    }
}

//! Signals and graceful shutdown.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::Exporter;

const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

#[test]
fn sigint_and_sigterm_exit_with_status_0() {
    for signal in ["TERM", "INT"] {
        let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
        exporter.signal(signal);
        assert_eq!(exporter.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn idle_connection_does_not_delay_shutdown() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let mut idle =
        TcpStream::connect(exporter.address()).expect("the exporter accepts connections");
    write!(idle, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request can be sent");
    let mut response = [0; 15];
    idle.read_exact(&mut response)
        .expect("the exporter responds");
    assert_eq!(&response, b"HTTP/1.1 200 OK");
    let begun = Instant::now();
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    // A request in progress would delay the shutdown by up to ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn request_in_progress_is_answered_before_shutdown() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let mut stream =
        TcpStream::connect(exporter.address()).expect("the exporter accepts connections");
    // A response to an unauthenticated request is delayed, which leaves time for the signal.
    write!(stream, "GET /api/v1/statistics HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("the request can be sent");
    std::thread::sleep(Duration::from_millis(100));
    exporter.signal("TERM");
    let mut response = String::new();
    stream
        .read_to_string(&mut response)
        .expect("the exporter responds");
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    assert_eq!(exporter.wait().code(), Some(0));
}

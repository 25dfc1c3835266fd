//! The end of the process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::Exporter;

const NOBODY: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

#[test]
fn sigint_and_sigterm_exit_with_status_0() {
    for signal in ["TERM", "INT"] {
        let exporter = Exporter::start(&[NOBODY]);
        exporter.signal(signal);
        assert_eq!(exporter.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn idle_connection_does_not_delay_shutdown() {
    let exporter = Exporter::start(&[NOBODY]);
    let mut idle = TcpStream::connect(exporter.address()).expect("it accepts");
    write!(idle, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let begun = Instant::now();
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    // It would wait ten seconds for an answer that is under way.
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn request_in_progress_is_answered_before_shutdown() {
    let exporter = Exporter::start(&[NOBODY]);
    let mut stream = TcpStream::connect(exporter.address()).expect("it accepts");
    // A stranger is answered late, which leaves time for the signal.
    write!(stream, "GET /api/v1/statistics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    std::thread::sleep(Duration::from_millis(100));
    exporter.signal("TERM");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(exporter.wait().code(), Some(0));
}

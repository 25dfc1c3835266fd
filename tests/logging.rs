//! The log: a blocked standard error delays nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Exporter, eventually};

/// Sends bytes to the exporter's Unix socket and returns its response.
fn exchange(socket: &Path, request: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket has a timeout");
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response)
}

fn get(socket: &Path, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    exchange(socket, &request)
}

fn lost_lines(socket: &Path) -> Option<f64> {
    let metrics = get(socket, "/metrics")?;
    let name = "\nrocketchat_exporter_log_lines_lost_total ";
    metrics.split_once(name)?.1.lines().next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_standard_error_blocks_nothing_and_lost_lines_are_counted() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let socket = folder.path().join("socket");
    let mut exporter = Exporter::command()
        .arg(format!("--web.listen-address=unix:{}", socket.display()))
        .args(["--mongodb.uri=mongodb://127.0.0.1:9", "--log.level=debug"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the exporter starts");
    let healthy =
        || get(&socket, "/-/healthy").filter(|response| response.starts_with("HTTP/1.1 200 "));
    eventually("the exporter serves", healthy).await;
    assert_eq!(lost_lines(&socket), Some(0.0));
    // A pipe holds 64 KiB, and the queue four times as much. Each request is logged at the level debug.
    let flood = || {
        for _ in 0..200 {
            exchange(&socket, "nonsense\r\n\r\n");
        }
        let begun = Instant::now();
        assert!(healthy().is_some());
        assert!(begun.elapsed() < Duration::from_secs(5));
        lost_lines(&socket).filter(|lost| *lost > 0.0)
    };
    eventually("lines are lost", flood).await;
    assert!(
        exporter
            .try_wait()
            .expect("the process can be polled")
            .is_none()
    );
    // Once the pipe is read, the log says that lines were lost.
    let mut stderr = exporter.stderr.take().expect("standard error is a pipe");
    let mut log = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&log).contains("lines of the log were lost") {
        let read = stderr.read(&mut chunk).expect("the log can be read");
        assert!(read > 0, "the log ends");
        log.extend_from_slice(&chunk[..read]);
    }
    drop(stderr);
    // A closed standard error delays nothing either.
    assert!(healthy().is_some());
    let pid = exporter.id();
    let begun = Instant::now();
    let sent = std::process::Command::new("sh")
        .args(["-c", &format!("kill -TERM {pid}")])
        .status();
    assert!(sent.expect("the shell runs").success());
    let status = exporter.wait().expect("the exporter can be waited for");
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn last_lines_are_written_before_exit() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    exporter.signal("TERM");
    wait_for_last_line(&exporter);
}

/// Waits for the last line of the log.
fn wait_for_last_line(exporter: &Exporter) {
    let begun = Instant::now();
    while !exporter.log().contains("message=stopped") {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{}",
            exporter.log()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

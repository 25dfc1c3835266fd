//! Limits for clients: concurrent scrapes, connections, timeouts, and body sizes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Exporter, TIMEOUT, shared_workspace};
use crate::web_config::{Setup, basic};

const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";
const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

fn connect(exporter: &Exporter) -> TcpStream {
    let stream = TcpStream::connect(exporter.address()).expect("the exporter accepts connections");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("the option can be set");
    stream
}

/// Reads until the connection ends, and returns the bytes and the duration.
fn rest(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut response = Vec::new();
    let ended = stream.read_to_end(&mut response);
    let is_late = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_late, "the connection never ends");
    (
        String::from_utf8_lossy(&response).into_owned(),
        begun.elapsed(),
    )
}

#[test]
fn scrape_beyond_the_limit_is_refused() {
    // Rendering many workspaces takes a while.
    let names = (0..50).map(|number| format!("  w{number}: {{}}\n"));
    let workspaces: String = names.collect();
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let config = format!("mongodb: {{uri: 'mongodb://127.0.0.1:9'}}\nworkspaces:\n{workspaces}");
    std::fs::write(&file, config).expect("the file can be written");
    let file = format!("--config.file={}", file.display());
    let exporter = Exporter::start(&[&file, "--web.max-requests=1"]);
    let refused = std::sync::OnceLock::new();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let scrape = || {
            while refused.get().is_none() && begun.elapsed() < TIMEOUT {
                // A filtered scrape is rendered for each request.
                let response = exporter.get("/metrics?exclude[]=users");
                if response.status == 503 {
                    refused.set(response.text()).ok();
                }
            }
        };
        for _ in 0..4 {
            scope.spawn(scrape);
        }
    });
    let refused = refused.get().expect("a scrape was refused");
    assert!(refused.contains("try again later"), "{refused}");
    assert_eq!(exporter.get("/metrics").status, 200);
}

#[test]
fn one_hundred_stalled_clients_do_not_block_scrapes() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let slow = || {
        let mut stream = connect(&exporter);
        // A small buffer, so that most of the response stays with the exporter.
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096)
            .expect("the option can be set");
        let many = SCRAPE.repeat(200);
        stream
            .write_all(many.as_bytes())
            .expect("the request can be sent");
        stream
    };
    let slow: Vec<TcpStream> = (0..100).map(|_| slow()).collect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(exporter.get("/metrics").status, 200);
    }
    drop(slow);
}

/// Opens 600 connections with a request each, and scrapes while opening more.
fn assert_scraped_beside(
    exporter: &Exporter,
    request: impl Fn(usize) -> String,
    headers: &[(&str, &str)],
) {
    let open = |number: usize| {
        let mut stream = connect(exporter);
        // The exporter may close surplus connections at once.
        drop(stream.write_all(request(number).as_bytes()));
        stream
    };
    let mut others: Vec<TcpStream> = (0..600).map(open).collect();
    for scrape in 0..20 {
        let response = exporter.request("GET", "/metrics", headers);
        assert_eq!(response.status, 200, "scrape {scrape}");
        others.push(open(600 + scrape));
    }
}

#[test]
fn six_hundred_wrong_passwords_do_not_delay_a_known_user() {
    // A cost at which 600 passwords cannot be checked while the test runs.
    let hash = bcrypt::hash("password", 8).expect("the password can be hashed");
    let setup = Setup::new(&format!("basic_auth_users: {{alice: '{hash}'}}\n"));
    let exporter = setup.start();
    let known = basic("alice", "password");
    let headers = [("Authorization", known.as_str())];
    assert_eq!(exporter.request("GET", "/metrics", &headers).status, 200);
    let wrong = |number: usize| {
        let wrong = basic("alice", &number.to_string());
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {wrong}\r\n\r\n")
    };
    assert_scraped_beside(&exporter, wrong, &headers);
}

#[test]
fn six_hundred_unsent_bodies_do_not_block_others() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let head = "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
    assert_scraped_beside(&exporter, |_| head.to_owned(), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_leave_descriptors_for_files_and_the_database() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let write = |uri: &str| {
        std::fs::write(&file, format!("mongodb: {{uri: '{uri}'}}\n"))
            .expect("the file can be written");
    };
    write("mongodb://127.0.0.1:9");
    let mut command = Command::new("/bin/sh");
    command
        .env_clear()
        .args(["-c", "ulimit -n 128; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_rocketchat-exporter"))
        .arg(format!("--config.file={}", file.display()));
    let exporter = Exporter::spawn(&mut command);
    let idle: Vec<TcpStream> = (0..300).map(|_| connect(&exporter)).collect();
    write(&shared.uri);
    assert_eq!(exporter.request("POST", "/-/reload", &[]).status, 200);
    exporter.wait_for_collectors().await;
    drop(idle);
}

#[test]
fn zero_max_requests_refuses_no_scrape() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB, "--web.max-requests=0"]);
    assert_eq!(exporter.get("/metrics").status, 200);
}

#[test]
fn slow_headers_are_cut_off_at_the_timeout() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB, "--web.header-timeout=400ms"]);
    let stream = connect(&exporter);
    let mut sender = stream.try_clone().expect("the socket can be cloned");
    std::thread::spawn(move || {
        for byte in SCRAPE.bytes().cycle() {
            // Without line feeds the head never ends.
            if byte != b'\n' && sender.write_all(&[byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (response, duration) = rest(stream);
    assert_eq!(response, "");
    // Without the header timeout the connection would never end.
    assert!(duration < TIMEOUT, "{duration:?}");
}

#[test]
fn idle_time_does_not_count_for_the_header_timeout() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB, "--web.header-timeout=200ms"]);
    let mut stream = connect(&exporter);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("the request can be sent");
        let mut response = [0; 15];
        stream
            .read_exact(&mut response)
            .expect("the exporter responds");
        assert_eq!(&response, b"HTTP/1.1 200 OK");
        let mut more = [0; 1024];
        let length = stream.read(&mut more).expect("the exporter responds");
        assert!(more[..length].ends_with(b"Healthy.\n"));
    }
}

#[test]
fn idle_connection_is_closed_at_the_timeout() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB, "--web.idle-timeout=300ms"]);
    let never = connect(&exporter);
    let mut once = connect(&exporter);
    write!(once, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request can be sent");
    assert!(rest(once).0.ends_with("Healthy.\n"));
    assert_eq!(rest(never).0, "");
}

#[test]
fn unused_body_is_ignored_unless_it_is_long() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let mut stream = connect(&exporter);
    let head = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n";
    write!(stream, "{head}{}", "x".repeat(30_000)).expect("the request can be sent");
    write!(
        stream,
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("the request can be sent");
    let (answers, _) = rest(stream);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");

    let mut stream = connect(&exporter);
    let head = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    write!(stream, "{head}").expect("the request can be sent");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut sender = stream.try_clone().expect("the socket can be cloned");
    std::thread::spawn(move || while sender.write_all(chunk.as_bytes()).is_ok() {});
    let mut response = [0; 13];
    stream
        .read_exact(&mut response)
        .expect("the exporter responds");
    assert_eq!(&response, b"HTTP/1.1 413 ");
}

#[test]
fn one_thousand_idle_connections_do_not_block_others() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let mut idle = Vec::new();
    while idle.len() < 1_000 {
        // No more at once than the backlog of the listener.
        idle.extend((0..50).map(|_| connect(&exporter)));
        assert_eq!(exporter.get("/metrics").status, 200);
    }
}

//! What a client can take: scrapes, connections, and the time of others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Exporter, PATIENCE, shared_workspace};
use crate::web_config::{Setup, basic};

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
    let is_late = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_late, "it never ends");
    (
        String::from_utf8_lossy(&answer).into_owned(),
        begun.elapsed(),
    )
}

#[test]
fn scrape_beyond_the_limit_is_refused() {
    // Many workspaces, so that to render them takes a while.
    let names = (0..50).map(|number| format!("  w{number}: {{}}\n"));
    let workspaces: String = names.collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    let config = format!("mongodb: {{uri: 'mongodb://127.0.0.1:9'}}\nworkspaces:\n{workspaces}");
    std::fs::write(&file, config).expect("it can be written");
    let file = format!("--config.file={}", file.display());
    let exporter = Exporter::start(&[&file, "--web.max-requests=1"]);
    let refused = std::sync::OnceLock::new();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let ask = || {
            while refused.get().is_none() && begun.elapsed() < PATIENCE {
                // Rendered for each request alone.
                let answer = exporter.get("/metrics?exclude[]=users");
                if answer.status == 503 {
                    refused.set(answer.text()).ok();
                }
            }
        };
        for _ in 0..4 {
            scope.spawn(ask);
        }
    });
    let refused = refused.get().expect("one was refused");
    assert!(refused.contains("try again later"), "{refused}");
    assert_eq!(exporter.get("/metrics").status, 200);
}

#[test]
fn hundred_stalled_clients_do_not_block_scrapes() {
    let exporter = Exporter::start(&[NOBODY]);
    let slow = || {
        let mut stream = connect(&exporter);
        // So that answers stay with the exporter.
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).expect("it can be set");
        let many = SCRAPE.repeat(200);
        stream.write_all(many.as_bytes()).expect("it reads");
        stream
    };
    let slow: Vec<TcpStream> = (0..100).map(|_| slow()).collect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(exporter.get("/metrics").status, 200);
    }
    drop(slow);
}

/// Opens 600 connections with a request each, and a new one beside each scrape.
fn assert_scraped_beside(
    exporter: &Exporter,
    request: impl Fn(usize) -> String,
    headers: &[(&str, &str)],
) {
    let open = |number: usize| {
        let mut stream = connect(exporter);
        // One that gives way at once may be closed already.
        drop(stream.write_all(request(number).as_bytes()));
        stream
    };
    let mut others: Vec<TcpStream> = (0..600).map(open).collect();
    for scrape in 0..20 {
        let answer = exporter.request("GET", "/metrics", headers);
        assert_eq!(answer.status, 200, "scrape {scrape}");
        others.push(open(600 + scrape));
    }
}

#[test]
fn six_hundred_wrong_passwords_do_not_delay_a_known_user() {
    // Dear enough that they cannot be compared while the test runs.
    let hash = bcrypt::hash("password", 8).expect("it can be hashed");
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
fn six_hundred_missing_bodies_do_not_block_others() {
    let exporter = Exporter::start(&[NOBODY]);
    let head = "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
    assert_scraped_beside(&exporter, |_| head.to_owned(), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_128_descriptors_idle_connections_leave_some_for_files_and_the_database() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("exporter.yml");
    let write = |uri: &str| {
        std::fs::write(&file, format!("mongodb: {{uri: '{uri}'}}\n")).expect("it can be written");
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
    exporter.whole().await;
    drop(idle);
}

#[test]
fn zero_max_requests_refuses_no_scrape() {
    let exporter = Exporter::start(&[NOBODY, "--web.max-requests=0"]);
    assert_eq!(exporter.get("/metrics").status, 200);
}

#[test]
fn slow_headers_are_cut_off_at_the_timeout() {
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
fn idle_time_does_not_count_for_the_header_timeout() {
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
fn idle_connection_is_closed_at_the_timeout() {
    let exporter = Exporter::start(&[NOBODY, "--web.idle-timeout=300ms"]);
    let never = connect(&exporter);
    let mut once = connect(&exporter);
    write!(once, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    assert!(rest(once).0.ends_with("Healthy.\n"));
    assert_eq!(rest(never).0, "");
}

#[test]
fn unused_body_is_ignored_unless_it_is_long() {
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
fn thousand_idle_connections_do_not_block_others() {
    let exporter = Exporter::start(&[NOBODY]);
    let mut idle = Vec::new();
    while idle.len() < 1_000 {
        // No more at once than the system keeps waiting.
        idle.extend((0..50).map(|_| connect(&exporter)));
        assert_eq!(exporter.get("/metrics").status, 200);
    }
}

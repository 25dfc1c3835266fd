//! Listening on several addresses, on Unix sockets, and on sockets passed by systemd.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use testbed::tools;

use crate::support::{Exporter, eventually};

const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// Scrapes through a Unix socket; `None` if no process listens.
fn scrape(path: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(path).ok()?;
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response)
}

fn assert_scraped(path: &Path) {
    let response = scrape(path).expect("a process listens");
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    assert!(response.contains("rocketchat_up 0"), "{response}");
}

fn listen_addresses(exporter: &Exporter) -> Vec<String> {
    let log = exporter.log();
    log.lines()
        .filter_map(|line| line.split("address=").nth(1)?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn all_addresses_are_served_and_sockets_removed_at_the_end() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let path = folder.path().join("exporter.sock");
    let socket = format!("--web.listen-address=unix://{}", path.display());
    let exporter = Exporter::start(&[
        UNREACHABLE_MONGODB,
        "--web.listen-address=127.0.0.1:0",
        &socket,
    ]);
    let addresses = eventually("the exporter listens on all addresses", || {
        Some(listen_addresses(&exporter)).filter(|addresses| addresses.len() == 3)
    })
    .await;
    for address in [&addresses[0], &addresses[2]] {
        let response = ureq::get(format!("http://{address}/metrics")).call();
        assert_eq!(response.expect("the exporter responds").status(), 200);
    }
    assert_eq!(addresses[1], format!("unix:{}", path.display()));
    assert_scraped(&path);
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn environment_variable_is_a_list() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let paths = ["one.sock", "two.sock"].map(|name| folder.path().join(name));
    let list = paths
        .each_ref()
        .map(|path| format!("unix:{}", path.display()));
    let mut command = Exporter::command();
    command.arg(UNREACHABLE_MONGODB);
    command.env("ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS", list.join(","));
    let exporter = Exporter::spawn_unchanged(&mut command);
    assert_eq!(exporter.address(), list[0]);
    for path in &paths {
        assert_scraped(path);
    }
}

#[test]
fn only_a_stale_socket_is_replaced() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let stale = folder.path().join("stale.sock");
    drop(UnixListener::bind(&stale).expect("the socket can be created"));
    let mut command = Exporter::command();
    command.args([
        UNREACHABLE_MONGODB,
        &format!("--web.listen-address=unix:{}", stale.display()),
    ]);
    let _exporter = Exporter::spawn_unchanged(&mut command);
    assert_scraped(&stale);

    let used = folder.path().join("used.sock");
    let _listener = UnixListener::bind(&used).expect("the socket can be created");
    let file = folder.path().join("file");
    fs::write(&file, "kept").expect("the file can be written");
    for path in [&stale, &used, &file] {
        let address = format!("unix:{}", path.display());
        let output = Exporter::command()
            .args([UNREACHABLE_MONGODB, "--web.listen-address", &address])
            .output()
            .expect("the exporter runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(&address), "{stderr}");
    }
    assert_scraped(&stale);
    assert!(
        used.symlink_metadata()
            .expect("the socket exists")
            .file_type()
            .is_socket()
    );
    assert_eq!(fs::read(&file).expect("the file exists"), b"kept");
}

#[tokio::test]
async fn sockets_of_systemd_are_served_and_kept() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let path = folder.path().join("passed.sock");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = port
        .local_addr()
        .expect("a listener has an address")
        .to_string();
    drop(port);
    // The same package contains systemd-socket-activate.
    let systemd = tools::SYSTEMD_ANALYZE
        .find()
        .expect("systemd-analyze is installed");
    let mut activate = Command::new(systemd.path().with_file_name("systemd-socket-activate"))
        .args(["--listen", &address, "--listen"])
        .arg(&path)
        .arg(env!("CARGO_BIN_EXE_rocketchat-exporter"))
        .args([
            UNREACHABLE_MONGODB,
            "--web.systemd-socket",
            "--log.level=error",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-socket-activate runs");
    // At the first connection systemd-socket-activate replaces itself by the exporter.
    eventually("the socket exists", || path.exists().then_some(())).await;
    assert_scraped(&path);
    let response = ureq::get(format!("http://{address}/-/healthy")).call();
    assert_eq!(response.expect("the exporter responds").status(), 200);
    let pid = activate.id();
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -TERM {pid}")])
        .status();
    assert!(sent.expect("the shell runs").success());
    assert_eq!(activate.wait().expect("the process ends").code(), Some(0));
    assert!(path.exists());
}

#[test]
fn missing_systemd_socket_is_an_error() {
    let both = Exporter::command()
        .args([
            UNREACHABLE_MONGODB,
            "--web.systemd-socket",
            "--web.listen-address=:0",
        ])
        .output()
        .expect("the exporter runs");
    assert_eq!(both.status.code(), Some(2));
    let none = Exporter::command()
        .args([UNREACHABLE_MONGODB, "--web.systemd-socket"])
        .output();
    let none = none.expect("the exporter runs");
    let stderr = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--web.systemd-socket"), "{stderr}");
}

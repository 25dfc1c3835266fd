//! Listening on several addresses, Unix sockets and sockets of systemd.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use testbed::tools;

use crate::support::{Exporter, eventually};

const NOBODY: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// Scrapes through a Unix socket; `None` when no process listens.
fn scrape(path: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(path).ok()?;
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn assert_scraped(path: &Path) {
    let answer = scrape(path).expect("a process listens");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("rocketchat_up 0"), "{answer}");
}

fn listened_to(exporter: &Exporter) -> Vec<String> {
    let log = exporter.log();
    log.lines()
        .filter_map(|line| line.split("address=").nth(1)?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn all_addresses_are_served_and_sockets_removed_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("exporter.sock");
    let socket = format!("--web.listen-address=unix://{}", path.display());
    let exporter = Exporter::start(&[NOBODY, "--web.listen-address=127.0.0.1:0", &socket]);
    let addresses = eventually("it listens everywhere", || {
        Some(listened_to(&exporter)).filter(|addresses| addresses.len() == 3)
    })
    .await;
    for address in [&addresses[0], &addresses[2]] {
        let answer = ureq::get(format!("http://{address}/metrics")).call();
        assert_eq!(answer.expect("it answers").status(), 200);
    }
    assert_eq!(addresses[1], format!("unix:{}", path.display()));
    assert_scraped(&path);
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn environment_variable_is_a_list() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let paths = ["one.sock", "two.sock"].map(|name| folder.path().join(name));
    let list = paths
        .each_ref()
        .map(|path| format!("unix:{}", path.display()));
    let mut command = Exporter::command();
    command.arg(NOBODY);
    command.env("ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS", list.join(","));
    let exporter = Exporter::spawn_as_it_is(&mut command);
    assert_eq!(exporter.address(), list[0]);
    for path in &paths {
        assert_scraped(path);
    }
}

#[test]
fn only_a_stale_socket_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let stale = folder.path().join("stale.sock");
    drop(UnixListener::bind(&stale).expect("it can be made"));
    let mut command = Exporter::command();
    command.args([
        NOBODY,
        &format!("--web.listen-address=unix:{}", stale.display()),
    ]);
    let _exporter = Exporter::spawn_as_it_is(&mut command);
    assert_scraped(&stale);

    let used = folder.path().join("used.sock");
    let _listener = UnixListener::bind(&used).expect("it can be made");
    let file = folder.path().join("file");
    fs::write(&file, "precious").expect("it can be written");
    for path in [&stale, &used, &file] {
        let address = format!("unix:{}", path.display());
        let output = Exporter::command()
            .args([NOBODY, "--web.listen-address", &address])
            .output()
            .expect("the exporter runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(&address), "{stderr}");
    }
    assert_scraped(&stale);
    assert!(
        used.symlink_metadata()
            .expect("it is there")
            .file_type()
            .is_socket()
    );
    assert_eq!(fs::read(&file).expect("it is there"), b"precious");
}

#[tokio::test]
async fn sockets_of_systemd_are_served_and_kept() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("passed.sock");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = port.local_addr().expect("it has an address").to_string();
    drop(port);
    // It belongs to the same package.
    let systemd = tools::SYSTEMD_ANALYZE
        .find()
        .expect("systemd-analyze is there");
    let mut activate = Command::new(systemd.path().with_file_name("systemd-socket-activate"))
        .args(["--listen", &address, "--listen"])
        .arg(&path)
        .arg(env!("CARGO_BIN_EXE_rocketchat-exporter"))
        .args([NOBODY, "--web.systemd-socket", "--log.level=error"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-socket-activate runs");
    // The first connection starts the exporter, in the place of what has waited for it.
    eventually("the socket is there", || path.exists().then_some(())).await;
    assert_scraped(&path);
    let answer = ureq::get(format!("http://{address}/-/healthy")).call();
    assert_eq!(answer.expect("it answers").status(), 200);
    let pid = activate.id();
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -TERM {pid}")])
        .status();
    assert!(sent.expect("the shell runs").success());
    assert_eq!(activate.wait().expect("it ends").code(), Some(0));
    assert!(path.exists());
}

#[test]
fn missing_systemd_socket_is_an_error() {
    let both = Exporter::command()
        .args([NOBODY, "--web.systemd-socket", "--web.listen-address=:0"])
        .output()
        .expect("the exporter runs");
    assert_eq!(both.status.code(), Some(2));
    let none = Exporter::command()
        .args([NOBODY, "--web.systemd-socket"])
        .output();
    let none = none.expect("the exporter runs");
    let stderr = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--web.systemd-socket"), "{stderr}");
}

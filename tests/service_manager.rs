//! Notifications to systemd, through a socket like systemd's.

use std::os::unix::net::UnixDatagram;

use crate::support::{Exporter, TIMEOUT, shared_mongod, shared_workspace};

/// A MongoDB that does not answer.
const NO_DATABASE: &str = "mongodb://127.0.0.1:9";

/// The status while the database can be read.
const READ: &str = "STATUS=The database is read\n";

/// A service manager's notification socket.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory can be created");
        let socket =
            UnixDatagram::bind(folder.path().join("notify")).expect("the socket can be bound");
        socket
            .set_read_timeout(Some(TIMEOUT))
            .expect("the timeout can be set");
        Self { socket, folder }
    }

    fn start(&self, watchdog: &str, uri: &str) -> Exporter {
        let mut command = Exporter::command();
        command
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", watchdog)
            .arg(format!("--mongodb.uri={uri}"));
        Exporter::spawn(&mut command)
    }

    /// The next message.
    fn message(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self.socket.recv(&mut bytes);
        let length = length.expect("there is a message");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// Waits for a message with this prefix.
    fn wait_for(&self, prefix: &str) -> String {
        loop {
            let message = self.message();
            if message.starts_with(prefix) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_is_notified_of_ready_reload_and_stop() {
    let manager = Manager::new();
    let exporter = manager.start("60000000", NO_DATABASE);
    manager.wait_for("READY=1");
    assert_eq!(
        manager.wait_for("STATUS="),
        "STATUS=No database has been read yet\n"
    );
    exporter.signal("HUP");
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.wait_for("READY=1");
    exporter.signal("TERM");
    manager.wait_for("STOPPING=1");
    assert_eq!(exporter.wait().code(), Some(0));
}

#[test]
fn watchdog_is_notified_while_a_database_is_down() {
    let manager = Manager::new();
    let _exporter = manager.start("200000", NO_DATABASE);
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_sent_when_it_changes() {
    let workspace = shared_workspace().await;
    workspace.keep_alive().await;
    let manager = Manager::new();
    let uri = workspace.uri_at(shared_mongod().port());
    let _exporter = manager.start("200000", &uri);
    let mut statuses = Vec::new();
    let mut watchdogs = 0;
    while watchdogs < 5 {
        let message = manager.message();
        if message.starts_with("STATUS=") {
            statuses.push(message);
        } else if statuses.last().is_some_and(|last| last == READ) {
            watchdogs += 1;
        }
    }
    let mut changes = statuses.clone();
    changes.dedup();
    assert_eq!(statuses, changes);
}

//! Notifications to systemd, through a socket like systemd's.

use std::os::unix::net::UnixDatagram;

use crate::support::{Exporter, TIMEOUT};

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

    fn start(&self, watchdog: &str) -> Exporter {
        let mut command = Exporter::command();
        command
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", watchdog)
            .arg("--mongodb.uri=mongodb://127.0.0.1:9");
        Exporter::spawn(&mut command)
    }

    /// Waits for a message with this prefix.
    fn wait_for(&self, prefix: &str) -> String {
        let mut bytes = [0; 1024];
        loop {
            let length = self.socket.recv(&mut bytes);
            let length = length.unwrap_or_else(|error| panic!("no message {prefix}: {error}"));
            let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if message.starts_with(prefix) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_is_notified_of_ready_reload_and_stop() {
    let manager = Manager::new();
    let exporter = manager.start("60000000");
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
    let _exporter = manager.start("200000");
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
}

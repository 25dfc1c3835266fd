//! What systemd is told, through a socket as systemd's own.

use std::os::unix::net::UnixDatagram;

use crate::support::{Exporter, PATIENCE};

/// What a service manager hears.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("it can be bound");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("it can be waited for");
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

    /// Waits for a message that begins so.
    fn hear(&self, beginning: &str) -> String {
        let mut bytes = [0; 1024];
        loop {
            let length = self.socket.recv(&mut bytes);
            let length = length.unwrap_or_else(|error| panic!("never heard {beginning}: {error}"));
            let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if message.starts_with(beginning) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_is_notified_of_ready_reload_and_stop() {
    let manager = Manager::new();
    let exporter = manager.start("60000000");
    manager.hear("READY=1");
    assert_eq!(
        manager.hear("STATUS="),
        "STATUS=No database has been read yet\n"
    );
    exporter.signal("HUP");
    let reloading = manager.hear("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.hear("READY=1");
    exporter.signal("TERM");
    manager.hear("STOPPING=1");
    assert_eq!(exporter.wait().code(), Some(0));
}

#[test]
fn watchdog_is_notified_while_a_database_is_down() {
    let manager = Manager::new();
    let _exporter = manager.start("200000");
    for _ in 0..5 {
        manager.hear("WATCHDOG=1");
    }
}

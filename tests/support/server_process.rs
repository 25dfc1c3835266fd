//! A server of another project, started on a free port.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testbed::child_process::{ChildProcess, Output};
use testbed::port;
use testbed::tools::Tool;

/// A running server. Dropping it ends the process and removes its directory.
pub struct ServerProcess {
    // Declared before the directory, so that the process ends first.
    process: ChildProcess,
    directory: TempDir,
    address: String,
}

/// Attempts to find a port that no other process takes.
const ATTEMPTS: u32 = 20;
const START_TIMEOUT: Duration = Duration::from_mins(2);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

impl ServerProcess {
    /// Starts a server with the contents of its `--config.file`, and waits until it logs `ready`. `arguments` returns
    /// further arguments for the server's directory.
    pub async fn start(
        tool: Tool,
        configuration: &str,
        ready: &str,
        arguments: impl Fn(&Path) -> Vec<String>,
    ) -> Self {
        for _ in 0..ATTEMPTS {
            let mut server = Self::spawn(tool, configuration, &arguments);
            if server.wait_until_ready(tool.name, ready).await {
                return server;
            }
        }
        panic!("{} found {ATTEMPTS} ports in use", tool.name);
    }

    fn spawn(tool: Tool, configuration: &str, arguments: impl Fn(&Path) -> Vec<String>) -> Self {
        let name = tool.name;
        let program = tool
            .find()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let directory = tempfile::tempdir().expect("a directory can be created");
        let file = directory.path().join("config.yml");
        fs::write(&file, configuration).expect("the configuration can be written");
        let address = format!("127.0.0.1:{}", port::random());
        let mut command = program.command();
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"))
            .args(arguments(directory.path()));
        let log = log_path(directory.path());
        let process = ChildProcess::start(&mut command, Some(directory.path()), Output::File(&log))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            process,
            directory,
            address,
        }
    }

    /// Waits until the server logs `ready`; `false` if its port is in use. The port itself proves nothing, because another
    /// program may listen on it.
    async fn wait_until_ready(&mut self, name: &str, ready: &str) -> bool {
        let begun = Instant::now();
        loop {
            // Before the log is read, so that it is complete when the process has ended.
            let exit_status = self.process.exit_status();
            let log = fs::read(log_path(self.directory.path())).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            if let Some(status) = exit_status.expect("the process can be waited for") {
                let is_port_in_use = log.contains("address already in use");
                assert!(
                    is_port_in_use,
                    "{name} ended with {status} while starting:\n{log}"
                );
                return false;
            }
            if log.contains(ready) {
                return true;
            }
            assert!(
                begun.elapsed() < START_TIMEOUT,
                "{name} did not become ready:\n{log}"
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("log")
}

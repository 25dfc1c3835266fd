//! A real Prometheus, and queries to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testbed::tools::Tool;

use super::server_process::ServerProcess;

/// A running Prometheus. Dropping it ends the process and removes its data.
pub struct Prometheus(ServerProcess);

/// A series in the result of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Labels; the metric name is `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Times in seconds since 1970, and values.
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts a Prometheus with a configuration, and waits until it serves queries. Files in the configuration need
    /// absolute paths.
    pub async fn start(version: Tool, configuration: &str) -> Self {
        Self::start_with(version, configuration, None).await
    }

    /// The same with a data directory that already has blocks.
    pub async fn start_on_blocks(version: Tool, configuration: &str, blocks: &Path) -> Self {
        Self::start_with(version, configuration, Some(blocks)).await
    }

    async fn start_with(version: Tool, configuration: &str, blocks: Option<&Path>) -> Self {
        let arguments = |directory: &Path| {
            let data = blocks.map_or_else(|| directory.join("data"), Path::to_path_buf);
            vec![format!("--storage.tsdb.path={}", data.display())]
        };
        let ready = "Server is ready to receive web requests";
        Self(ServerProcess::start(version, configuration, ready, arguments).await)
    }

    /// The current value of an expression: series with one point each, or the error of Prometheus.
    pub fn query(&self, expression: &str) -> Result<Vec<Series>, String> {
        series(&self.api("query", &[("query", expression)])?)
    }

    /// The values of an expression between two times in seconds since 1970, every `step` seconds, or the error of
    /// Prometheus.
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
        series(&self.api("query_range", &parameters)?)
    }

    /// Calls an endpoint below `/api/v1/` and returns the field `data` of its response.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(2)))
            .build()
            .into();
        let request = agent
            .get(format!("http://{}/api/v1/{path}", self.0.address()))
            .query_pairs(parameters.iter().copied());
        let mut response = request.call().expect("Prometheus responds");
        let response = response
            .body_mut()
            .read_to_vec()
            .expect("the response is complete");
        let mut response: Value = serde_json::from_slice(&response).expect("the response is JSON");
        if response["status"] == "success" {
            Ok(response["data"].take())
        } else {
            Err(response["error"].to_string())
        }
    }
}

/// The series of a result of any type; a scalar becomes a series without labels.
fn series(response: &Value) -> Result<Vec<Series>, String> {
    let result = &response["result"];
    match response["resultType"].as_str() {
        Some("scalar") => Ok(vec![Series {
            labels: BTreeMap::new(),
            points: vec![point(result)],
        }]),
        Some("vector" | "matrix") => {
            let all = result.as_array().expect("the result is a list of series");
            Ok(all.iter().map(parse_series).collect())
        }
        _ => Err(format!("the result has no series: {response}")),
    }
}

fn parse_series(series: &Value) -> Series {
    let labels = series["metric"].as_object().expect("a series has labels");
    let label = |(name, value): (&String, &Value)| {
        let value = value.as_str().expect("a label is a string");
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

/// Parses a time and a value, which Prometheus writes as a string.
fn point(point: &Value) -> (f64, f64) {
    let value = point[1].as_str().expect("a value is a string");
    (
        point[0].as_f64().expect("a time is a number"),
        value.parse().expect("a value is a number"),
    )
}

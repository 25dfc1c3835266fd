//! A run of wrk against a server, and the server's CPU time.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::machine::{seconds_between, thread_times};
use crate::median::median;
use testbed::tools::Program;

/// The result of a run of wrk.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Load {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_seconds: f64,
    pub(crate) p99_seconds: f64,
    /// CPU time of the server's process.
    pub(crate) cpu_seconds_per_request: f64,
}

impl Load {
    pub(crate) fn median(runs: &[Self]) -> Self {
        let of = |number: fn(&Self) -> f64| median(runs.iter().map(number));
        Self {
            requests_per_second: of(|run| run.requests_per_second),
            p50_seconds: of(|run| run.p50_seconds),
            p99_seconds: of(|run| run.p99_seconds),
            cpu_seconds_per_request: of(|run| run.cpu_seconds_per_request),
        }
    }
}

/// Scrapes `/metrics` for `duration` over `connections` connections.
pub(crate) async fn run(
    wrk: &Program,
    address: SocketAddr,
    pid: u32,
    headers: &[(&str, &str)],
    connections: usize,
    duration: Duration,
) -> Result<Load> {
    let mut command = wrk.command();
    command.args(["--latency", "--timeout", "10s", "-t1"]);
    command.arg(format!("-c{connections}"));
    command.arg(format!("-d{}s", duration.as_secs().max(1)));
    for (name, value) in headers {
        command.arg("-H").arg(format!("{name}: {value}"));
    }
    command.arg(format!("http://{address}/metrics"));
    let before = thread_times(pid);
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    let used = seconds_between(&before, &thread_times(pid));
    let output = output.context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!(
            "wrk failed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut load =
        read(&text).with_context(|| format!("the output of wrk is not as expected: {text}"))?;
    load.cpu_seconds_per_request *= used;
    Ok(load)
}

/// Parses wrk's report; the CPU time per request is set to one over the number of requests.
fn read(text: &str) -> Option<Load> {
    let after = |name: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    if text.contains("Non-2xx") {
        return None;
    }
    let requests = text.lines().find_map(|line| {
        line.trim()
            .split_once(" requests in ")?
            .0
            .parse::<f64>()
            .ok()
    })?;
    Some(Load {
        requests_per_second: after("Requests/sec:")?.parse().ok()?,
        p50_seconds: time(&after("50%")?)?,
        p99_seconds: time(&after("99%")?)?,
        cpu_seconds_per_request: 1.0 / requests,
    })
}

/// Parses a duration in wrk's format, in seconds.
fn time(text: &str) -> Option<f64> {
    for (unit, factor) in [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)] {
        if let Some(number) = text
            .strip_suffix(unit)
            .and_then(|number| number.parse::<f64>().ok())
        {
            return Some(number * factor);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Running 1s test @ http://127.0.0.1:9459/metrics
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    46.37us   12.04us 567.00us   92.35%
    Req/Sec    21.32k     1.32k   22.85k    81.82%
  Latency Distribution
     50%   43.00us
     75%   46.00us
     90%   55.00us
     99%    1.20ms
  23325 requests in 1.10s, 200.00MB read
Requests/sec:  21206.28
Transfer/sec:    181.84MB
";

    #[test]
    fn wrk_report_parses() {
        let load = read(REPORT).expect("a report");
        assert!((load.requests_per_second - 21_206.28).abs() < 1e-9);
        assert!((load.p50_seconds - 43e-6).abs() < 1e-12);
        assert!((load.p99_seconds - 1.2e-3).abs() < 1e-12);
        assert!((load.cpu_seconds_per_request - 1.0 / 23_325.0).abs() < 1e-12);
        assert!(read(&format!("{REPORT}  Non-2xx or 3xx responses: 5\n")).is_none());
    }
}

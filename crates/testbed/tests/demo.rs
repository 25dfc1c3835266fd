//! The demo as a process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::http;
use testbed::tools::{PROMETHEUS_2, workspace_root};

/// In the environment of the demo, and so of all processes that it starts.
const MARK: &str = "ROCKETCHAT_EXPORTER_DEMO_TEST";

const TIMEOUT: Duration = Duration::from_mins(2);

struct Demo {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Demo {
    fn start() -> Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_demo"))
            .args(["--listen=127.0.0.1:0", "--exporter"])
            .arg(exporter()?)
            .env(MARK, std::process::id().to_string())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("the demo has an output")?;
        Ok(Self {
            process,
            output: BufReader::new(output),
        })
    }

    /// Reads lines until one contains a text, and returns it.
    fn wait_for(&mut self, text: &str) -> Result<String> {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line)?;
            ensure!(length > 0, "the demo ended before it printed `{text}`");
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    /// Presses Ctrl-C, and asserts that the demo leaves nothing.
    fn interrupt(mut self) -> Result<()> {
        let id = self.process.id();
        ensure!(!processes()?.is_empty(), "the mark names no process");
        ensure!(!directories(id)?.is_empty(), "the data are elsewhere");
        let status = Command::new("kill")
            .args(["-s", "INT", &id.to_string()])
            .status()?;
        ensure!(status.success(), "the demo cannot be interrupted");
        let status = self.process.wait()?;
        ensure!(status.success(), "the demo ends with {status}");
        let begun = Instant::now();
        loop {
            let left = (processes()?, directories(id)?);
            if left.0.is_empty() && left.1.is_empty() {
                return Ok(());
            }
            ensure!(begun.elapsed() < TIMEOUT, "the demo leaves {left:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The exporter that was built with these tests, or else a new build.
fn exporter() -> Result<PathBuf> {
    let demo = Path::new(env!("CARGO_BIN_EXE_demo"));
    let program = demo.with_file_name("rocketchat-exporter");
    if !program.exists() {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package=rocketchat-exporter"])
            .current_dir(workspace_root())
            .status()?;
        ensure!(status.success(), "the exporter does not build");
    }
    Ok(program)
}

/// The processes with the mark.
fn processes() -> Result<Vec<PathBuf>> {
    let mark = format!("{MARK}={}\0", std::process::id());
    let is_marked = |folder: &PathBuf| {
        // Processes of other users cannot be read, and others end meanwhile.
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&mark)
    };
    let entries = fs::read_dir("/proc")?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(folders.filter(is_marked).collect())
}

/// The temporary directories of a process.
fn directories(process: u32) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [std::env::temp_dir(), PathBuf::from("/dev/shm")] {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let parts: Vec<&str> = name.split('-').collect();
            if name.starts_with("rocketchat-exporter-") && parts.contains(&&*process.to_string()) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// Asserts that the exporter probes the Rocket.Chat of the demo, with a token; `page` is the line with the page's URL.
fn assert_is_probed(page: &str) -> Result<()> {
    let (_, rest) = page.split_once("http://").context("there is no URL")?;
    let (address, _) = rest.split_once('/').context("there is no path")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let begun = Instant::now();
    loop {
        let metrics = runtime.block_on(http::get(address.parse()?, "/metrics", &[]))?;
        let metrics = metrics.text();
        let missing = [
            "rocketchat_probe_success{check=\"info\"} 1",
            "rocketchat_probe_success{check=\"websocket\"} 1",
            "rocketchat_build_info{version=\"9.0.0\",commit=\"",
        ]
        .into_iter()
        .find(|series| !metrics.contains(series));
        let Some(missing) = missing else {
            return Ok(());
        };
        ensure!(begun.elapsed() < TIMEOUT, "{missing} is missing: {metrics}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn interrupted_demo_leaves_no_process_and_no_directory() -> Result<()> {
    let mut generating = Demo::start()?;
    generating.wait_for("generating a workspace")?;
    generating.interrupt()?;
    let mut open = Demo::start()?;
    let page = open.wait_for("/info")?;
    assert_is_probed(&page)?;
    if PROMETHEUS_2.find().is_ok() {
        open.wait_for("Prometheus scrapes the exporter")?;
    }
    open.interrupt()
}

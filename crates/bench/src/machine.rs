//! Where and when something was measured, without which no figure is meaningful.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

/// The machine, and its load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_bytes: u64,
    kernel: String,
    mongod: String,
    /// The load averages at the start.
    load_at_start: String,
    load_at_end: String,
    /// Seconds since 1970.
    measured_at: i64,
}

impl Machine {
    pub(crate) fn new(mongod: String) -> Self {
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kilobytes = memory
            .split(' ')
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_bytes: kilobytes.unwrap_or_default() * 1024,
            kernel: line("/proc/sys/kernel/osrelease"),
            mongod,
            load_at_start: load(),
            load_at_end: String::new(),
            measured_at: mongodb::bson::DateTime::now().timestamp_millis() / 1000,
        }
    }

    pub(crate) fn finished(&mut self) {
        self.load_at_end = load();
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "{} x {}, Linux {}, mongod {}, load {} at the start and {} at the end",
            self.cores,
            self.processor,
            self.kernel,
            self.mongod,
            self.load_at_start,
            self.load_at_end
        )
    }
}

/// The load averages of 1, 5 and 15 minutes.
fn load() -> String {
    let load = line("/proc/loadavg");
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// The value after a name and a colon.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// The CPU time of each thread of a process in nanoseconds.
///
/// `/proc/PID/stat` counts in hundredths of a second, which is longer than most queries take.
pub(crate) fn thread_times(pid: u32) -> BTreeMap<String, u64> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return BTreeMap::new();
    };
    threads
        .flatten()
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let used = text.split(' ').next()?.parse().ok()?;
            Some((thread.file_name().to_string_lossy().into_owned(), used))
        })
        .collect()
}

/// The CPU time between two samples in seconds, without threads that ended in between.
pub(crate) fn seconds_between(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> f64 {
    let used = |(thread, now): (&String, &u64)| {
        now.saturating_sub(before.get(thread).copied().unwrap_or_default())
    };
    after.iter().map(used).sum::<u64>() as f64 / 1e9
}

/// The resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    bytes_of(pid, "VmRSS")
}

/// The anonymous resident memory of a process in bytes, without file-backed pages.
pub(crate) fn own_bytes(pid: u32) -> u64 {
    bytes_of(pid, "RssAnon")
}

fn bytes_of(pid: u32, name: &str) -> u64 {
    let text = field(&format!("/proc/{pid}/status"), name).unwrap_or_default();
    let kilobytes = text
        .split(' ')
        .next()
        .and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

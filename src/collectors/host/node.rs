//! Finds the processes of Rocket.Chat's instances on this machine.
//!
//! An instance registers the pid of its own namespace, which differs in a container and means nothing on another
//! machine. So a process must also be named `node` and have started shortly before the instance registered.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::proc;
use crate::catalogue::Timestamp;
use crate::collectors::instances::Instances;
use crate::small_file::read_to_string;

/// Maximum time between the start of the process and its registration: migrations run in between.
const MAX_STARTUP: Duration = Duration::from_mins(15);

/// Tolerance in milliseconds for the difference between the database's clock and this machine's, which is known up to
/// the round-trip time.
const CLOCK_DIFFERENCE: i64 = 5_000;

/// A process named `node`.
struct Process {
    /// Its pid in this namespace.
    pid: u32,
    /// Its pid in its own namespace.
    own_pid: u64,
    started_at: Timestamp,
}

/// Ids of live instances on this machine, and the pids of their processes in this namespace.
pub fn find(instances: &Instances) -> Vec<(String, u32)> {
    let mut live = instances.live().peekable();
    if live.peek().is_none() {
        return Vec::new();
    }
    let processes = processes();
    live.filter_map(|instance| {
        let created_at = instances.by_own_clock(instance.created_at?);
        let pid = process_of(instance.pid?, created_at, &processes)?;
        Some((instance.id.clone(), pid))
    })
    .collect()
}

/// The process that registered `pid` at a time of this machine's clock.
fn process_of(pid: u64, created_at: Timestamp, processes: &[Process]) -> Option<u32> {
    // In containers the pid is often 1, so several processes can match: the one that started last before the
    // registration is the one that registered.
    processes
        .iter()
        .filter(|process| u64::from(process.pid) == pid || process.own_pid == pid)
        .filter_map(|process| {
            let registered_at = Timestamp(created_at.0 + CLOCK_DIFFERENCE);
            let took = registered_at.since(process.started_at)?;
            (took <= MAX_STARTUP).then_some((took, process.pid))
        })
        .min()
        .map(|(_, pid)| pid)
}

/// Every process named `node`.
fn processes() -> Vec<Process> {
    let Some(booted_at) = proc::booted_at() else {
        return Vec::new();
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| process(pid, booted_at))
        .collect()
}

fn process(pid: u32, booted_at: f64) -> Option<Process> {
    let read = |name: &str| read_to_string(Path::new(&format!("/proc/{pid}/{name}"))).ok();
    if read("comm")?.trim_end() != "node" {
        return None;
    }
    let status = read("status")?;
    let own_pid = proc::field(&status, "NSpid:")
        .and_then(|numbers| numbers.split_whitespace().last()?.parse().ok())
        .unwrap_or(u64::from(pid));
    Some(Process {
        pid,
        own_pid,
        started_at: proc::started_at(&read("stat")?, booted_at)?,
    })
}

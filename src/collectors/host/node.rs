//! Which processes on this machine are Rocket.Chat's instances.
//!
//! An instance registers its process id as it sees it. In a container that is another number than here, and on another
//! machine it means nothing, so a process must also be named `node` and have started shortly before the instance
//! registered.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::proc;
use crate::catalogue::Timestamp;
use crate::collectors::instances::Instances;
use crate::small_file::read_to_string;

/// How long Rocket.Chat may take from its process's start to its registration: migrations run in between.
const LONGEST_START: Duration = Duration::from_mins(15);

/// By how much the registration, which the database dates, may seem to come too early, in milliseconds: the difference
/// of its clock from this machine's is known to about the time that an answer takes.
const CLOCK_DIFFERENCE: i64 = 5_000;

/// A process named `node`.
struct Process {
    /// Its number here.
    pid: u32,
    /// Its number in its own name space.
    own_pid: u64,
    started_at: Timestamp,
}

/// The live instances whose processes run on this machine: their ids, and the process ids as this machine sees them.
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

/// The process of the instance that registered as `wanted`, at an instant of this machine's clock.
fn process_of(wanted: u64, created_at: Timestamp, processes: &[Process]) -> Option<u32> {
    // In an instance's own name space its number is often 1, so several containers may claim the same one:
    // the process that started last before the registration is the one that registered.
    processes
        .iter()
        .filter(|process| u64::from(process.pid) == wanted || process.own_pid == wanted)
        .filter_map(|process| {
            let registered_at = Timestamp(created_at.0 + CLOCK_DIFFERENCE);
            let took = registered_at.since(process.started_at)?;
            (took <= LONGEST_START).then_some((took, process.pid))
        })
        .min()
        .map(|(_, pid)| pid)
}

/// Every process named `node`; those that end while they are looked at are left out.
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

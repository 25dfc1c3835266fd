//! Which process on this machine is a Rocket.Chat instance.
//!
//! An instance registers its process id as it sees it. In a container that is another number than here, and on another
//! machine it means nothing, so a process must also be named `node` and have started shortly before the instance
//! registered.

use std::fs;
use std::time::Duration;

use super::proc;
use crate::statistics::{Instance, Timestamp};

/// How long Rocket.Chat may take from its process's start to its registration: migrations run in between.
const LONGEST_START: Duration = Duration::from_mins(15);

/// How far the clock of the database, which dates the registration, may be behind this machine's.
const CLOCK_DIFFERENCE: i64 = 5_000;

/// The process id, as this machine sees it, of an instance.
pub fn find(instance: &Instance) -> Option<u32> {
    let wanted = u32::try_from(instance.pid?).ok()?;
    let created_at = instance.created_at?;
    // In an instance's own name space its number is often 1, so several containers may claim the same one:
    // the process that started last before the registration is the one that registered.
    candidates(wanted)
        .filter_map(|pid| {
            let started_at = started_at(pid)?;
            let took = Timestamp(created_at.0 + CLOCK_DIFFERENCE).since(started_at)?;
            (took <= LONGEST_START).then_some((took, pid))
        })
        .min()
        .map(|(_, pid)| pid)
}

/// Processes named `node` that have this number here or in their innermost name space.
fn candidates(wanted: u32) -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(move |pid: &u32| is_node(*pid) && has_number(*pid, wanted))
}

fn is_node(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "node")
}

fn has_number(pid: u32, wanted: u32) -> bool {
    if pid == wanted {
        return true;
    }
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| {
        proc::field(&status, "NSpid:")
            .and_then(|numbers| numbers.split_whitespace().last()?.parse().ok())
            == Some(wanted)
    })
}

/// When a process started: the machine's start and the ticks since then, by `/proc/PID/stat`.
fn started_at(pid: u32) -> Option<Timestamp> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything; the numbers begin behind the last one.
    let ticks: f64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    let seconds = boot + ticks / rustix::param::clock_ticks_per_second() as f64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an instant of this century in milliseconds"
    )]
    Some(Timestamp((seconds * 1000.0) as i64))
}

//! Reads the machine on a blocking thread: sysinfo keeps state between readings and reads files.

use std::sync::{Arc, Mutex, PoisonError};

use sysinfo::{
    CpuRefreshKind, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System,
};

use super::{Cpu, Host, NodeProcess, node, proc};
use crate::catalogue::{FailureKind, Timestamp};
use crate::collectors::instances::Instances;
use crate::collectors::snapshot::{Reading, Snapshot};
use crate::mongodb::{QueryContext, SourceError};

/// Always fails: [`HostSource`] reads the host, not MongoDB.
#[expect(
    clippy::unused_async,
    reason = "the signature of every collector's query"
)]
pub async fn read(_: &mut QueryContext<'_>, _: &Snapshot) -> Result<Host, SourceError> {
    Err(SourceError::new(
        FailureKind::Other,
        "the host is not read from MongoDB",
    ))
}

/// Reads the host.
#[derive(Debug)]
pub struct HostSource {
    // A std mutex: only locked on a blocking thread.
    state: Arc<Mutex<Option<System>>>,
}

impl HostSource {
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(None)),
        }
    }

    /// Reads the machine and finds the processes of `instances`.
    pub async fn read(&self, instances: Option<Arc<Instances>>) -> Result<Reading, SourceError> {
        let state = Arc::clone(&self.state);
        tokio::task::spawn_blocking(move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let system = match &mut *state {
                Some(system) => system,
                empty => empty.insert(System::new().map_err(failed)?),
            };
            Ok(read_now(system, instances.as_deref()))
        })
        .await
        .map_err(failed)?
    }
}

fn failed(error: impl std::fmt::Display) -> SourceError {
    SourceError::new(
        FailureKind::Other,
        format!("the host cannot be read: {error}"),
    )
}

fn read_now(system: &mut System, instances: Option<&Instances>) -> Reading {
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    system.refresh_cpu_list(CpuRefreshKind::nothing().with_frequency());
    let found = instances.map(node::find).unwrap_or_default();
    let pids: Vec<_> = found.iter().map(|(_, pid)| Pid::from_u32(*pid)).collect();
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&pids),
        true,
        ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks(),
    );
    Reading::Host(host(system, &found))
}

fn host(system: &System, found: &[(String, u32)]) -> Host {
    let uptime = proc::uptime();
    let memory = |bytes: u64| (bytes > 0).then_some(bytes);
    let times = proc::cpu_times().unwrap_or_default();
    Host {
        kernel: Some("Linux".to_owned()),
        kernel_release: System::kernel_version().ok(),
        distribution: System::name().ok(),
        distribution_version: System::os_version().ok(),
        architecture: architecture(),
        uptime_seconds: uptime,
        load: System::load_average()
            .ok()
            .map(|load| [load.one, load.five, load.fifteen]),
        memory_bytes: memory(system.total_memory()),
        memory_free_bytes: memory(system.free_memory()),
        memory_available_bytes: memory(system.available_memory()),
        cpus: system
            .cpus()
            .iter()
            .zip(times)
            .map(|(cpu, times)| Cpu {
                model: cpu.brand().to_owned(),
                megahertz: cpu.frequency(),
                times,
            })
            .collect(),
        node_processes: found
            .iter()
            .filter_map(|(instance_id, pid)| node_process(system, instance_id, *pid))
            .collect(),
    }
}

/// The architecture, as Node.js names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    }
}

fn node_process(system: &System, instance_id: &str, pid: u32) -> Option<NodeProcess> {
    let process = system.process(Pid::from_u32(pid))?;
    Some(NodeProcess {
        instance_id: instance_id.to_owned(),
        cpu_seconds: Some(process.accumulated_cpu_time() as f64 / 1000.0),
        resident_bytes: Some(process.memory()),
        open_files: process.open_files().map(|number| number as u64),
        max_files: process.open_files_limit().map(|number| number as u64),
        started_at: seconds(process.start_time()),
    })
}

pub fn seconds(since_1970: u64) -> Option<Timestamp> {
    let milliseconds = since_1970.checked_mul(1000)?;
    i64::try_from(milliseconds).ok().map(Timestamp)
}

//! The resource usage of the exporter's own process.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::collectors::host::proc;
use crate::collectors::host::query::seconds;
use crate::exposition::ProcessStats;

/// Reads the resource usage of the own process.
#[derive(Debug)]
pub struct ExporterProcessSource(Option<System>);

impl ExporterProcessSource {
    /// Reads nothing yet.
    pub fn new() -> Self {
        Self(System::new().ok())
    }

    /// Reads the resource usage; values that the system does not provide are `None`. Reads files of `/proc`, so call it on
    /// a blocking thread.
    pub fn read(&mut self) -> ProcessStats {
        let pid = Pid::from_u32(std::process::id());
        let Some(system) = &mut self.0 else {
            return ProcessStats::default();
        };
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            true,
            ProcessRefreshKind::nothing()
                .with_cpu()
                .with_memory()
                .without_tasks(),
        );
        let Some(process) = system.process(pid) else {
            return ProcessStats::default();
        };
        ProcessStats {
            cpu_seconds: Some(process.accumulated_cpu_time() as f64 / 1000.0),
            resident_bytes: Some(process.memory()),
            virtual_bytes: Some(process.virtual_memory()),
            open_files: process.open_files().map(|count| count as u64),
            max_files: process.open_files_limit().map(|count| count as u64),
            threads: proc::threads(),
            started_at: seconds(process.start_time()),
        }
    }
}

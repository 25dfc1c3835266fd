//! The exporter's own process.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::collectors::host::proc;
use crate::collectors::host::query::seconds;
use crate::exposition::ProcessStats;

/// Looks at the exporter's own process.
#[derive(Debug)]
pub struct ExporterProcessSource(Option<System>);

impl ExporterProcessSource {
    /// Ready to look; nothing is read here.
    pub fn new() -> Self {
        Self(System::new().ok())
    }

    /// What the process uses; nothing where the system does not tell. Reads a few files of `/proc`, so it belongs on a
    /// blocking thread.
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
            open_files: process.open_files().map(|number| number as u64),
            max_files: process.open_files_limit().map(|number| number as u64),
            threads: proc::threads(),
            started_at: seconds(process.start_time()),
        }
    }
}

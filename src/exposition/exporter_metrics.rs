//! Metrics about the exporter: its process, its requests and its configuration.

use std::sync::Arc;

use crate::catalogue::{Metric, Quantity, Read, Sample, Timestamp, count, instant, state};
use crate::shard::Shard;

/// The exporter's process.
#[derive(Debug, Clone, Default)]
pub struct ProcessStats {
    /// Processor time.
    pub cpu_seconds: Option<f64>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Reserved address space.
    pub virtual_bytes: Option<u64>,
    /// Open files and sockets.
    pub open_files: Option<u64>,
    /// The limit of open files and sockets.
    pub max_files: Option<u64>,
    /// Its threads.
    pub threads: Option<u64>,
    /// When it started.
    pub started_at: Option<Timestamp>,
}

/// Requests of one handler.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestStats {
    /// The handler.
    pub handler: &'static str,
    /// Number of responses by status.
    pub by_code: Vec<(u16, u64)>,
    /// Time until the responses were complete.
    pub seconds: f64,
    /// Size of the bodies.
    pub bytes: u64,
}

/// The last reload of the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReloadStatus {
    /// Whether the last attempt succeeded.
    pub succeeded: bool,
    /// When the configuration in use was loaded.
    pub last_success: Timestamp,
}

/// The files of `--config.dir`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkspaceFileStats {
    /// Files whose settings are in use.
    pub valid: u64,
    /// Files that are wrong.
    pub invalid: u64,
    /// Files that were read since the start.
    pub reads: u64,
    /// The names of invalid files, and the directory if it cannot be listed; not all if there are many.
    pub first_invalid: Vec<String>,
}

/// The state of the exporter.
#[derive(Debug, Clone, Default)]
pub struct ExporterState {
    /// The process.
    pub process: ProcessStats,
    /// Requests by handler.
    pub requests: Vec<RequestStats>,
    /// How often a task was restarted after a panic.
    pub task_restarts: u64,
    /// The configuration; `None` outside the server.
    pub reload: Option<ReloadStatus>,
    /// Which of the workspaces are read; `None` for all.
    pub shard: Option<Shard>,
    /// The files of `--config.dir`; `None` without the flag.
    pub workspace_files: Option<Arc<WorkspaceFileStats>>,
    /// Log lines that were lost; `None` outside the server.
    pub lost_lines: Option<u64>,
}

fn by_handler(exporter: &ExporterState, read: impl Fn(&RequestStats) -> f64) -> Vec<Sample> {
    exporter
        .requests
        .iter()
        .map(|requests| Sample::of(requests.handler, read(requests)))
        .collect()
}

/// Metrics about the exporter.
pub const EXPORTER_METRICS: &[Metric<ExporterState>] = &[
    Metric {
        name: "rocketchat_exporter_config_last_reload_successful",
        help: "Whether the last attempt to load the configuration succeeded; after a failure the previous one stays in use.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::One(|exporter| Some(state(exporter.reload?.succeeded))),
    },
    Metric {
        name: "rocketchat_exporter_config_last_reload_success_timestamp_seconds",
        help: "When the configuration in use was loaded.",
        source: "the exporter",
        quantity: Quantity::Instant,
        read: Read::One(|exporter| instant(exporter.reload.map(|reload| reload.last_success))),
    },
    Metric {
        name: "rocketchat_exporter_shard",
        help: "The ordinal of this exporter among those that share the workspaces: --shard. Absent without the flag.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["ordinal"], |exporter| {
            let shard = exporter.shard.iter();
            shard
                .map(|shard| Sample::of(shard.ordinal.to_string(), 1.0))
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_total_shards",
        help: "The number of exporters that share the workspaces: --total-shards. Absent without the flag.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::One(|exporter| count(exporter.shard?.total.into())),
    },
    Metric {
        name: "rocketchat_exporter_workspace_files",
        help: "Files of --config.dir by whether their settings can be used. For an invalid one its last valid settings stay in use. Absent without the flag.",
        source: "the exporter",
        quantity: Quantity::Count,
        read: Read::By(&["state"], |exporter| {
            let files = exporter.workspace_files.iter();
            files
                .flat_map(|files| [("valid", files.valid), ("invalid", files.invalid)])
                .map(|(state, number)| Sample::of(state, number as f64))
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_workspace_file_invalid",
        help: "A file of --config.dir that cannot be used, or the directory if it cannot be listed; at most 100 of them. Absent while there is none.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::By(&["file"], |exporter| {
            let files = exporter.workspace_files.iter();
            files
                .flat_map(|files| &files.first_invalid)
                .map(|file| Sample::of(file.clone(), 1.0))
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_workspace_file_reads_total",
        help: "Files of --config.dir that were read: those that are new, have changed or are invalid, and all at a reload. Absent without the flag.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|exporter| count(exporter.workspace_files.as_ref()?.reads)),
    },
    Metric {
        name: "rocketchat_exporter_http_requests_total",
        help: "HTTP requests by handler and status code; at most a second old, like the next two metrics.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::By(&["handler", "code"], |exporter| {
            exporter
                .requests
                .iter()
                .flat_map(|requests| {
                    requests.by_code.iter().map(|(code, number)| Sample {
                        labels: vec![requests.handler.into(), code.to_string().into()],
                        value: *number as f64,
                    })
                })
                .collect()
        }),
    },
    Metric {
        name: "rocketchat_exporter_http_request_duration_seconds_total",
        help: "Time from request headers to complete responses, without sending them.",
        source: "the exporter",
        quantity: Quantity::SecondsTotal,
        read: Read::By(&["handler"], |exporter| {
            by_handler(exporter, |requests| requests.seconds)
        }),
    },
    Metric {
        name: "rocketchat_exporter_http_response_size_bytes_total",
        help: "Size of response bodies as sent.",
        source: "the exporter",
        quantity: Quantity::BytesTotal,
        read: Read::By(&["handler"], |exporter| {
            by_handler(exporter, |requests| requests.bytes as f64)
        }),
    },
    Metric {
        name: "rocketchat_exporter_log_lines_lost_total",
        help: "Log lines that were lost because standard error was blocked.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|exporter| exporter.lost_lines.and_then(count)),
    },
    Metric {
        name: "rocketchat_exporter_task_restarts_total",
        help: "Tasks of the exporter that panicked and were restarted; the log has details.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|exporter| count(exporter.task_restarts)),
    },
    Metric {
        name: "rocketchat_exporter_build_info",
        help: "The exporter's version.",
        source: "the exporter",
        quantity: Quantity::Info,
        read: Read::By(&["version"], |_| {
            vec![Sample::of(env!("CARGO_PKG_VERSION"), 1.0)]
        }),
    },
    Metric {
        name: "process_cpu_seconds_total",
        help: "Processor time of the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::SecondsTotal,
        read: Read::One(|exporter| exporter.process.cpu_seconds),
    },
    Metric {
        name: "process_resident_memory_bytes",
        help: "Resident memory of the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Bytes,
        read: Read::One(|exporter| exporter.process.resident_bytes.and_then(count)),
    },
    Metric {
        name: "process_virtual_memory_bytes",
        help: "Address space reserved by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Bytes,
        read: Read::One(|exporter| exporter.process.virtual_bytes.and_then(count)),
    },
    Metric {
        name: "process_open_fds",
        help: "Open files and sockets of the exporter.",
        source: "/proc/self/fd",
        quantity: Quantity::Count,
        read: Read::One(|exporter| exporter.process.open_files.and_then(count)),
    },
    Metric {
        name: "process_max_fds",
        help: "Limit of open files and sockets of the exporter.",
        source: "/proc/self/limits",
        quantity: Quantity::Count,
        read: Read::One(|exporter| exporter.process.max_files.and_then(count)),
    },
    Metric {
        name: "process_threads",
        help: "Threads of the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Count,
        read: Read::One(|exporter| exporter.process.threads.and_then(count)),
    },
    Metric {
        name: "process_start_time_seconds",
        help: "When the exporter started, as seconds since 1970.",
        source: "/proc/self/stat",
        quantity: Quantity::Instant,
        read: Read::One(|exporter| instant(exporter.process.started_at)),
    },
];

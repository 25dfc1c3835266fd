//! The exporter about itself: what it is, what it uses, whom it answers, and how its settings were last read.

use crate::catalogue::{Metric, Quantity, Read, Sample, Timestamp, count, instant, state};

/// The exporter's own process.
#[derive(Debug, Clone, Default)]
pub struct ExporterProcess {
    /// Processor time that it used.
    pub cpu_seconds: Option<f64>,
    /// Memory that it holds.
    pub resident_bytes: Option<u64>,
    /// Address space that it reserved.
    pub virtual_bytes: Option<u64>,
    /// Files and sockets that it has open.
    pub open_files: Option<u64>,
    /// How many it may have open.
    pub max_files: Option<u64>,
    /// Its threads.
    pub threads: Option<u64>,
    /// When it started.
    pub started_at: Option<Timestamp>,
}

/// Requests of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Requests {
    /// What they were for.
    pub handler: &'static str,
    /// How many were answered, by status.
    pub by_code: Vec<(u16, u64)>,
    /// Time until their answers were complete.
    pub seconds: f64,
    /// Size of the answers' bodies.
    pub bytes: u64,
}

/// How the configuration was last read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reload {
    /// Whether the newest attempt succeeded.
    pub succeeded: bool,
    /// When the settings in use were read.
    pub last_success: Timestamp,
}

/// Everything that the exporter knows about itself.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// The process.
    pub process: ExporterProcess,
    /// Requests, by kind.
    pub requests: Vec<Requests>,
    /// How many times a task was started again that broke off by a defect.
    pub task_restarts: u64,
    /// The configuration; `None` before it was read.
    pub reload: Option<Reload>,
    /// Lines of the log that were lost; `None` where nothing is served.
    pub lost_lines: Option<u64>,
}

fn of_each_handler(own: &Own, read: impl Fn(&Requests) -> f64) -> Vec<Sample> {
    own.requests
        .iter()
        .map(|requests| Sample::of(requests.handler, read(requests)))
        .collect()
}

/// Metrics about the exporter.
pub const OWN: &[Metric<Own>] = &[
    Metric {
        name: "rocketchat_exporter_config_last_reload_successful",
        help: "Whether the newest attempt to read the configuration succeeded; while it did not, the settings before it are in use.",
        source: "the exporter",
        quantity: Quantity::State,
        read: Read::One(|own| Some(state(own.reload?.succeeded))),
    },
    Metric {
        name: "rocketchat_exporter_config_last_reload_success_timestamp_seconds",
        help: "When the configuration in use was read.",
        source: "the exporter",
        quantity: Quantity::Instant,
        read: Read::One(|own| instant(own.reload.map(|it| it.last_success))),
    },
    Metric {
        name: "rocketchat_exporter_http_requests_total",
        help: "Requests that were answered, by kind and status; at most a second old, as are the next two.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::By(&["handler", "code"], |own| {
            own.requests
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
        help: "Time from the heads of requests to their complete answers, without the sending.",
        source: "the exporter",
        quantity: Quantity::SecondsTotal,
        read: Read::By(&["handler"], |own| of_each_handler(own, |it| it.seconds)),
    },
    Metric {
        name: "rocketchat_exporter_http_response_size_bytes_total",
        help: "Size of the bodies of answers, as they were sent.",
        source: "the exporter",
        quantity: Quantity::BytesTotal,
        read: Read::By(&["handler"], |own| {
            of_each_handler(own, |it| it.bytes as f64)
        }),
    },
    Metric {
        name: "rocketchat_exporter_log_lines_lost_total",
        help: "Lines of the log that were lost because standard error did not take them in time.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|own| own.lost_lines.and_then(count)),
    },
    Metric {
        name: "rocketchat_exporter_task_restarts_total",
        help: "How many times a task of the exporter broke off by a defect and was started again; the log says which.",
        source: "the exporter",
        quantity: Quantity::CountTotal,
        read: Read::One(|own| count(own.task_restarts)),
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
        help: "Processor time used by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::SecondsTotal,
        read: Read::One(|own| own.process.cpu_seconds),
    },
    Metric {
        name: "process_resident_memory_bytes",
        help: "Memory held by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Bytes,
        read: Read::One(|own| own.process.resident_bytes.and_then(count)),
    },
    Metric {
        name: "process_virtual_memory_bytes",
        help: "Address space reserved by the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Bytes,
        read: Read::One(|own| own.process.virtual_bytes.and_then(count)),
    },
    Metric {
        name: "process_open_fds",
        help: "Files and sockets that the exporter has open.",
        source: "/proc/self/fd",
        quantity: Quantity::Count,
        read: Read::One(|own| own.process.open_files.and_then(count)),
    },
    Metric {
        name: "process_max_fds",
        help: "How many files and sockets the exporter may have open.",
        source: "/proc/self/limits",
        quantity: Quantity::Count,
        read: Read::One(|own| own.process.max_files.and_then(count)),
    },
    Metric {
        name: "process_threads",
        help: "Threads of the exporter.",
        source: "/proc/self/stat",
        quantity: Quantity::Count,
        read: Read::One(|own| own.process.threads.and_then(count)),
    },
    Metric {
        name: "process_start_time_seconds",
        help: "When the exporter started, as seconds since 1970.",
        source: "/proc/self/stat",
        quantity: Quantity::Instant,
        read: Read::One(|own| instant(own.process.started_at)),
    },
];

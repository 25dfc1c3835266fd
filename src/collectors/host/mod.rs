//! The machine that runs the exporter, and the Rocket.Chat processes on it, from `/proc`.

pub mod node;
pub mod proc;
pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, SectionDefinition, Tier, Timestamp,
    Value, Versions, count, instant,
};

/// The machine; `None` for values that could not be read.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// Kernel name, such as `Linux`.
    pub kernel: Option<String>,
    /// Kernel release.
    pub kernel_release: Option<String>,
    /// Name of the distribution, such as `Debian GNU/Linux`.
    pub distribution: Option<String>,
    /// Version of the distribution.
    pub distribution_version: Option<String>,
    /// Architecture, as Node names it: `x64`, `arm64`.
    pub architecture: &'static str,
    /// Seconds since boot.
    pub uptime_seconds: Option<f64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Physical memory.
    pub memory_bytes: Option<u64>,
    /// Unused memory, without caches.
    pub memory_free_bytes: Option<u64>,
    /// Memory available without swapping.
    pub memory_available_bytes: Option<u64>,
    /// The processors.
    pub cpus: Vec<Cpu>,
    /// Rocket.Chat processes on this machine, by the pids of live instances.
    pub node_processes: Vec<NodeProcess>,
}

/// One processor.
#[derive(Debug, Clone, Default)]
pub struct Cpu {
    /// Its model.
    pub model: String,
    /// Its frequency in MHz.
    pub megahertz: u64,
    /// Its times since boot.
    pub times: CpuTimes,
}

/// Seconds that a processor spent in each mode since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuTimes {
    /// User mode.
    pub user: f64,
    /// User mode with low priority.
    pub nice: f64,
    /// Kernel mode.
    pub system: f64,
    /// Idle.
    pub idle: f64,
    /// Waiting for I/O.
    pub iowait: f64,
    /// Interrupts.
    pub irq: f64,
    /// Soft interrupts.
    pub softirq: f64,
    /// Stolen by the hypervisor.
    pub steal: f64,
}

impl CpuTimes {
    /// Utilization since an earlier reading, from 0 to 1.
    pub fn busy_share_since(self, earlier: Self) -> f64 {
        let (idle, all) = self.idle_and_all();
        let (idle_before, all_before) = earlier.idle_and_all();
        let passed = all - all_before;
        if passed > 0.0 {
            (1.0 - (idle - idle_before) / passed).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    fn idle_and_all(self) -> (f64, f64) {
        let all = self.modes().iter().map(|(_, seconds)| seconds).sum();
        (self.idle + self.iowait, all)
    }

    /// The times by their mode, named as in node_exporter.
    fn modes(self) -> [(&'static str, f64); 8] {
        [
            ("user", self.user),
            ("nice", self.nice),
            ("system", self.system),
            ("idle", self.idle),
            ("iowait", self.iowait),
            ("irq", self.irq),
            ("softirq", self.softirq),
            ("steal", self.steal),
        ]
    }
}

/// A Rocket.Chat process on this machine.
#[derive(Debug, Clone)]
pub struct NodeProcess {
    /// Id of its instance.
    pub instance_id: String,
    /// Processor time in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors; `None` without permission to read them.
    pub open_files: Option<u64>,
    /// Maximum number of open file descriptors.
    pub max_files: Option<u64>,
    /// Start time.
    pub started_at: Option<Timestamp>,
}

fn of_each(host: &Host, read: impl Fn(&NodeProcess) -> Option<f64>) -> Vec<Sample> {
    host.node_processes
        .iter()
        .filter_map(|process| Some(Sample::of(process.instance_id.clone(), read(process)?)))
        .collect()
}

/// Seconds as whole milliseconds, as Node.js reports them.
fn milliseconds(seconds: f64) -> Option<Value> {
    Some(Value::Number((seconds * 1000.0).round()))
}

fn cpu(cpu: &Cpu) -> Value {
    Value::object([
        ("model", Some(Value::text(&cpu.model))),
        ("speed", Some(Value::count(cpu.megahertz))),
        (
            "times",
            Some(Value::object([
                ("user", milliseconds(cpu.times.user)),
                ("nice", milliseconds(cpu.times.nice)),
                ("sys", milliseconds(cpu.times.system)),
                ("idle", milliseconds(cpu.times.idle)),
                ("irq", milliseconds(cpu.times.irq)),
            ])),
        ),
    ])
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "host",
    tier: Tier::Fast,
    rank: 2,
    privileges: &[],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Host> = SectionDefinition {
    title: "Host",
    metrics: &[
        Metric {
            name: "rocketchat_host_info",
            help: "Information about the machine that runs the exporter.",
            source: "uname, /etc/os-release",
            quantity: Quantity::Info,
            read: Read::By(
                &[
                    "kernel",
                    "kernel_release",
                    "architecture",
                    "distribution",
                    "distribution_version",
                ],
                |host| {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default().into();
                    vec![Sample {
                        labels: vec![
                            text(&host.kernel),
                            text(&host.kernel_release),
                            host.architecture.into(),
                            text(&host.distribution),
                            text(&host.distribution_version),
                        ],
                        value: 1.0,
                    }]
                },
            ),
        },
        Metric {
            name: "rocketchat_host_cpus",
            help: "Number of processors.",
            source: "/proc/stat",
            quantity: Quantity::Count,
            read: Read::One(|host| (!host.cpus.is_empty()).then_some(host.cpus.len() as f64)),
        },
        Metric {
            name: "rocketchat_host_cpu_seconds_total",
            help: "Time that each processor spent in each mode since boot.",
            source: "/proc/stat",
            quantity: Quantity::SecondsTotal,
            read: Read::By(&["cpu", "mode"], |host| {
                let mut samples = Vec::with_capacity(host.cpus.len() * 8);
                for (index, cpu) in host.cpus.iter().enumerate() {
                    for (mode, seconds) in cpu.times.modes() {
                        samples.push(Sample {
                            labels: vec![index.to_string().into(), mode.into()],
                            value: seconds,
                        });
                    }
                }
                samples
            }),
        },
        Metric {
            name: "rocketchat_host_load1",
            help: "Load average over one minute.",
            source: "/proc/loadavg",
            quantity: Quantity::Number,
            read: Read::One(|host| host.load.map(|load| load[0])),
        },
        Metric {
            name: "rocketchat_host_load5",
            help: "Load average over five minutes.",
            source: "/proc/loadavg",
            quantity: Quantity::Number,
            read: Read::One(|host| host.load.map(|load| load[1])),
        },
        Metric {
            name: "rocketchat_host_load15",
            help: "Load average over fifteen minutes.",
            source: "/proc/loadavg",
            quantity: Quantity::Number,
            read: Read::One(|host| host.load.map(|load| load[2])),
        },
        Metric {
            name: "rocketchat_host_uptime_seconds",
            help: "Time since boot.",
            source: "/proc/uptime",
            quantity: Quantity::Seconds,
            read: Read::One(|host| host.uptime_seconds),
        },
        Metric {
            name: "rocketchat_host_memory_size_bytes",
            help: "Physical memory.",
            source: "/proc/meminfo MemTotal",
            quantity: Quantity::Bytes,
            read: Read::One(|host| host.memory_bytes.and_then(count)),
        },
        Metric {
            name: "rocketchat_host_memory_free_bytes",
            help: "Unused memory, without caches.",
            source: "/proc/meminfo MemFree",
            quantity: Quantity::Bytes,
            read: Read::One(|host| host.memory_free_bytes.and_then(count)),
        },
        Metric {
            name: "rocketchat_host_memory_available_bytes",
            help: "Memory available to programs without swapping.",
            source: "/proc/meminfo MemAvailable",
            quantity: Quantity::Bytes,
            read: Read::One(|host| host.memory_available_bytes.and_then(count)),
        },
        Metric {
            name: "rocketchat_process_cpu_seconds_total",
            help: "Processor time used by a Rocket.Chat process on this machine.",
            source: "/proc/PID/stat of the pid in instances",
            quantity: Quantity::SecondsTotal,
            read: Read::By(&["instance_id"], |host| {
                of_each(host, |process| process.cpu_seconds)
            }),
        },
        Metric {
            name: "rocketchat_process_resident_memory_bytes",
            help: "Resident memory of a Rocket.Chat process on this machine.",
            source: "/proc/PID/statm of the pid in instances",
            quantity: Quantity::Bytes,
            read: Read::By(&["instance_id"], |host| {
                of_each(host, |process| process.resident_bytes.and_then(count))
            }),
        },
        Metric {
            name: "rocketchat_process_open_fds",
            help: "Open file descriptors of a Rocket.Chat process on this machine; absent without permission to read them.",
            source: "/proc/PID/fd of the pid in instances",
            quantity: Quantity::Count,
            read: Read::By(&["instance_id"], |host| {
                of_each(host, |process| process.open_files.and_then(count))
            }),
        },
        Metric {
            name: "rocketchat_process_max_fds",
            help: "Maximum number of open file descriptors of a Rocket.Chat process on this machine.",
            source: "/proc/PID/limits of the pid in instances",
            quantity: Quantity::Count,
            read: Read::By(&["instance_id"], |host| {
                of_each(host, |process| process.max_files.and_then(count))
            }),
        },
        Metric {
            name: "rocketchat_process_start_timestamp_seconds",
            help: "Start time of a Rocket.Chat process on this machine.",
            source: "/proc/PID/stat of the pid in instances",
            quantity: Quantity::Instant,
            read: Read::By(&["instance_id"], |host| {
                of_each(host, |process| instant(process.started_at))
            }),
        },
    ],
    fields: &[
        Field {
            path: "os.type",
            versions: Versions::since(0, 51, 0),
            meaning: "kernel name",
            origin: Fresh(|host| host.kernel.as_ref().map(Value::text)),
        },
        Field {
            path: "os.platform",
            versions: Versions::since(0, 51, 0),
            meaning: "platform, as named by Node.js",
            origin: Fresh(|host| {
                host.kernel
                    .as_ref()
                    .map(|kernel| Value::text(kernel.to_lowercase()))
            }),
        },
        Field {
            path: "os.arch",
            versions: Versions::since(0, 51, 0),
            meaning: "architecture, as named by Node.js",
            origin: Fresh(|host| Some(Value::text(host.architecture))),
        },
        Field {
            path: "os.release",
            versions: Versions::since(0, 51, 0),
            meaning: "kernel release",
            origin: Fresh(|host| host.kernel_release.as_ref().map(Value::text)),
        },
        Field {
            path: "os.uptime",
            versions: Versions::since(0, 51, 0),
            meaning: "whole seconds since boot",
            origin: Fresh(|host| {
                host.uptime_seconds
                    .map(|seconds| Value::Number(seconds.floor()))
            }),
        },
        Field {
            path: "os.loadavg",
            versions: Versions::since(0, 51, 0),
            meaning: "load averages over 1, 5 and 15 minutes",
            origin: Fresh(|host| {
                host.load
                    .map(|load| Value::List(load.into_iter().map(Value::Number).collect()))
            }),
        },
        Field {
            path: "os.totalmem",
            versions: Versions::since(0, 51, 0),
            meaning: "physical memory in bytes",
            origin: Fresh(|host| host.memory_bytes.map(Value::count)),
        },
        Field {
            path: "os.freemem",
            versions: Versions::since(0, 51, 0),
            meaning: "unused memory in bytes, without caches",
            origin: Fresh(|host| host.memory_free_bytes.map(Value::count)),
        },
        Field {
            path: "os.cpus",
            versions: Versions::since(0, 51, 0),
            meaning: "each processor: model, speed in MHz, times in milliseconds since boot",
            origin: Fresh(|host| Some(Value::List(host.cpus.iter().map(cpu).collect()))),
        },
    ],
};

//! Metrics of the machine and of Rocket.Chat's process on it.

use std::fs;
use std::process::{Child, Command};

use mongodb::bson::{DateTime, doc};

use crate::support::{Exporter, empty_workspace, eventually, uri_of};

/// A process named `node`. Dropping it kills the process.
struct Node {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Node {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory can be created");
        let program = folder.path().join("node");
        fs::copy("/bin/sleep", &program).expect("the program can be copied");
        let child = Command::new(program)
            .arg("600")
            .spawn()
            .expect("the program starts");
        Self {
            child,
            _folder: folder,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn instance(id: &str, pid: u32, created_at: DateTime) -> mongodb::bson::Document {
    doc! {
        "_id": id, "pid": i64::from(pid), "_createdAt": created_at, "_updatedAt": DateTime::now(),
        "extraInformation": { "host": "localhost", "port": "3000", "nodeVersion": "v20.1.0", "conns": 3 },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_of_an_instance_is_found_among_others() {
    let node = Node::start();
    let database = empty_workspace().await;
    let now = DateTime::now().timestamp_millis();
    let long_ago = DateTime::from_millis(now - 86_400_000);
    let much_later = DateTime::from_millis(now + 3_600_000);
    database
        .collection("instances")
        .insert_many([
            instance("here", node.child.id(), DateTime::now()),
            // The id of a process that is not Node.js: the test itself.
            instance("elsewhere", std::process::id(), DateTime::now()),
            // That Node.js process started long after the instance registered.
            instance("reused", node.child.id(), long_ago),
            // That Node.js process started an hour before the instance registered.
            instance("another", node.child.id(), much_later),
        ])
        .await
        .expect("instances can be inserted");
    let exporter = Exporter::on(&uri_of(&database), &["--collection.fast-interval=200ms"]);
    let of = |metric: &str, id: &str| exporter.value(&format!("{metric}{{instance_id=\"{id}\"}}"));
    eventually("the process is found", || {
        of("rocketchat_process_resident_memory_bytes", "here")
    })
    .await;
    assert!(of("rocketchat_process_cpu_seconds_total", "here").is_some());
    assert!(of("rocketchat_process_open_fds", "here") >= Some(3.0));
    assert!(of("rocketchat_process_max_fds", "here") > Some(3.0));
    assert!(of("rocketchat_process_start_timestamp_seconds", "here") > Some(1.7e9));
    for id in ["elsewhere", "reused", "another"] {
        assert_eq!(of("rocketchat_process_cpu_seconds_total", id), None, "{id}");
    }
    assert_eq!(exporter.value("rocketchat_instances"), Some(4.0));
    assert_eq!(of("rocketchat_instance_connections", "here"), Some(3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn cpu_times_equal_those_of_the_kernel() {
    let exporter = Exporter::start(&["--mongodb.uri=mongodb://127.0.0.1:9"]);
    let cpus = eventually("the host is read", || {
        exporter.value("rocketchat_host_cpus")
    })
    .await;
    let stat = fs::read_to_string("/proc/stat").expect("/proc/stat can be read");
    let lines = stat
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    assert_eq!(Some(cpus), u32::try_from(lines.count()).ok().map(f64::from));
    let idle: f64 = stat
        .lines()
        .find_map(|line| line.strip_prefix("cpu0 ")?.split_whitespace().nth(3))
        .and_then(|ticks| ticks.parse().ok())
        .expect("/proc/stat has a line for cpu0");
    let seconds = exporter
        .value("rocketchat_host_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}")
        .expect("the CPU time is exported");
    assert!((seconds - idle / 100.0).abs() < 60.0, "{seconds} {idle}");
}

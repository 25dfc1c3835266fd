//! A thousand scrapes and a hundred refreshes: memory, open files and connections do not grow in the second half.
//! `SOAK=10` makes the test ten times as long: 10,000 scrapes and 1,000 refreshes.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use mongodb::Client;
use testbed::mongod::Options;

use crate::support::{
    Exporter, Filled, MAX_CONNECTIONS, WorkspaceExporter, connections_of_exporters, mongod,
};

/// Laps in each half of the test.
const LAPS: usize = 5;
const SCRAPES_PER_LAP: usize = 100;
const REFRESHES_PER_LAP: usize = 10;

/// Allowed growth of resident memory in kB: the allocator does not return all pages.
const SLACK: u64 = 2 * 1024;

/// What the exporter uses. The order is by memory first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Usage {
    resident_kb: u64,
    files: usize,
    connections: usize,
}

async fn usage(workspace: &WorkspaceExporter, mongod: &Client) -> Usage {
    let pid = workspace.exporter.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the exporter runs");
    let resident = status.lines().find(|line| line.starts_with("VmRSS:"));
    let resident = resident.and_then(|line| line.split_whitespace().nth(1));
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("the exporter runs");
    Usage {
        resident_kb: resident
            .and_then(|kb| kb.parse().ok())
            .expect("VmRSS is a number"),
        files: files.count(),
        connections: connections_of_exporters(mongod).await,
    }
}

/// Scrapes and refreshes alternately, by three concurrent clients.
fn run(workspace: &WorkspaceExporter, scrapes: usize, refreshes: usize) {
    let (done, fresh) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let admin = &workspace.credentials.admin;
    std::thread::scope(|scope| {
        for client in 0..3 {
            let (done, fresh) = (&done, &fresh);
            scope.spawn(move || {
                while done.fetch_add(1, Ordering::Relaxed) < scrapes {
                    let accept = ["text/plain", "application/openmetrics-text"][client % 2];
                    let encoding = ["gzip", "identity"][client % 2];
                    let headers = [("Accept", accept), ("Accept-Encoding", encoding)];
                    let response = workspace.exporter.request("GET", "/metrics", &headers);
                    assert_eq!(response.status, 200);
                    // Only one client refreshes, because concurrent refreshes would be merged.
                    if client == 0 && fresh.load(Ordering::Relaxed) < refreshes {
                        fresh.fetch_add(1, Ordering::Relaxed);
                        let path = "/api/v1/statistics?refresh=true";
                        assert_eq!(workspace.get_as(admin, path).status, 200);
                    }
                }
            });
        }
    });
    while fresh.fetch_add(1, Ordering::Relaxed) < refreshes {
        let response = workspace.get_as(admin, "/api/v1/statistics?refresh=true");
        assert_eq!(response.status, 200);
    }
}

/// The least usage after one of several laps: a burst of memory in one of them is no growth.
async fn least_usage(workspace: &WorkspaceExporter, mongod: &Client, times: usize) -> Usage {
    let mut usages = Vec::new();
    for _ in 0..LAPS {
        run(
            workspace,
            SCRAPES_PER_LAP * times,
            REFRESHES_PER_LAP * times,
        );
        let usage = usage(workspace, mongod).await;
        assert!(usage.connections <= MAX_CONNECTIONS, "{usage:?}");
        usages.push(usage);
    }
    usages.into_iter().min().expect("there are laps")
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_descriptors_do_not_grow() {
    let times = std::env::var("SOAK").map_or(1, |times| times.parse().expect("SOAK is a number"));
    // Not the shared server, where exporters of other tests have connections too.
    let mongod = mongod(Options::default()).await;
    let filled = Filled::at(&mongod.uri()).await;
    let mut command = Exporter::command();
    // With an arena for each thread of the allocator, memory grows in steps until all threads have one.
    command.env("MALLOC_ARENA_MAX", "1");
    let workspace = WorkspaceExporter {
        exporter: Exporter::spawn(Exporter::with_database(&mut command, &mongod.uri(), &[])),
        credentials: filled.credentials,
    };
    workspace.exporter.wait_for_collectors().await;
    let client = filled.database.client();
    let before = least_usage(&workspace, client, times).await;
    let after = least_usage(&workspace, client, times).await;
    eprintln!("{before:?} {after:?}");
    assert!(after.files <= before.files + 2, "{before:?} {after:?}");
    assert!(
        after.resident_kb <= before.resident_kb + SLACK,
        "{before:?} {after:?}"
    );
}

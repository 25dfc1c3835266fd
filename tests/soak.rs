//! Thousands of scrapes and hundreds of refreshes: the exporter ends with the memory and the open files that it had after
//! the first hundred, and within its budget of connections. `SOAK=10` makes it ten times as long, 20,000 scrapes and 2,000
//! refreshes.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use testbed::mongod::Options;

use crate::support::{
    Filled, MAX_CONNECTIONS, Workspace, client, connections_of_exporters, mongod,
};

const SCRAPES: usize = 2_000;
const REFRESHES: usize = 200;
const WARM_UP: usize = 100;

/// Memory that an allocator may keep more of than it did, in kB: pages are not all returned.
const SLACK: u64 = 3 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    resident_kb: u64,
    files: usize,
    connections: usize,
}

async fn held(workspace: &Workspace) -> Held {
    let pid = workspace.exporter.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let resident = status.lines().find(|line| line.starts_with("VmRSS:"));
    let resident = resident.and_then(|line| line.split_whitespace().nth(1));
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    Held {
        resident_kb: resident.and_then(|kb| kb.parse().ok()).expect("it is told"),
        files: files.count(),
        connections: connections_of_exporters(workspace.database.client()).await,
    }
}

/// Scrapes and refreshes in turn, by a few clients at once.
fn run(workspace: &Workspace, scrapes: usize, refreshes: usize) {
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
                    let answer = workspace.exporter.request("GET", "/metrics", &headers);
                    assert_eq!(answer.status, 200);
                    // One refresh for each ten scrapes, of a single client: those of several would be one.
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
        let answer = workspace.get_as(admin, "/api/v1/statistics?refresh=true");
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_grows_with_scrapes_and_refreshes() {
    let times = std::env::var("SOAK").map_or(1, |times| times.parse().expect("it is a number"));
    // A server of its own: the other tests' exporters have connections too.
    let mongod = mongod(Options::default()).await;
    let workspace = Filled::on(client(&mongod.uri()).await.database("rocketchat"))
        .await
        .start_on(&mongod.uri(), &[])
        .await;
    run(&workspace, WARM_UP, WARM_UP);
    let before = held(&workspace).await;
    run(&workspace, SCRAPES * times, REFRESHES * times);
    let after = held(&workspace).await;
    eprintln!("{before:?} {after:?}");
    assert!(after.files <= before.files + 2, "{before:?} {after:?}");
    assert!(after.connections <= MAX_CONNECTIONS, "{before:?} {after:?}");
    assert!(
        after.resident_kb <= before.resident_kb + SLACK,
        "{before:?} {after:?}"
    );
}

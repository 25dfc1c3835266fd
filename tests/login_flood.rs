//! A flood of wrong logins: collectors keep running, and known users are not locked out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testbed::workspace::Account;

use crate::support::{Exporter, Proxy, Response, shared_mongod, shared_workspace};

const PATH: &str = "/api/v1/statistics";

fn log_in(exporter: &Exporter, path: &str, user_id: &str, token: &str) -> Response {
    let headers = [("X-User-Id", user_id), ("X-Auth-Token", token)];
    exporter.request("GET", path, &headers)
}

/// Stops a flood when it is dropped, so that a panic ends the flood too.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tries wrong tokens for an account, 8 concurrently, and returns the responses.
fn guess(exporter: &Exporter, account: &Account, rounds: usize) -> Vec<Response> {
    std::thread::scope(|scope| {
        let guessing: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let guess = |_| log_in(exporter, PATH, &account.user_id, "wrong");
                    (0..rounds).map(guess).collect::<Vec<_>>()
                })
            })
            .collect();
        let answers = guessing
            .into_iter()
            .map(|thread| thread.join().expect("no thread panicked"));
        answers.flatten().collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_guesses_are_429_without_a_check_and_known_logins_pass() {
    let workspace = shared_workspace().await.start(&[]).await;
    let (admin, plain) = (&workspace.credentials.admin, &workspace.credentials.plain);
    assert_eq!(workspace.get(PATH).status, 200);
    let answers = guess(&workspace.exporter, admin, 5);
    let refused = answers
        .iter()
        .filter(|response| response.status == 401)
        .count();
    assert!((5..=25).contains(&refused), "{refused} logins were checked");
    let limited: Vec<_> = answers
        .iter()
        .filter(|response| response.status == 429)
        .collect();
    assert!(
        limited.len() >= 10,
        "{} of {}",
        limited.len(),
        answers.len()
    );
    for response in limited {
        assert_eq!(response.json()["success"], false);
        let seconds: u64 = response
            .header("retry-after")
            .parse()
            .expect("the header is a number");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    assert_eq!(workspace.get(PATH).status, 200, "a known login is limited");
    assert_eq!(
        workspace.get_as(plain, PATH).status,
        429,
        "an unknown login is not limited"
    );
    // A public endpoint responds as without a login.
    let info = log_in(&workspace.exporter, "/api/info", &admin.user_id, "wrong");
    assert_eq!(info.status, 200);
    workspace.exporter.logged_times("too many logins", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_run_during_a_flood_of_wrong_logins() {
    const MAX_DURATION: Duration = Duration::from_secs(45);
    let shared = shared_workspace().await;
    let proxy = Proxy::before(shared_mongod().port()).await;
    let uri = shared.uri_at(proxy.port());
    let short_intervals = [
        "--collection.fast-interval=200ms",
        "--collection.max-share=1",
    ];
    let exporter = Exporter::on(&uri, &short_intervals);
    exporter.wait_for_collectors().await;
    proxy.set_delay(Duration::from_millis(25));
    let admin = &shared.credentials.admin;
    assert_eq!(
        log_in(&exporter, PATH, &admin.user_id, &admin.token).status,
        200
    );
    let readings = || {
        exporter
            .value("rocketchat_exporter_collector_readings_total{collector=\"presence\"}")
            .expect("presence is read")
    };
    let stop = AtomicBool::new(false);
    let (duration, known_login) = std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        // More checks than two connections with this delay can make.
        for _ in 0..100 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    log_in(&exporter, PATH, &admin.user_id, "wrong");
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        let (begun, before) = (Instant::now(), readings());
        let known_login = log_in(&exporter, PATH, &admin.user_id, &admin.token).status;
        while readings() < before + 2.0 && begun.elapsed() < MAX_DURATION {
            std::thread::sleep(Duration::from_millis(100));
        }
        (begun.elapsed(), known_login)
    });
    assert_eq!(known_login, 200, "a known login is limited");
    assert!(
        duration < MAX_DURATION,
        "presence was read less than twice in {duration:?}"
    );
}

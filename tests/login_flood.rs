//! A flood of wrong logins: collectors keep running, and known users are not locked out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testbed::workspace::Account;

use crate::support::{Answer, Exporter, Proxy, shared_mongod, shared_workspace};

const PATH: &str = "/api/v1/statistics";

fn log_in(exporter: &Exporter, path: &str, user_id: &str, token: &str) -> Answer {
    let headers = [("X-User-Id", user_id), ("X-Auth-Token", token)];
    exporter.request("GET", path, &headers)
}

/// Tries wrong tokens for an account, 8 concurrently, and returns the responses.
fn guess(exporter: &Exporter, account: &Account, rounds: usize) -> Vec<Answer> {
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
async fn guesses_are_429_unchecked_after_some_and_a_login_that_succeeded_passes_by_them() {
    let workspace = shared_workspace().await.start(&[]).await;
    let (admin, plain) = (&workspace.credentials.admin, &workspace.credentials.plain);
    assert_eq!(workspace.get(PATH).status, 200);
    let answers = guess(&workspace.exporter, admin, 5);
    let refused = answers.iter().filter(|answer| answer.status == 401).count();
    assert!((5..=25).contains(&refused), "{refused} were checked");
    let limited: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    assert!(
        limited.len() >= 10,
        "{} of {}",
        limited.len(),
        answers.len()
    );
    for answer in limited {
        assert_eq!(answer.json()["success"], false);
        let seconds: u64 = answer.header("retry-after").parse().expect("it is one");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    assert_eq!(workspace.get(PATH).status, 200, "it succeeded before");
    assert_eq!(workspace.get_as(plain, PATH).status, 429, "it did not");
    // What needs no login is answered as to a stranger.
    let info = log_in(&workspace.exporter, "/api/info", &admin.user_id, "wrong");
    assert_eq!(info.status, 200);
    let warnings = workspace.exporter.log().matches("too many logins").count();
    assert_eq!(warnings, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_run_during_a_flood_of_wrong_logins() {
    const OLDEST: Duration = Duration::from_secs(45);
    let shared = shared_workspace().await;
    let proxy = Proxy::before(shared_mongod().port()).await;
    let uri = shared.uri_at(proxy.port());
    let often = [
        "--collection.fast-interval=200ms",
        "--collection.max-share=1",
    ];
    let exporter = Exporter::on(&uri, &often);
    exporter.whole().await;
    proxy.delay(Duration::from_millis(25));
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
    let ends = AtomicBool::new(false);
    let (took, passed) = std::thread::scope(|scope| {
        for _ in 0..400 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    log_in(&exporter, PATH, &admin.user_id, "wrong");
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        let (begun, before) = (Instant::now(), readings());
        let passed = log_in(&exporter, PATH, &admin.user_id, &admin.token).status;
        while readings() < before + 2.0 && begun.elapsed() < OLDEST {
            std::thread::sleep(Duration::from_millis(100));
        }
        let took = begun.elapsed();
        ends.store(true, Ordering::Relaxed);
        (took, passed)
    });
    assert_eq!(passed, 200, "it succeeded before the flood");
    assert!(took < OLDEST, "presence was read hardly once in {took:?}");
}

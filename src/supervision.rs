//! Tasks that run as long as the exporter: one that panics is logged, counted and restarted.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

/// The first delay before a restart; it doubles with each further one.
const MIN_BACKOFF: Duration = Duration::from_secs(1);

/// The maximum delay. A task that ran for longer starts again with the minimum.
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// The number of restarts.
static RESTARTS: AtomicU64 = AtomicU64::new(0);

/// The number of restarts since the process started.
pub fn restarts() -> u64 {
    RESTARTS.load(Ordering::Relaxed)
}

/// Runs the future of `task` until it ends. After a panic it runs a new one, with exponential backoff.
pub async fn keep_running<F: Future<Output = ()>>(name: &'static str, mut task: impl FnMut() -> F) {
    let mut backoff = MIN_BACKOFF;
    loop {
        let begun = Instant::now();
        if AssertUnwindSafe(task()).catch_unwind().await.is_ok() {
            return;
        }
        RESTARTS.fetch_add(1, Ordering::Relaxed);
        if begun.elapsed() > MAX_BACKOFF {
            backoff = MIN_BACKOFF;
        }
        tracing::error!(
            task = name,
            "a task panicked because of a bug in the exporter (see above), and is restarted in {} s; please report it",
            backoff.as_secs()
        );
        sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn panicking_task_is_restarted_with_backoff_and_counted() {
        let before = restarts();
        let begun = Instant::now();
        let mut runs = 0;
        keep_running("test", || {
            runs += 1;
            let run = runs;
            async move { assert!(run > 4, "a defect") }
        })
        .await;
        assert_eq!(runs, 5);
        assert!(restarts() >= before + 4);
        assert_eq!(begun.elapsed(), Duration::from_secs(1 + 2 + 4 + 8));
    }
}

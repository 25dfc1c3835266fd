//! Tasks that live as long as the exporter: one that breaks off by a defect is told, counted and started again.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

/// The first pause before a task is started again; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest. A task that ran for longer begins with the first one again.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How many times a task was started again, in this process.
static RESTARTS: AtomicU64 = AtomicU64::new(0);

/// How many times a task was started again since the process began.
pub fn restarts() -> u64 {
    RESTARTS.load(Ordering::Relaxed)
}

/// Runs what `task` makes until it ends. When it panics it is made anew, after a pause.
pub async fn keep_running<F: Future<Output = ()>>(name: &'static str, mut task: impl FnMut() -> F) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        if AssertUnwindSafe(task()).catch_unwind().await.is_ok() {
            return;
        }
        RESTARTS.fetch_add(1, Ordering::Relaxed);
        if begun.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tracing::error!(
            task = name,
            "a task broke off by a defect of the exporter, which is told above, and is started again in {} s; please report it",
            pause.as_secs()
        );
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_ever_less_often_and_counted() {
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

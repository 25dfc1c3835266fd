//! `POST /-/reload`: reloads the configuration, one reload at a time and at most one each second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::http::response::{self, Response};
use crate::http::{App, Control, host_header};

/// The pause between two reloads.
const PAUSE: Duration = Duration::from_secs(1);

/// Coalesces reloads: all requests that arrive during a reload, or in the pause after it, share the next one.
#[derive(Debug, Clone, Default)]
pub struct ReloadQueue {
    /// The number of reloads that began.
    begun: Arc<AtomicU64>,
    /// Locked during a reload.
    last: Arc<Mutex<LastReload>>,
}

/// The last completed reload.
#[derive(Debug, Default)]
struct LastReload {
    number: u64,
    ended: Option<Instant>,
    result: Option<Result<(), String>>,
}

/// Handles `/-/reload`.
pub async fn handle(app: &App, request: &Request<Incoming>) -> Response {
    if !matches!(*request.method(), Method::POST | Method::PUT) {
        return response::wrong_method("POST, PUT");
    }
    if !host_header::is_same_origin(request) {
        return response::text(
            StatusCode::FORBIDDEN,
            "The configuration is not read again for a page of another server.\n",
        );
    }
    match app.reloads.reload(&app.control).await {
        Ok(()) => response::text(StatusCode::OK, "The configuration was read again.\n"),
        Err(reason) => response::failed(format!(
            "The configuration cannot be used, so the one before stays: {reason}\n"
        )),
    }
}

impl ReloadQueue {
    /// The result of a reload that begins after this call. It completes even when the client disconnects.
    async fn reload(&self, control: &Arc<dyn Control>) -> Result<(), String> {
        let begun = self.begun.load(Ordering::Relaxed);
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if last.number > begun
            && let Some(result) = &last.result
        {
            return result.clone();
        }
        let control = Arc::clone(control);
        let begun = Arc::clone(&self.begun);
        let reload = tokio::spawn(async move {
            if let Some(ended) = last.ended {
                sleep_until(ended + PAUSE).await;
            }
            let number = begun.fetch_add(1, Ordering::Relaxed) + 1;
            let result = control.reload().await;
            *last = LastReload {
                number,
                ended: Some(Instant::now()),
                result: Some(result.clone()),
            };
            result
        });
        reload
            .await
            .unwrap_or_else(|error| Err(format!("the reload broke off: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use tokio::task::JoinSet;

    use super::*;
    use crate::catalogue::Timestamp;
    use crate::exposition::{ReloadStatus, WorkspaceFileStats};

    /// Counts reloads, each of which takes some time.
    #[derive(Default)]
    struct FakeControl {
        delay: Duration,
        begun: AtomicU64,
        ended: AtomicU64,
    }

    impl Control for FakeControl {
        fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
            Box::pin(async {
                self.begun.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(self.delay).await;
                let ended = self.ended.fetch_add(1, Ordering::Relaxed);
                Err(ended.to_string())
            })
        }

        fn is_alive(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
            Box::pin(async { true })
        }

        fn workspace_files(&self) -> Option<Arc<WorkspaceFileStats>> {
            None
        }

        fn last_reload(&self) -> ReloadStatus {
            ReloadStatus {
                succeeded: true,
                last_success: Timestamp(0),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_the_next_reload() {
        let fake = Arc::new(FakeControl {
            delay: Duration::from_secs(5),
            ..FakeControl::default()
        });
        let control: Arc<dyn Control> = Arc::<FakeControl>::clone(&fake);
        let reloads = ReloadQueue::default();
        let request = |requests: &mut JoinSet<Result<(), String>>| {
            let (reloads, control) = (reloads.clone(), Arc::clone(&control));
            requests.spawn(async move { reloads.reload(&control).await });
        };
        let begun = Instant::now();
        let mut first = JoinSet::new();
        request(&mut first);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut flood = JoinSet::new();
        (0..1000).for_each(|_| request(&mut flood));
        assert_eq!(first.join_all().await, [Err("0".to_owned())]);
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        let results = flood.join_all().await;
        assert!(results.iter().all(|result| *result == Err("1".to_owned())));
        assert_eq!(begun.elapsed(), Duration::from_secs(5 + 1 + 5));
        assert_eq!(fake.begun.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn reload_completes_when_its_client_disconnects() {
        let fake = Arc::new(FakeControl {
            delay: Duration::from_secs(5),
            ..FakeControl::default()
        });
        let control: Arc<dyn Control> = Arc::<FakeControl>::clone(&fake);
        let reloads = ReloadQueue::default();
        let request = tokio::time::timeout(Duration::from_secs(1), reloads.reload(&control));
        assert!(request.await.is_err());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(fake.ended.load(Ordering::Relaxed), 1);
    }
}

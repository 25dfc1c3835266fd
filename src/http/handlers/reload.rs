//! `POST /-/reload`: reads the configuration again, once at a time and not too often, however many ask for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::http::response::{self, Response};
use crate::http::{App, Control, host_header};

/// From the end of one reload to the beginning of the next.
const PAUSE: Duration = Duration::from_secs(1);

/// The reloads that were asked for over HTTP. A request that comes while one runs, or right after one, is answered by the
/// next, together with all others that wait for it.
#[derive(Debug, Clone, Default)]
pub struct Reloads {
    /// How many have begun.
    begun: Arc<AtomicU64>,
    /// Held while one runs.
    last: Arc<Mutex<Last>>,
}

/// The newest reload that has ended.
#[derive(Debug, Default)]
struct Last {
    number: u64,
    ended: Option<Instant>,
    result: Option<Result<(), String>>,
}

/// Answers a request for a reload.
pub async fn answer(app: &App, request: &Request<Incoming>) -> Response {
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

impl Reloads {
    /// The result of a reload that began after this call. A reload runs to its end, also when nobody waits for it any more.
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
            *last = Last {
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
    use crate::exposition::Reload;

    /// Counts reloads that take as long as is said.
    #[derive(Default)]
    struct Counted {
        takes: Duration,
        begun: AtomicU64,
        ended: AtomicU64,
    }

    impl Control for Counted {
        fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
            Box::pin(async {
                self.begun.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(self.takes).await;
                let ended = self.ended.fetch_add(1, Ordering::Relaxed);
                Err(ended.to_string())
            })
        }

        fn is_alive(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
            Box::pin(async { true })
        }

        fn last_reload(&self) -> Reload {
            Reload {
                succeeded: true,
                last_success: Timestamp(0),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_requests_shares_the_next_reload_which_waits_a_second() {
        let counted = Arc::new(Counted {
            takes: Duration::from_secs(5),
            ..Counted::default()
        });
        let control: Arc<dyn Control> = Arc::<Counted>::clone(&counted);
        let reloads = Reloads::default();
        let ask = |asking: &mut JoinSet<Result<(), String>>| {
            let (reloads, control) = (reloads.clone(), Arc::clone(&control));
            asking.spawn(async move { reloads.reload(&control).await });
        };
        let begun = Instant::now();
        let mut first = JoinSet::new();
        ask(&mut first);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut flood = JoinSet::new();
        (0..1000).for_each(|_| ask(&mut flood));
        assert_eq!(first.join_all().await, [Err("0".to_owned())]);
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        let answers = flood.join_all().await;
        assert!(answers.iter().all(|it| *it == Err("1".to_owned())));
        assert_eq!(begun.elapsed(), Duration::from_secs(5 + 1 + 5));
        assert_eq!(counted.begun.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_goes_on_when_its_client_leaves() {
        let counted = Arc::new(Counted {
            takes: Duration::from_secs(5),
            ..Counted::default()
        });
        let control: Arc<dyn Control> = Arc::<Counted>::clone(&counted);
        let reloads = Reloads::default();
        let asking = tokio::time::timeout(Duration::from_secs(1), reloads.reload(&control));
        assert!(asking.await.is_err());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(counted.ended.load(Ordering::Relaxed), 1);
    }
}

//! Metrics about HTTP requests: their number by handler and status, their duration, and the bytes of their responses.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;

use super::response::Response;
use crate::exposition::RequestStats;

/// What handled a request: the value of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handler {
    /// `/metrics`.
    Metrics,
    /// `/probe`.
    Probe,
    /// Endpoints of Rocket.Chat's API.
    Api,
    /// The statistics document as a download.
    Download,
    /// HTML pages and their files.
    Page,
    /// Health, readiness and reload.
    Management,
    /// HTTP service discovery.
    Discovery,
    /// No handler: the path is not served.
    Unknown,
    /// Rejected by the middleware.
    Refused,
}

impl Handler {
    fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Probe => "probe",
            Self::Api => "api",
            Self::Download => "download",
            Self::Page => "page",
            Self::Management => "management",
            Self::Discovery => "discovery",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }
}

/// Counts all requests.
#[derive(Debug, Default)]
pub struct RequestCounters(Mutex<BTreeMap<Handler, HandlerCounters>>);

#[derive(Debug, Default)]
struct HandlerCounters {
    by_code: BTreeMap<StatusCode, u64>,
    duration: Duration,
    /// Shared with bodies that are still being sent.
    bytes: Arc<AtomicU64>,
}

impl RequestCounters {
    /// Counts a response.
    pub fn count(&self, handler: Handler, response: &mut Response, duration: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counters = all.entry(handler).or_default();
        *counters.by_code.entry(response.status()).or_default() += 1;
        counters.duration += duration;
        response.body_mut().count_to(&counters.bytes);
    }

    /// The counters of each handler that responded so far.
    pub fn read(&self) -> Vec<RequestStats> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(handler, counters)| RequestStats {
                handler: handler.name(),
                by_code: counters
                    .by_code
                    .iter()
                    .map(|(code, number)| (code.as_u16(), *number))
                    .collect(),
                seconds: counters.duration.as_secs_f64(),
                bytes: counters.bytes.load(Ordering::Relaxed),
            })
            .collect()
    }
}

//! What was answered: how many requests of each kind, with which status, how fast and how large.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;

use super::response::Response;
use crate::exposition::Requests;

/// What a request is for: the value of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handler {
    /// The metrics.
    Metrics,
    /// The metrics of one of several workspaces.
    Probe,
    /// Rocket.Chat's own endpoints.
    Api,
    /// The statistics document as a download.
    Download,
    /// Pages for people.
    Page,
    /// Health, and what controls the exporter.
    Management,
    /// The list of workspaces for Prometheus.
    Discovery,
    /// Nothing that is served.
    Unknown,
    /// Turned away before it was looked at.
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

/// Counters of everything that was answered.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<Handler, Counted>>);

#[derive(Debug, Default)]
struct Counted {
    by_code: BTreeMap<StatusCode, u64>,
    duration: Duration,
    /// Shared with the bodies that are still being sent.
    bytes: Arc<AtomicU64>,
}

impl Counters {
    /// Counts an answer.
    pub fn count(&self, handler: Handler, response: &mut Response, duration: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = all.entry(handler).or_default();
        *counted.by_code.entry(response.status()).or_default() += 1;
        counted.duration += duration;
        response.body_mut().count_to(&counted.bytes);
    }

    /// What was counted so far.
    pub fn read(&self) -> Vec<Requests> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(handler, counted)| Requests {
                handler: handler.name(),
                by_code: counted
                    .by_code
                    .iter()
                    .map(|(code, number)| (code.as_u16(), *number))
                    .collect(),
                seconds: counted.duration.as_secs_f64(),
                bytes: counted.bytes.load(Ordering::Relaxed),
            })
            .collect()
    }
}

//! The response that carries the statistics document.

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};

use crate::collectors::{Collector, SECTIONS, Snapshot};
use crate::document::{self, DocumentShape, StatisticsSource};
use crate::http::ServedWorkspace;
use crate::http::response::{Response, compressed};

/// Names the collectors whose fields are missing because their last run failed.
const MISSING: HeaderName = HeaderName::from_static("x-rocketchat-exporter-missing");

/// The document, with a header that names missing collectors.
pub fn response(
    workspace: &ServedWorkspace,
    request: &Request<Incoming>,
    snapshot: &Snapshot,
    shape: DocumentShape,
    source: StatisticsSource,
) -> Response {
    let body = document::render(snapshot, shape, source, &workspace.timezone);
    let mut response = compressed(request, body);
    // A collector without fields cannot be missing in the document.
    let has_fields = |collector: Collector| {
        SECTIONS
            .iter()
            .any(|section| section.collector() == collector && !section.fields().is_empty())
    };
    let missing: Vec<_> = snapshot
        .missing()
        .into_iter()
        .filter(|collector| has_fields(*collector))
        .map(Collector::name)
        .collect();
    if let (false, Ok(names)) = (
        missing.is_empty(),
        HeaderValue::from_str(&missing.join(", ")),
    ) {
        response.headers_mut().insert(MISSING, names);
    }
    response
}

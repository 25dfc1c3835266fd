//! The statistics document as an answer.

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};

use crate::collectors::{Collector, SECTIONS, Snapshot};
use crate::document::{self, Asked, Shape};
use crate::http::Workspace;
use crate::http::response::{Response, compressed};

/// Names the collectors whose fields are missing in the document, because their newest reading failed.
const MISSING: HeaderName = HeaderName::from_static("x-rocketchat-exporter-missing");

/// The document; a header names what is missing in it.
pub fn response(
    workspace: &Workspace,
    request: &Request<Incoming>,
    snapshot: &Snapshot,
    shape: Shape,
    asked: Asked,
) -> Response {
    let body = document::render(snapshot, shape, asked, &workspace.timezone);
    let mut response = compressed(request, body);
    // A collector without fields leaves nothing out of the document.
    let has_fields = |collector: Collector| {
        SECTIONS
            .iter()
            .any(|it| it.collector() == collector && !it.fields().is_empty())
    };
    let missing: Vec<_> = snapshot
        .missing()
        .into_iter()
        .filter(|it| has_fields(*it))
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

//! Rocket.Chat's own endpoint: the statistics document, for the workspace's own users.

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, StatusCode, header};

use super::parameters::Parameters;
use super::paths::Endpoint;
use super::respond::{self, Response};
use super::{App, Unavailable, login, negotiate, refusals};
use crate::render;
use crate::render::document::{Asked, Shape};
use crate::statistics::{Snapshot, Version};

/// Names the collectors whose fields are missing in the document, because their newest reading failed.
const MISSING: HeaderName = HeaderName::from_static("x-rocketchat-exporter-missing");

/// The answer of an endpoint.
pub async fn answer(app: &App, request: &Request<Incoming>, endpoint: Endpoint) -> Response {
    match endpoint {
        Endpoint::Statistics => statistics(app, request).await,
    }
}

async fn statistics(app: &App, request: &Request<Incoming>) -> Response {
    let snapshot = app.snapshots.borrow().clone();
    let version = snapshot.version().unwrap_or(Version::NEWEST);
    let parameters = Parameters::of(request);
    let login = match login::find(app, request, &parameters).await {
        Ok(Some(login)) => login,
        Ok(None) => {
            login::delay().await;
            return refusals::not_logged_in(version);
        }
        Err(Unavailable) => return refusals::unavailable(),
    };
    if !login.may_view_statistics {
        return refusals::not_allowed(version);
    }
    let shape = match shape(&parameters, app.shape) {
        Ok(shape) => shape,
        Err(text) => return refusals::invalid_shape(text),
    };
    // Only the exact word counts, and only once.
    let asked = if parameters.once("refresh") == Some("true") {
        Asked::ForRefresh
    } else {
        Asked::ForStored
    };
    let snapshot = if asked == Asked::ForRefresh {
        match app.backend.refresh().await {
            Ok(snapshot) => snapshot,
            Err(Unavailable) => return refusals::unavailable(),
        }
    } else {
        snapshot
    };
    if snapshot.read_at.is_none() {
        return refusals::unavailable();
    }
    document(app, request, &snapshot, shape, asked)
}

fn document(
    app: &App,
    request: &Request<Incoming>,
    snapshot: &Snapshot,
    shape: Shape,
    asked: Asked,
) -> Response {
    let body = render::document::render(snapshot, shape, asked, &app.timezone);
    let mut response = compressed(request, body);
    let missing: Vec<_> = snapshot.missing().iter().map(|it| it.name()).collect();
    if let (false, Ok(names)) = (
        missing.is_empty(),
        HeaderValue::from_str(&missing.join(", ")),
    ) {
        response.headers_mut().insert(MISSING, names);
    }
    response
}

/// A success, in the encoding that the client takes.
fn compressed(request: &Request<Incoming>, body: Vec<u8>) -> Response {
    let gzip = negotiate::wants_gzip(request.headers());
    let body = if gzip { render::gzip(&body) } else { body };
    let mut response = respond::json(StatusCode::OK, body);
    if gzip {
        respond::set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    respond::set(&mut response, header::VARY, "Accept-Encoding");
    response
}

fn shape(parameters: &Parameters, default: Shape) -> Result<Shape, &str> {
    match parameters.first("shape") {
        None => Ok(default),
        Some("nested") => Ok(Shape::Nested),
        Some("flat") => Ok(Shape::Flat),
        Some("version") => Ok(Shape::Version),
        Some(other) => Err(other),
    }
}

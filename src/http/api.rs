//! Rocket.Chat's own endpoints, above all the statistics document, for the workspace's own users.

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, StatusCode, header};

use super::parameters::Parameters;
use super::paths::Endpoint;
use super::respond::{self, Response};
use super::{App, Unavailable, listing, login, negotiate, refusals};
use crate::render;
use crate::render::document::{Asked, Shape};
use crate::statistics::Snapshot;

/// Names the collectors whose fields are missing in the document, because their newest reading failed.
const MISSING: HeaderName = HeaderName::from_static("x-rocketchat-exporter-missing");

/// The answer of an endpoint.
pub async fn answer(app: &App, request: &Request<Incoming>, endpoint: Endpoint) -> Response {
    let answer = match endpoint {
        Endpoint::Statistics => statistics(app, request).await,
        Endpoint::StatisticsList => listing::answer(app, request).await,
    };
    answer.unwrap_or_else(|Unavailable| refusals::unavailable())
}

async fn statistics(app: &App, request: &Request<Incoming>) -> Result<Response, Unavailable> {
    let version = app.version();
    let parameters = Parameters::of(request);
    let Some(login) = login::find(app, request, &parameters).await? else {
        login::delay().await;
        return Ok(refusals::not_logged_in(version));
    };
    if !login.may_view_statistics {
        return Ok(refusals::not_allowed(version));
    }
    let shape = match shape(&parameters, app.shape) {
        Ok(shape) => shape,
        Err(text) => return Ok(refusals::invalid_shape(text)),
    };
    // Only the exact word counts, and only once.
    let (asked, snapshot) = if parameters.once("refresh") == Some("true") {
        (Asked::ForRefresh, app.backend.refresh().await?)
    } else {
        (Asked::ForStored, app.snapshots.borrow().clone())
    };
    if snapshot.read_at.is_none() {
        return Err(Unavailable);
    }
    Ok(document(app, request, &snapshot, shape, asked))
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
pub fn compressed(request: &Request<Incoming>, body: Vec<u8>) -> Response {
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

//! Rocket.Chat's own endpoint: the statistics document, for the workspace's own users.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, StatusCode, header};
use serde_json::json;

use super::respond::{self, Response};
use super::{App, Unavailable, negotiate};
use crate::render;
use crate::render::document::{Asked, Shape};
use crate::statistics::{Snapshot, Version};

const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// Names the collectors whose fields are missing in the document, because their newest reading failed.
const MISSING: HeaderName = HeaderName::from_static("x-rocketchat-exporter-missing");

/// From this version on the answers to strangers carry `success` and `error`.
const NEWER_ERRORS: Version = Version::new(7, 0, 0);

/// From this version on a missing permission is answered without its type.
const PLAIN_NOT_ALLOWED: Version = Version::new(3, 0, 0);

/// `GET /api/v1/statistics`.
pub async fn statistics(app: &App, request: &Request<Incoming>) -> Response {
    let snapshot = app.snapshots.borrow().clone();
    let version = snapshot.version().unwrap_or(Version::NEWEST);
    let login = match credentials(request) {
        None => None,
        Some((user_id, token)) => match app.backend.log_in(user_id, token).await {
            Ok(login) => login,
            Err(Unavailable) => return unavailable(),
        },
    };
    let Some(login) = login else {
        // As Rocket.Chat does, so that trying many tokens takes long.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(500..1000))).await;
        return not_logged_in(version);
    };
    if !login.may_view_statistics {
        return not_allowed(version);
    }
    let query = Query::of(request);
    let shape = match query.shape(app.shape) {
        Ok(shape) => shape,
        Err(text) => return invalid_shape(&text),
    };
    let asked = if query.refresh() {
        Asked::ForRefresh
    } else {
        Asked::ForStored
    };
    let snapshot = if asked == Asked::ForRefresh {
        match app.backend.refresh().await {
            Ok(snapshot) => snapshot,
            Err(Unavailable) => return unavailable(),
        }
    } else {
        snapshot
    };
    if snapshot.read_at.is_none() {
        return unavailable();
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
    let gzip = negotiate::wants_gzip(request.headers());
    let body = if gzip { render::gzip(&body) } else { body };
    let mut response = respond::json(StatusCode::OK, body);
    if gzip {
        respond::set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    respond::set(&mut response, header::VARY, "Accept-Encoding");
    let missing: Vec<_> = snapshot.missing().iter().map(|it| it.name()).collect();
    if let (false, Ok(names)) = (
        missing.is_empty(),
        HeaderValue::from_str(&missing.join(", ")),
    ) {
        response.headers_mut().insert(MISSING, names);
    }
    response
}

/// The two headers, when each is there once and is text.
fn credentials(request: &Request<Incoming>) -> Option<(&str, &str)> {
    let once = |name: &HeaderName| {
        let mut values = request.headers().get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().filter(|text| !text.is_empty()),
            _ => None,
        }
    };
    Some((once(&USER_ID)?, once(&TOKEN)?))
}

/// The parameters of a request.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(request: &Request<Incoming>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |(key, value)| (key == name).then_some(value.as_str()))
    }

    /// Only the exact word counts, and only once.
    fn refresh(&self) -> bool {
        self.values("refresh").eq(["true"])
    }

    fn shape(&self, default: Shape) -> Result<Shape, String> {
        match self.values("shape").next() {
            None => Ok(default),
            Some("nested") => Ok(Shape::Nested),
            Some("flat") => Ok(Shape::Flat),
            Some("version") => Ok(Shape::Version),
            Some(other) => Err(other.to_owned()),
        }
    }
}

fn failure(status: StatusCode, body: &serde_json::Value) -> Response {
    respond::json(status, body.to_string())
}

fn not_logged_in(version: Version) -> Response {
    const MESSAGE: &str = "You must be logged in to do this.";
    let body = if version < NEWER_ERRORS {
        json!({ "status": "error", "message": MESSAGE })
    } else {
        json!({ "success": false, "error": MESSAGE, "status": "error", "message": MESSAGE })
    };
    failure(StatusCode::UNAUTHORIZED, &body)
}

fn not_allowed(version: Version) -> Response {
    let body = if version < PLAIN_NOT_ALLOWED {
        json!({
            "success": false,
            "error": "Not allowed [error-not-allowed]",
            "errorType": "error-not-allowed",
        })
    } else {
        json!({ "success": false, "error": "error-not-allowed" })
    };
    failure(StatusCode::BAD_REQUEST, &body)
}

fn invalid_shape(text: &str) -> Response {
    let body = json!({
        "success": false,
        "error": format!(
            "Invalid shape parameter provided: \"{text}\"; it is nested, flat or version [error-invalid-shape]"
        ),
        "errorType": "error-invalid-shape",
    });
    failure(StatusCode::BAD_REQUEST, &body)
}

fn unavailable() -> Response {
    let body = json!({
        "success": false,
        "error": "The workspace's database cannot be read at the moment. [error-database-unavailable]",
        "errorType": "error-database-unavailable",
    });
    let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, &body);
    respond::set(&mut response, header::RETRY_AFTER, "5");
    response
}

/// Anything but reading, in Rocket.Chat's words.
pub fn wrong_method() -> Response {
    let body = json!({ "status": "error", "message": "API endpoint does not exist" });
    let mut response = failure(StatusCode::METHOD_NOT_ALLOWED, &body);
    respond::set(&mut response, header::ALLOW, "GET, HEAD");
    response
}

/// A path below `/api` that is not served here.
pub fn not_found() -> Response {
    let body = json!({
        "success": false,
        "error": "The exporter has no such endpoint; it serves /api/v1/statistics. [error-not-found]",
        "errorType": "error-not-found",
    });
    failure(StatusCode::NOT_FOUND, &body)
}

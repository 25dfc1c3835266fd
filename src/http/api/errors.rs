//! Error responses, with Rocket.Chat's texts where it has one.

use std::time::Duration;

use hyper::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::catalogue::Version;
use crate::http::response::{self, Response};

/// From this version on the response to an unauthenticated request has `success` and `error`.
const NEWER_ERRORS: Version = Version::new(7, 0, 0);

/// From this version on the response to a missing permission has no `errorType`.
const PLAIN_NOT_ALLOWED: Version = Version::new(3, 0, 0);

/// From this version on a missing permission is 403 with `errorType`. That is what its release notes say; that `error`
/// keeps its text is assumed.
const FORBIDDEN: Version = Version::new(9, 0, 0);

fn failure(status: StatusCode, body: &Value) -> Response {
    response::json(status, body.to_string())
}

/// Missing or wrong credentials.
pub fn not_logged_in(version: Version) -> Response {
    const MESSAGE: &str = "You must be logged in to do this.";
    let body = if version < NEWER_ERRORS {
        json!({ "status": "error", "message": MESSAGE })
    } else {
        json!({ "success": false, "error": MESSAGE, "status": "error", "message": MESSAGE })
    };
    failure(StatusCode::UNAUTHORIZED, &body)
}

/// A missing permission.
pub fn not_allowed(version: Version) -> Response {
    if version >= FORBIDDEN {
        let body = json!({
            "success": false,
            "error": "error-not-allowed",
            "errorType": "error-forbidden",
        });
        return failure(StatusCode::FORBIDDEN, &body);
    }
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

/// A missing permission for `statistics.list`.
pub fn list_not_allowed(version: Version) -> Response {
    if version < PLAIN_NOT_ALLOWED {
        let body = json!({ "success": false, "error": "unauthorized" });
        return failure(StatusCode::FORBIDDEN, &body);
    }
    not_allowed(version)
}

/// A parameter that is not JSON.
pub fn invalid_parameter(name: &str, text: &str) -> Response {
    let body = json!({
        "success": false,
        "error": format!("Invalid {name} parameter provided: \"{text}\" [error-invalid-{name}]"),
        "errorType": format!("error-invalid-{name}"),
        "details": { "helperMethod": "parseJsonQuery" },
    });
    failure(StatusCode::BAD_REQUEST, &body)
}

/// 400 with a message.
pub fn plain(message: &str) -> Response {
    let body = json!({ "success": false, "error": message });
    failure(StatusCode::BAD_REQUEST, &body)
}

/// An unknown shape.
pub fn invalid_shape(text: &str) -> Response {
    let body = json!({
        "success": false,
        "error": format!(
            "Invalid shape parameter provided: \"{text}\"; it is nested, flat or version [error-invalid-shape]"
        ),
        "errorType": "error-invalid-shape",
    });
    failure(StatusCode::BAD_REQUEST, &body)
}

/// A rate limit was exceeded.
pub fn too_many_requests(reset_in: Duration) -> Response {
    let seconds = reset_in.as_millis().div_ceil(1000);
    let body = json!({
        "success": false,
        "error": format!(
            "Error, too many requests. Please slow down. You must wait {seconds} seconds before trying this endpoint again. [error-too-many-requests]"
        ),
    });
    let mut response = failure(StatusCode::TOO_MANY_REQUESTS, &body);
    retry_after(&mut response, reset_in);
    response
}

/// Too many concurrent requests of a kind.
pub fn busy(what: &str, wait: Duration) -> Response {
    let body = json!({
        "success": false,
        "error": format!("Too many {what} are under way; try again in a moment. [error-busy]"),
        "errorType": "error-busy",
    });
    let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, &body);
    retry_after(&mut response, wait);
    response
}

fn retry_after(response: &mut Response, wait: Duration) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.max(1).into());
}

/// The database cannot be read, or was not read yet.
pub fn unavailable() -> Response {
    let body = json!({
        "success": false,
        "error": "The workspace's database cannot be read at the moment. [error-database-unavailable]",
        "errorType": "error-database-unavailable",
    });
    let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, &body);
    response::set(&mut response, header::RETRY_AFTER, "5");
    response
}

/// Nothing tells the workspace's version.
pub fn unknown_version() -> Response {
    let body = json!({
        "success": false,
        "error": "The workspace's version is unknown: its database has neither stored statistics nor migrations. Set --rocketchat.version. [error-version-unknown]",
        "errorType": "error-version-unknown",
    });
    failure(StatusCode::SERVICE_UNAVAILABLE, &body)
}

/// A method other than GET, HEAD and OPTIONS.
pub fn wrong_method() -> Response {
    let body = json!({ "status": "error", "message": "API endpoint does not exist" });
    let mut response = failure(StatusCode::METHOD_NOT_ALLOWED, &body);
    response::set(&mut response, header::ALLOW, "GET, OPTIONS");
    response
}

/// Rocket.Chat's response to OPTIONS while CORS is disabled, as it always is here.
pub fn options(headers: &HeaderMap) -> Response {
    let is_preflight = headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return response::text(
            StatusCode::METHOD_NOT_ALLOWED,
            "CORS not enabled. Go to \"Admin > General > REST Api\" to enable it.",
        );
    }
    response::empty(StatusCode::NOT_FOUND)
}

/// A path below `/api` that is not served here.
pub fn not_found(paths: &str) -> Response {
    let body = json!({
        "success": false,
        "error": format!("The exporter has no such endpoint; it serves {paths}. [error-not-found]"),
        "errorType": "error-not-found",
    });
    failure(StatusCode::NOT_FOUND, &body)
}

/// A path with invalid percent-encoding.
pub fn malformed_path() -> Response {
    let body = json!({
        "success": false,
        "error": "The path has a percent sign without two hexadecimal digits after it. [error-malformed-path]",
        "errorType": "error-malformed-path",
    });
    failure(StatusCode::BAD_REQUEST, &body)
}

//! The few kinds of response.

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};

use super::body::Body;
use super::body_pieces::Pieces;
use crate::exposition;
use crate::http::content_negotiation;

/// A response.
pub type Response = hyper::Response<Body>;

/// Plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    with_type(status, "text/plain; charset=utf-8", body.into())
}

/// A request that cannot be answered as it is, and what is wrong with it.
pub fn bad_request(body: String) -> Response {
    with_type(
        StatusCode::BAD_REQUEST,
        "text/plain; charset=utf-8",
        body.into(),
    )
}

/// Something that was asked for and did not work, and why.
pub fn failed(body: String) -> Response {
    with_type(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        body.into(),
    )
}

/// Nothing but a status.
pub fn empty(status: StatusCode) -> Response {
    let mut response = hyper::Response::default();
    *response.status_mut() = status;
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// A page that loads nothing from elsewhere.
pub fn html(body: String) -> Response {
    let mut response = with_type(StatusCode::OK, "text/html; charset=utf-8", body.into());
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    response
}

/// A page with a style, a script and a form of this server, and nothing from elsewhere.
pub fn rich_html(body: Vec<u8>) -> Response {
    let mut response = with_type(StatusCode::OK, "text/html; charset=utf-8", body.into());
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    set(&mut response, header::REFERRER_POLICY, "same-origin");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// A file of a page, which stays as it is until the exporter is another version.
pub fn file(content_type: &'static str, body: &'static str) -> Response {
    let body = Bytes::from_static(body.as_bytes());
    let mut response = with_type(StatusCode::OK, content_type, body);
    set(&mut response, header::CACHE_CONTROL, "private, max-age=300");
    response
}

/// Go on there.
pub fn see_other(path: &str) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// A refusal that says when to come again.
pub fn too_soon(body: String, seconds: u64) -> Response {
    let body = body.into();
    let mut response = with_type(
        StatusCode::TOO_MANY_REQUESTS,
        "text/plain; charset=utf-8",
        body,
    );
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
    response
}

/// JSON that nobody may keep.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = with_type(status, "application/json", body.into());
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::PRAGMA, "no-cache");
    response
}

/// A body in the format and encoding that the client takes.
pub fn negotiated(body: Pieces, content_type: HeaderValue, gzip: bool) -> Response {
    let mut response = hyper::Response::new(Body::whole(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Accept, Accept-Encoding"),
    );
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Says that the body is compressed where it is, and that it depends on what the client takes.
pub fn note_encoding(response: &mut Response, gzip: bool) {
    if gzip {
        set(response, header::CONTENT_ENCODING, "gzip");
    }
    set(response, header::VARY, "Accept-Encoding");
}

/// The same, to be saved under a name, when it is a success.
pub fn as_download(mut response: Response, name: &'static str) -> Response {
    if response.status() == StatusCode::OK
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
    {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Another method is allowed.
pub fn wrong_method(allowed: &'static str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.\n");
    set(&mut response, header::ALLOW, allowed);
    response
}

/// Says how long the body is, where that is known, and leaves it out.
pub fn leave_out_body(response: &mut Response) {
    if let Some(length) = response.body().size_hint().exact() {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::default();
}

/// Sets a header to a value that is known beforehand.
pub fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = hyper::Response::new(Body::whole(body));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// A success, in the encoding that the client takes.
pub fn compressed(request: &Request<Incoming>, body: Vec<u8>) -> Response {
    compressed_as(request, body, |body| json(StatusCode::OK, body))
}

/// The same of another type.
pub fn compressed_as(
    request: &Request<Incoming>,
    body: Vec<u8>,
    respond: impl Fn(Vec<u8>) -> Response,
) -> Response {
    let gzip = content_negotiation::wants_gzip(request.headers());
    let body = if gzip { exposition::gzip(&body) } else { body };
    let mut response = respond(body);
    note_encoding(&mut response, gzip);
    response
}

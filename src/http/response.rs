//! Constructors of responses.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};

use super::body::Body;
use crate::exposition;
use crate::http::content_negotiation;

/// A response.
pub type Response = hyper::Response<Body>;

/// Plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    with_type(status, "text/plain; charset=utf-8", body.into())
}

/// 400 with a text that says what is wrong with the request.
pub fn bad_request(body: String) -> Response {
    with_type(
        StatusCode::BAD_REQUEST,
        "text/plain; charset=utf-8",
        body.into(),
    )
}

/// 500 with a text that says what failed.
pub fn failed(body: String) -> Response {
    with_type(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        body.into(),
    )
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = hyper::Response::default();
    *response.status_mut() = status;
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// A page with a style sheet, a script and forms of this server only.
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

/// A static file of a page.
pub fn file(content_type: &'static str, body: &'static str) -> Response {
    let body = Bytes::from_static(body.as_bytes());
    let mut response = with_type(StatusCode::OK, content_type, body);
    set(&mut response, header::CACHE_CONTROL, "private, max-age=300");
    response
}

/// A redirect by 303.
pub fn see_other(path: &str) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// 429 with `Retry-After`.
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

/// JSON that must not be cached.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = with_type(status, "application/json", body.into());
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::PRAGMA, "no-cache");
    response
}

/// A body in the negotiated format and encoding.
pub fn negotiated(body: Body, content_type: HeaderValue, gzip: bool) -> Response {
    let mut response = hyper::Response::new(body);
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

/// Sets `Content-Encoding` where the body is compressed, and `Vary`.
pub fn set_encoding(response: &mut Response, gzip: bool) {
    if gzip {
        set(response, header::CONTENT_ENCODING, "gzip");
    }
    set(response, header::VARY, "Accept-Encoding");
}

/// Makes a successful response a download under a file name.
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

/// 405 with the allowed methods.
pub fn wrong_method(allowed: &'static str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.\n");
    set(&mut response, header::ALLOW, allowed);
    response
}

/// Sets `Content-Length` where the length is known, and removes the body.
pub fn remove_body(response: &mut Response) {
    if let Some(length) = response.body().size_hint().exact() {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::default();
}

/// Sets a header to a static value.
pub fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = hyper::Response::new(Body::full(body));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// The same response, compressed where it is not negotiated yet and the client accepts it.
pub async fn encoded(request: &Request<Incoming>, response: Response) -> Response {
    if response.headers().contains_key(header::VARY) || response.body().is_end_stream() {
        return response;
    }
    let gzip = content_negotiation::wants_gzip(request.headers());
    let (parts, body) = response.into_parts();
    let body = match body {
        Body::Full(full) if gzip => {
            let Ok(body) = full.collect().await;
            Body::full(exposition::gzip(&body.to_bytes()))
        }
        body => body,
    };
    let mut response = Response::from_parts(parts, body);
    set_encoding(&mut response, gzip);
    response
}

/// JSON, compressed where the client accepts it.
pub fn compressed(request: &Request<Incoming>, body: Vec<u8>) -> Response {
    compressed_as(request, body, |body| json(StatusCode::OK, body))
}

/// A response of any type, compressed where the client accepts it.
pub fn compressed_as(
    request: &Request<Incoming>,
    body: Vec<u8>,
    respond: impl Fn(Vec<u8>) -> Response,
) -> Response {
    let gzip = content_negotiation::wants_gzip(request.headers());
    let body = if gzip { exposition::gzip(&body) } else { body };
    let mut response = respond(body);
    set_encoding(&mut response, gzip);
    response
}

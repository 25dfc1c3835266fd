//! One request on a connection of its own.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::connector::Connection;
use super::login::AdminLogin;
use super::url::RocketChatUrl;

/// The name by which the exporter is found in access logs.
pub const USER_AGENT: &str = concat!("rocketchat-exporter/", env!("CARGO_PKG_VERSION"));

/// The longest head of a response.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A response on an open connection.
pub struct OpenResponse {
    /// The response.
    pub response: Response<Incoming>,
    /// Drives the connection until it is dropped.
    pub driver: JoinSet<()>,
}

/// A request for an endpoint, with a login if there is one.
pub fn request(
    method: Method,
    url: &RocketChatUrl,
    endpoint: &str,
    login: Option<&AdminLogin>,
) -> Builder {
    let request = Request::builder()
        .method(method)
        .uri(url.path_of(endpoint))
        .header(header::HOST, url.authority())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close");
    let headers = login.map(AdminLogin::headers).into_iter().flatten();
    headers.fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

/// Sends a request, and waits for the head of the response. Redirects are not followed.
///
/// # Errors
/// When the connection breaks, or the response is not HTTP.
pub async fn send(
    connection: Connection,
    request: Request<Full<Bytes>>,
) -> Result<OpenResponse, hyper::Error> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(connection)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // The request or the body has the same error.
        connection.await.ok();
    });
    Ok(OpenResponse {
        response: sender.send_request(request).await?,
        driver,
    })
}

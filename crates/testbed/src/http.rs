//! A minimal HTTP client, so that benchmarks measure the server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A refresh of a large workspace on a busy machine takes minutes.
const TIMEOUT: Duration = Duration::from_mins(10);

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: String,
    /// The body as sent.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request over a new connection.
pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
    send(
        address,
        path,
        request("GET", path, headers, "close").as_bytes(),
    )
    .await
}

/// Sends a body over a new connection.
pub async fn post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let length = body.len().to_string();
    let headers = [headers, &[("Content-Length", &*length)]].concat();
    let head = request("POST", path, &headers, "close");
    send(address, path, &[head.as_bytes(), body].concat()).await
}

async fn send(address: SocketAddr, path: &str, request: &[u8]) -> Result<Response> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        parse(bytes)
    };
    timeout(TIMEOUT, exchange)
        .await
        .with_context(|| format!("no response to {path} within {TIMEOUT:?}"))?
}

/// Sends a request `times` times over one connection, and drops the responses.
pub async fn get_repeatedly(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    times: usize,
) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = request("GET", path, headers, "keep-alive");
    let mut buffer = Vec::new();
    for _ in 0..times {
        stream.write_all(request.as_bytes()).await?;
        buffer.clear();
        let mut missing = usize::MAX;
        while missing > 0 {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the server closed a keep-alive connection");
            }
            if let Some(end) = end_of_headers(&buffer) {
                let length = content_length(&buffer[..end])?;
                missing = (end + length).saturating_sub(buffer.len());
            }
        }
    }
    Ok(())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], connection: &str) -> String {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request + "\r\n"
}

fn parse(mut bytes: Vec<u8>) -> Result<Response> {
    let end = end_of_headers(&bytes).context("the response is incomplete")?;
    let body = bytes.split_off(end);
    let headers = String::from_utf8_lossy(&bytes).into_owned();
    let status = headers
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Response {
        status: status.context("the response has no status")?,
        headers,
        body,
    })
}

fn end_of_headers(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let start = bytes.windows(END.len()).position(|window| window == END)?;
    Some(start + END.len())
}

fn content_length(headers: &[u8]) -> Result<usize> {
    let headers = String::from_utf8_lossy(headers);
    let length = headers.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    length.context("the response has no Content-Length")
}

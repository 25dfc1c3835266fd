//! A client for HTTP that does what the bench needs and nothing that would cost time: one request, one answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A refresh of a large workspace on a busy machine takes a while.
const PATIENCE: Duration = Duration::from_mins(10);

/// An answer, taken apart.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A header's value; the name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Asks once, over a connection of its own.
pub(super) async fn get(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Answer> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream
            .write_all(request(path, headers, "close").as_bytes())
            .await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        take_apart(bytes)
    };
    timeout(PATIENCE, ask)
        .await
        .with_context(|| format!("no answer to {path} within {PATIENCE:?}"))?
}

/// Asks so many times over one connection, and forgets the answers.
pub(super) async fn get_often(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    times: usize,
) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = request(path, headers, "keep-alive");
    let mut buffer = Vec::new();
    for _ in 0..times {
        stream.write_all(request.as_bytes()).await?;
        buffer.clear();
        let mut missing = usize::MAX;
        while missing > 0 {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the server ended a connection that it should have kept");
            }
            if let Some(end) = end_of_headers(&buffer) {
                let length = content_length(&buffer[..end])?;
                missing = (end + length).saturating_sub(buffer.len());
            }
        }
    }
    Ok(())
}

fn request(path: &str, headers: &[(&str, &str)], connection: &str) -> String {
    let mut request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request + "\r\n"
}

fn take_apart(mut bytes: Vec<u8>) -> Result<Answer> {
    let end = end_of_headers(&bytes).context("the server sent no whole answer")?;
    let body = bytes.split_off(end);
    let headers = String::from_utf8_lossy(&bytes).into_owned();
    let status = headers.split(' ').nth(1).and_then(|it| it.parse().ok());
    Ok(Answer {
        status: status.context("the server sent no status")?,
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
    length.context("an answer tells no length")
}

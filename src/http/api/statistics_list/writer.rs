//! Writes the list as JSON. A short list is complete before it is sent, a longer one is sent while its documents are read,
//! so that a list of any length takes little memory.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::document;
use crate::exposition::gzip::StreamedBody;
use crate::http::body::{Body, BodySender, ClientGone};
use crate::http::response::{self, Response};
use crate::http::{DocumentStream, Unavailable};

/// The longest list that is complete before it is sent, in bytes: its length is known then, and a failure has a status.
const MAX_BUFFERED_BYTES: usize = 1024 * 1024;

/// The size of the chunks of a longer list.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long a client may take to receive a chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(20);

/// How long sending a list may take.
const LIST_TIMEOUT: Duration = Duration::from_mins(5);

/// Writes a list.
pub struct ListWriter {
    documents: Box<dyn DocumentStream>,
    body: StreamedBody,
    /// Uncompressed bytes that were written since the last chunk.
    pending: usize,
    timezone: TimeZone,
    count: u64,
    offset: Json,
    total: u64,
}

/// Why sending a list failed.
enum StreamError {
    Unavailable,
    ClientGone,
    TooSlow,
}

impl ListWriter {
    /// Begins a list. `offset` is the request's parameter, where it is a number.
    pub fn new(
        documents: Box<dyn DocumentStream>,
        (offset, total): (Json, u64),
        timezone: TimeZone,
        gzip: bool,
    ) -> Self {
        Self {
            documents,
            body: StreamedBody::new(gzip),
            pending: 0,
            timezone,
            count: 0,
            offset,
            total,
        }
    }

    /// The response. `permit` is held until the list is sent, or complete in memory.
    pub async fn respond(mut self, permit: OwnedSemaphorePermit) -> Result<Response, Unavailable> {
        self.write(br#"{"statistics":["#);
        let is_complete = self.write_until(MAX_BUFFERED_BYTES).await?;
        let gzip = self.body.is_gzip();
        let body = if is_complete {
            Body::full(self.body.finish())
        } else {
            let (sender, body) = Body::channel(1, None);
            tokio::spawn(self.send(sender, permit));
            body
        };
        let mut response = response::json(StatusCode::OK, Bytes::new());
        *response.body_mut() = body;
        response::set_encoding(&mut response, gzip);
        Ok(response)
    }

    /// Writes documents until so many bytes are pending; true when the list is complete.
    async fn write_until(&mut self, enough: usize) -> Result<bool, Unavailable> {
        while self.pending < enough {
            let Some(document) = self.documents.next().await? else {
                self.write_end();
                return Ok(true);
            };
            if self.count > 0 {
                self.write(b",");
            }
            self.count += 1;
            self.write_json(&document::json(document, &self.timezone));
        }
        Ok(false)
    }

    fn write_end(&mut self) {
        self.write(br#"],"count":"#);
        self.write_json(&self.count.into());
        self.write(br#","offset":"#);
        self.write_json(&self.offset.clone());
        self.write(br#","total":"#);
        self.write_json(&self.total.into());
        self.write(br#","success":true}"#);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.pending += bytes.len();
        let written = self.body.write_all(bytes);
        written.expect("writing into memory cannot fail");
    }

    fn write_json(&mut self, value: &Json) {
        self.write(value.to_string().as_bytes());
    }

    /// Sends the list while it is written. On failure the sender is dropped, which truncates the response.
    async fn send(self, sender: BodySender, permit: OwnedSemaphorePermit) {
        let sent = timeout(LIST_TIMEOUT, self.send_chunks(sender)).await;
        drop(permit);
        match sent.unwrap_or(Err(StreamError::TooSlow)) {
            Ok(()) => {}
            Err(StreamError::ClientGone) => {
                tracing::debug!("a client disconnected during a list of stored statistics");
            }
            Err(StreamError::TooSlow) => tracing::warn!(
                "a list of stored statistics was truncated because the client received it too slowly; request fewer documents with count and offset"
            ),
            // The reason is in the log already.
            Err(StreamError::Unavailable) => {
                tracing::warn!(
                    "a list of stored statistics was truncated because the database could not be read"
                );
            }
        }
    }

    async fn send_chunks(mut self, sender: BodySender) -> Result<(), StreamError> {
        loop {
            let is_complete = self
                .write_until(CHUNK_BYTES)
                .await
                .map_err(|_| StreamError::Unavailable)?;
            if is_complete {
                send(&sender, self.body.finish()).await?;
                return sender
                    .end()
                    .await
                    .map_err(|ClientGone| StreamError::ClientGone);
            }
            self.pending = 0;
            let chunk = self.body.take();
            // The compressor may have buffered everything.
            if !chunk.is_empty() {
                send(&sender, chunk).await?;
            }
        }
    }
}

async fn send(sender: &BodySender, chunk: Vec<u8>) -> Result<(), StreamError> {
    match timeout(CHUNK_TIMEOUT, sender.send(Bytes::from(chunk))).await {
        Ok(sent) => sent.map_err(|ClientGone| StreamError::ClientGone),
        Err(_) => Err(StreamError::TooSlow),
    }
}

//! The list as it is sent. Documents are written one after the other as they come, so that a list of any length takes
//! little memory: one that is short is complete before it is sent, a longer one is sent while it is made.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::document;
use crate::exposition::gzip::Growing;
use crate::http::body::{Body, Gone, Sender};
use crate::http::response::{self, Response};
use crate::http::{Documents, Unavailable};

/// Bytes up to which a list is complete before it is sent: its length is known then, and a failure has a status.
const WHOLE: usize = 1024 * 1024;

/// Bytes that are sent at once of a longer one.
const PIECE: usize = 64 * 1024;

/// How long a client may take for a piece.
const PIECE_TIME: Duration = Duration::from_secs(20);

/// How long a whole list may take.
const LIST_TIME: Duration = Duration::from_mins(5);

/// A list that is being written.
pub struct List {
    documents: Box<dyn Documents>,
    body: Growing,
    /// Bytes that were written since some were last taken, before they are compressed.
    unsent: usize,
    timezone: TimeZone,
    count: u64,
    offset: Option<i64>,
    total: u64,
}

/// Why a list broke off.
enum Broken {
    Unavailable,
    Gone,
    TooSlow,
}

impl List {
    /// The beginning of a list. `offset` is what the client sent, where that is a number.
    pub fn new(
        documents: Box<dyn Documents>,
        (offset, total): (Option<i64>, u64),
        timezone: TimeZone,
        gzip: bool,
    ) -> Self {
        Self {
            documents,
            body: Growing::new(gzip),
            unsent: 0,
            timezone,
            count: 0,
            offset,
            total,
        }
    }

    /// The answer. `turn` is held until it is sent, or until it is complete in memory.
    pub async fn answer(mut self, turn: OwnedSemaphorePermit) -> Result<Response, Unavailable> {
        self.write(br#"{"statistics":["#);
        let is_complete = self.write_until(WHOLE).await?;
        let gzip = self.body.is_gzip();
        let body = if is_complete {
            Body::whole(self.body.finish())
        } else {
            let (sender, body) = Body::stream(1);
            tokio::spawn(self.send(sender, turn));
            body
        };
        let mut response = response::json(StatusCode::OK, Bytes::new());
        *response.body_mut() = body;
        response::note_encoding(&mut response, gzip);
        Ok(response)
    }

    /// Writes on until so many bytes were written; true when the list is complete.
    async fn write_until(&mut self, enough: usize) -> Result<bool, Unavailable> {
        while self.unsent < enough {
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
        self.write_json(&self.offset.into());
        self.write(br#","total":"#);
        self.write_json(&self.total.into());
        self.write(br#","success":true}"#);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.unsent += bytes.len();
        let written = self.body.write_all(bytes);
        written.expect("writing into memory cannot fail");
    }

    fn write_json(&mut self, value: &Json) {
        self.write(value.to_string().as_bytes());
    }

    /// Sends it while it is made. Where that fails the sender is dropped, which breaks the answer off.
    async fn send(self, sender: Sender, turn: OwnedSemaphorePermit) {
        let sent = timeout(LIST_TIME, self.send_pieces(sender)).await;
        drop(turn);
        match sent.unwrap_or(Err(Broken::TooSlow)) {
            Ok(()) => {}
            Err(Broken::Gone) => {
                tracing::debug!("a client took a list of stored statistics in part");
            }
            Err(Broken::TooSlow) => tracing::warn!(
                "a list of stored statistics broke off because the client took it too slowly; fewer documents can be asked for with count and offset"
            ),
            // Why is in the log already.
            Err(Broken::Unavailable) => {
                tracing::warn!(
                    "a list of stored statistics broke off because the database could not be read on"
                );
            }
        }
    }

    async fn send_pieces(mut self, sender: Sender) -> Result<(), Broken> {
        loop {
            let is_complete = self
                .write_until(PIECE)
                .await
                .map_err(|_| Broken::Unavailable)?;
            if is_complete {
                send(&sender, self.body.finish()).await?;
                return sender.end().await.map_err(|Gone| Broken::Gone);
            }
            self.unsent = 0;
            let piece = self.body.take();
            // A compressed one may have to wait for more.
            if !piece.is_empty() {
                send(&sender, piece).await?;
            }
        }
    }
}

async fn send(sender: &Sender, piece: Vec<u8>) -> Result<(), Broken> {
    match timeout(PIECE_TIME, sender.send(Bytes::from(piece))).await {
        Ok(sent) => sent.map_err(|Gone| Broken::Gone),
        Err(_) => Err(Broken::TooSlow),
    }
}

//! The body of a response: complete before it is sent, or produced while it is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use thiserror::Error;
use tokio::sync::mpsc;

use super::chunked_bytes::ChunkedBytes;

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// A complete body of known length.
    Full(Full<ChunkedBytes>),
    /// A body that is produced while it is sent.
    Channel(ChannelBody),
}

/// A body that receives its chunks from a [`BodySender`].
#[derive(Debug)]
pub struct ChannelBody {
    messages: mpsc::Receiver<Message>,
    has_ended: bool,
    /// The bytes that are left, where that is known.
    remaining: Option<u64>,
    /// Counts the bytes that are taken from this body.
    counter: Option<Arc<AtomicU64>>,
}

/// The sending half of a [`ChannelBody`]. Dropping it before [`BodySender::end`] fails the body, so that the client sees
/// a truncated response and not a complete one.
#[derive(Debug)]
pub struct BodySender(mpsc::Sender<Message>);

#[derive(Debug)]
enum Message {
    Chunk(Bytes),
    End,
}

/// The body failed before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the response body was truncated")]
pub struct Truncated;

/// The client closed the connection before the body's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

impl Body {
    /// A complete body.
    pub fn full(bytes: impl Into<ChunkedBytes>) -> Self {
        Self::Full(Full::new(bytes.into()))
    }

    /// A body that is produced while it is sent, of this length where that is known; `capacity` chunks are buffered.
    pub fn channel(capacity: usize, length: Option<u64>) -> (BodySender, Self) {
        let (sender, messages) = mpsc::channel(capacity);
        let body = ChannelBody {
            messages,
            has_ended: false,
            remaining: length,
            counter: None,
        };
        (BodySender(sender), Self::Channel(body))
    }

    /// Adds the body's length to a counter: that of a complete body at once, else chunk by chunk.
    pub fn count_to(&mut self, counter: &Arc<AtomicU64>) {
        match self {
            Self::Full(full) => {
                let length = hyper::body::Body::size_hint(full).lower();
                counter.fetch_add(length, Ordering::Relaxed);
            }
            Self::Channel(body) => body.counter = Some(Arc::clone(counter)),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Full(Full::default())
    }
}

impl hyper::body::Body for Body {
    type Data = ChunkedBytes;
    type Error = Truncated;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<ChunkedBytes>, Truncated>>> {
        match self.get_mut() {
            Self::Full(full) => Pin::new(full)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Channel(body) => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Channel(body) => body.has_ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Channel(body) => body.remaining.map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

impl ChannelBody {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<ChunkedBytes>, Truncated>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let message = ready!(self.messages.poll_recv(context));
        if let Some(Message::Chunk(chunk)) = message {
            let length = chunk.len() as u64;
            self.remaining = self.remaining.map(|left| left.saturating_sub(length));
            if let Some(counter) = &self.counter {
                counter.fetch_add(length, Ordering::Relaxed);
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk.into()))));
        }
        self.has_ended = true;
        let is_complete = message.is_some();
        Poll::Ready((!is_complete).then_some(Err(Truncated)))
    }
}

impl BodySender {
    /// Sends a chunk as soon as there is capacity for it.
    ///
    /// # Errors
    /// When the client closed the connection.
    pub async fn send(&self, chunk: Bytes) -> Result<(), ClientGone> {
        let sent = self.0.send(Message::Chunk(chunk)).await;
        sent.map_err(|_| ClientGone)
    }

    /// Marks the body as complete.
    ///
    /// # Errors
    /// When the client closed the connection.
    pub async fn end(self) -> Result<(), ClientGone> {
        self.0.send(Message::End).await.map_err(|_| ClientGone)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Collected};

    use super::*;

    #[tokio::test]
    async fn channel_body_counts_chunks_as_they_are_taken() {
        let counter = Arc::new(AtomicU64::new(0));
        let (sender, mut body) = Body::channel(3, None);
        body.count_to(&counter);
        for chunk in ["one, ", "two"] {
            let sent = sender.send(Bytes::from_static(chunk.as_bytes())).await;
            assert_eq!(sent, Ok(()));
        }
        assert_eq!(sender.end().await, Ok(()));
        assert_eq!(counter.load(Ordering::Relaxed), 0);
        let collected = body.collect().await.map(Collected::to_bytes);
        assert_eq!(collected, Ok(Bytes::from_static(b"one, two")));
        assert_eq!(counter.load(Ordering::Relaxed), 8);
    }

    #[tokio::test]
    async fn channel_body_fails_when_its_sender_is_dropped_early() {
        let (sender, body) = Body::channel(1, None);
        let sent = sender.send(Bytes::from_static(b"one")).await;
        assert_eq!(sent, Ok(()));
        drop(sender);
        let collected = body.collect().await.map(Collected::to_bytes);
        assert_eq!(collected, Err(Truncated));
    }

    #[tokio::test]
    async fn sender_fails_when_the_body_is_dropped() {
        let (sender, body) = Body::channel(1, None);
        drop(body);
        let sent = sender.send(Bytes::from_static(b"one")).await;
        assert_eq!(sent, Err(ClientGone));
    }
}

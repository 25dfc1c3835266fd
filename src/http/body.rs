//! The body of a response: complete before it is sent, or made while it is.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use thiserror::Error;
use tokio::sync::mpsc;

use super::body_pieces::Pieces;

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// Complete, so that its length is known.
    Whole(Full<Pieces>),
    /// Made while it is sent.
    Stream(Stream),
}

/// A body that is made while it is sent.
#[derive(Debug)]
pub struct Stream {
    pieces: mpsc::Receiver<Part>,
    has_ended: bool,
    /// Where the bytes are counted that leave here.
    counter: Option<Arc<AtomicU64>>,
}

/// Where the pieces of a streamed body go. A body whose sender is dropped before [`Sender::end`] breaks off: the client
/// sees a connection that ends too early, and not a complete answer.
#[derive(Debug)]
pub struct Sender(mpsc::Sender<Part>);

#[derive(Debug)]
enum Part {
    Piece(Bytes),
    End,
}

/// A streamed body could not be made to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the body broke off before its end")]
pub struct BrokenOff;

/// The client takes no more of a streamed body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl Body {
    /// A complete one.
    pub fn whole(pieces: impl Into<Pieces>) -> Self {
        Self::Whole(Full::new(pieces.into()))
    }

    /// One that is made while it is sent, of which so many pieces may wait for the client.
    pub fn stream(waiting: usize) -> (Sender, Self) {
        let (sender, pieces) = mpsc::channel(waiting);
        let stream = Stream {
            pieces,
            has_ended: false,
            counter: None,
        };
        (Sender(sender), Self::Stream(stream))
    }

    /// Counts its bytes: those of a whole body at once, those of a stream as they are taken.
    pub fn count_to(&mut self, counter: &Arc<AtomicU64>) {
        match self {
            Self::Whole(whole) => {
                let length = hyper::body::Body::size_hint(whole).lower();
                counter.fetch_add(length, Ordering::Relaxed);
            }
            Self::Stream(stream) => stream.counter = Some(Arc::clone(counter)),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl hyper::body::Body for Body {
    type Data = Pieces;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Pieces>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Stream(stream) => stream.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Stream(stream) => stream.has_ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl Stream {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Pieces>, BrokenOff>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.pieces.poll_recv(context)) {
            Some(Part::Piece(piece)) => {
                if let Some(counter) = &self.counter {
                    counter.fetch_add(piece.remaining() as u64, Ordering::Relaxed);
                }
                Some(Ok(Frame::data(piece.into())))
            }
            Some(Part::End) => {
                self.has_ended = true;
                None
            }
            None => {
                self.has_ended = true;
                Some(Err(BrokenOff))
            }
        })
    }
}

impl Sender {
    /// Sends a piece, once there is room for it.
    ///
    /// # Errors
    /// When the client went away.
    pub async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        self.0.send(Part::Piece(piece)).await.map_err(|_| Gone)
    }

    /// Says that the body is complete.
    ///
    /// # Errors
    /// When the client went away.
    pub async fn end(self) -> Result<(), Gone> {
        self.0.send(Part::End).await.map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Collected};

    use super::*;

    #[tokio::test]
    async fn a_stream_is_its_pieces_and_is_counted_as_they_are_taken() {
        let counter = Arc::new(AtomicU64::new(0));
        let (sender, mut body) = Body::stream(3);
        body.count_to(&counter);
        for piece in ["one, ", "two"] {
            let sent = sender.send(Bytes::from_static(piece.as_bytes())).await;
            assert_eq!(sent, Ok(()));
        }
        assert_eq!(sender.end().await, Ok(()));
        assert_eq!(counter.load(Ordering::Relaxed), 0);
        let whole = body.collect().await.map(Collected::to_bytes);
        assert_eq!(whole, Ok(Bytes::from_static(b"one, two")));
        assert_eq!(counter.load(Ordering::Relaxed), 8);
    }

    #[tokio::test]
    async fn a_stream_that_nobody_ended_is_an_error_and_not_a_complete_body() {
        let (sender, body) = Body::stream(1);
        let sent = sender.send(Bytes::from_static(b"one")).await;
        assert_eq!(sent, Ok(()));
        drop(sender);
        let whole = body.collect().await.map(Collected::to_bytes);
        assert_eq!(whole, Err(BrokenOff));
    }

    #[tokio::test]
    async fn the_sender_is_told_that_the_client_went_away() {
        let (sender, body) = Body::stream(1);
        drop(body);
        assert_eq!(sender.send(Bytes::from_static(b"one")).await, Err(Gone));
    }
}

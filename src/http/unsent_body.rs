//! An answer on its way to a client, whose connection knows how much of it the client has not taken yet.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use hyper::body::{Body, Frame, SizeHint};

use super::body_pieces::Pieces;
use super::connection::{Connection, UnderWay, UnsentAnswer};

/// A body that is sent over a connection.
#[derive(Debug)]
pub struct Sending<B> {
    body: B,
    connection: Arc<Connection>,
    /// The request is under way until all of the answer was made.
    _under_way: UnderWay,
}

/// Bytes that the client has not taken yet.
#[derive(Debug)]
pub struct Unsent {
    pieces: Pieces,
    connection: Arc<Connection>,
    kept: UnsentAnswer,
}

impl<B> Sending<B> {
    /// Sends a body as the answer to a request.
    pub fn new(body: B, under_way: UnderWay) -> Self {
        Self {
            body,
            connection: Arc::clone(under_way.connection()),
            _under_way: under_way,
        }
    }
}

impl<B: Body<Data = Pieces> + Unpin> Body for Sending<B> {
    type Data = Unsent;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Unsent>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let unsent = |pieces: Pieces| {
            let kept = UnsentAnswer {
                place: pieces.place(),
                bytes: pieces.remaining(),
            };
            self.connection.has_to_send(kept);
            Unsent {
                kept,
                connection: Arc::clone(&self.connection),
                pieces,
            }
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(unsent))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Buf for Unsent {
    fn remaining(&self) -> usize {
        self.pieces.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.pieces.advance(count);
        self.connection.has_sent(count);
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.connection
            .has_dropped(self.kept, self.pieces.remaining());
    }
}

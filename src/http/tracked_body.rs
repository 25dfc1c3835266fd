//! A response body whose connection knows how many bytes of it the client has not received yet.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use hyper::body::{Frame, SizeHint};

use super::body::{Body, Truncated};
use super::chunked_bytes::ChunkedBytes;
use super::connection::{ClientConnection, RequestGuard, UnsentAnswer};

/// A body that is sent over a connection.
#[derive(Debug)]
pub struct TrackedBody {
    body: Body,
    /// The request is in progress until the body was produced completely.
    request: RequestGuard,
}

/// Bytes of a body that the client has not received yet.
#[derive(Debug)]
pub struct UnsentBytes {
    bytes: ChunkedBytes,
    connection: Arc<ClientConnection>,
    answer: UnsentAnswer,
}

impl TrackedBody {
    /// The body of the response to a request.
    pub fn new(body: Body, request: RequestGuard) -> Self {
        Self { body, request }
    }
}

impl hyper::body::Body for TrackedBody {
    type Data = UnsentBytes;
    type Error = Truncated;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<UnsentBytes>, Truncated>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let track = |bytes| UnsentBytes::new(bytes, Arc::clone(self.request.connection()));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(track))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl UnsentBytes {
    fn new(bytes: ChunkedBytes, connection: Arc<ClientConnection>) -> Self {
        let answer = UnsentAnswer {
            address: bytes.address(),
            bytes: bytes.remaining(),
        };
        connection.add_unsent(answer);
        Self {
            bytes,
            connection,
            answer,
        }
    }
}

impl Buf for UnsentBytes {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.connection.note_sent(count);
    }
}

impl Drop for UnsentBytes {
    fn drop(&mut self) {
        let rest = self.bytes.remaining();
        self.connection.remove_unsent(self.answer, rest);
    }
}

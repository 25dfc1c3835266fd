//! Enforces the deadline of a connection, which moves as the connection is used.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use tokio::time::{Instant, sleep_until};

use super::connection::{ClientConnection, ConnectionTimeouts};

/// Polls a connection until it ends or its deadline passes. When its closing is requested, `close` begins it.
pub async fn with_deadline<C: Future<Output = Result<(), E>>, E>(
    serving: C,
    connection: &ClientConnection,
    timeouts: ConnectionTimeouts,
    close: impl FnOnce(Pin<&mut C>),
) -> Result<(), E> {
    let mut serving = pin!(serving);
    let mut timer = pin!(sleep_until(Instant::now() + timeouts.idle));
    // Polled after the connection, whose progress moves the deadline. Most progress moves it back, so the timer is only
    // reset when it would fire too late, or has fired too early.
    let mut deadline = pin!(poll_fn(|context| {
        loop {
            let Some(deadline) = connection.deadline(timeouts, context) else {
                return Poll::Pending;
            };
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }));
    tokio::select! {
        biased;
        ended = serving.as_mut() => return ended,
        () = connection.close_requested() => close(serving.as_mut()),
        () = deadline.as_mut() => return Ok(()),
    }
    tokio::select! {
        biased;
        ended = serving => ended,
        () = deadline => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Duration;

    use hyper::Request;
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::sleep;

    use super::*;
    use crate::http::body::Body;
    use crate::http::connection_limiter::ConnectionLimiter;
    use crate::http::tracked_body::TrackedBody;

    const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(2),
    };

    const BODY_BYTES: usize = 1_000_000;

    /// Sends a long body to a client that receives at most so many bytes each second. Returns how long the connection
    /// lasted, and how many bytes the client received.
    async fn serve_client(bytes_per_second: usize) -> (Duration, usize) {
        let (mut client, stream) = duplex(16 * 1024);
        let limiter = Arc::new(ConnectionLimiter::new(1));
        let slot = limiter.acquire(Ipv4Addr::LOCALHOST.into()).await;
        let connection = slot.expect("the limiter is open").connection.clone();
        let service = service_fn(|_: Request<Incoming>| {
            let body = Body::full(vec![b'x'; BODY_BYTES]);
            let body = TrackedBody::new(body, connection.begin_request());
            async { Ok::<_, Infallible>(hyper::Response::new(body)) }
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let begun = Instant::now();
        let serving = async {
            let serving = with_deadline(serving, &connection, TIMEOUTS, |serving| {
                serving.graceful_shutdown();
            });
            drop(serving.await);
            begun.elapsed()
        };
        let receiving = async {
            let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            client.write_all(request).await.expect("the server reads");
            let mut received = 0;
            let mut buffer = vec![0; bytes_per_second];
            loop {
                sleep(Duration::from_secs(1)).await;
                match client.read(&mut buffer).await {
                    Ok(0) | Err(_) => return received,
                    Ok(length) => received += length,
                }
            }
        };
        tokio::join!(serving, receiving)
    }

    #[tokio::test(start_paused = true)]
    async fn client_below_the_minimum_rate_is_disconnected() {
        let (lasted, received) = serve_client(1).await;
        assert!((30..35).contains(&lasted.as_secs()), "{lasted:?}");
        assert!(received < 20_000, "{received}");
    }

    #[tokio::test(start_paused = true)]
    async fn client_above_the_minimum_rate_receives_everything() {
        let (lasted, received) = serve_client(6000).await;
        assert!(lasted.as_secs() > 100, "{lasted:?}");
        assert!(received > BODY_BYTES, "{received}");
    }
}

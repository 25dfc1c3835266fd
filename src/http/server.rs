//! Connections: accept them, encrypt them, speak HTTP/1.1 or HTTP/2, cut those that take too long, and drain at the end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::body::Body;
use super::connection::{Connection, Limits};
use super::connections::{self, Connections, Place};
use super::idle_tracking::IdleTracking;
use super::listener::{Listener, Stream};
pub use super::middleware::{Caller, Gate};
use super::unsent_body::Sending;
use super::{App, Workspaces, response};
use crate::network;

/// Requests of one connection that are answered at once, where HTTP/2 allows several.
const MOST_STREAMS: u32 = 16;

/// Bytes that the address and the headers of a request may have together, as in Node; longer ones are answered 431.
const LONGEST_HEAD: usize = 16 * 1024;

/// The same in HTTP/2.
const LONGEST_HEAD_OF_STREAM: u32 = 16 * 1024;

/// Bytes of bodies that a client may send over HTTP/2 before they are read: as many as a body may have.
const STREAM_WINDOW: u32 = 64 * 1024;

/// How long a connection may take to be encrypted.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long requests under way may take after the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// The longest wait before a listener that failed is asked again.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// What connections share.
struct Server {
    app: Arc<App>,
    gate: Gate,
    limits: Limits,
    connections: Arc<Connections>,
}

/// Serves until `shutdown`, then lets requests under way end.
pub async fn serve(
    listeners: Vec<Listener>,
    app: Arc<App>,
    gate: Gate,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Connections::new(most_connections(&app)));
    let server = Arc::new(Server {
        app,
        gate,
        limits,
        connections: Arc::clone(&connections),
    });
    let mut accepting: JoinSet<()> = listeners
        .into_iter()
        .map(|listener| accept(listener, Arc::clone(&server)))
        .collect();
    shutdown.await;
    accepting.shutdown().await;
    if timeout(DRAIN, connections.end_all()).await.is_err() {
        tracing::warn!(
            seconds = DRAIN.as_secs(),
            "requests under way did not end in time"
        );
    }
}

fn most_connections(app: &App) -> u32 {
    let files = app.process.borrow().max_files;
    let workspaces = match &app.served().workspaces {
        Workspaces::One(..) => 1,
        Workspaces::Named(workspaces) => workspaces.len(),
    };
    let most = connections::most(files, workspaces);
    tracing::debug!(
        connections = most,
        open_files = files,
        "connections are limited"
    );
    most
}

async fn accept(listener: Listener, server: Arc<Server>) {
    let mut back_off = Duration::from_millis(1);
    loop {
        let (stream, caller) = match listener.accept().await {
            Ok(accepted) => {
                back_off = Duration::from_millis(1);
                accepted
            }
            Err(error) if concerns_one_connection(&error) => continue,
            Err(error) => {
                // Such as too many open files: it passes, and the listener must not.
                tracing::warn!(reason = %error, "no connection can be accepted; trying again");
                sleep(back_off).await;
                back_off = (back_off * 2).min(LONGEST_BACK_OFF);
                continue;
            }
        };
        let Some(place) = server.connections.place(network::of(caller)).await else {
            return;
        };
        let caller = Caller {
            address: caller,
            connection: Arc::clone(&place.connection),
        };
        tokio::spawn(converse(stream, caller, Arc::clone(&server), place));
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// A connection from its beginning to its end.
async fn converse(stream: Stream, caller: Caller, server: Arc<Server>, _place: Place) {
    let tls = match server.gate.web_config() {
        Some(live) => live.tls().await,
        None => None,
    };
    let ended = match tls {
        None => speak_http1(Either::Left(stream), caller, &server).await,
        Some(tls) => {
            let connection = Arc::clone(&caller.connection);
            let encrypted = tokio::select! {
                encrypted = timeout(HANDSHAKE, encrypt(stream, tls)) => encrypted,
                () = connection.asked_to_end() => return,
            };
            match encrypted {
                Ok(Ok(stream)) if speaks_http2(&stream) => {
                    speak_http2(stream, caller, &server).await
                }
                Ok(Ok(stream)) => speak_http1(Either::Right(stream), caller, &server).await,
                Ok(Err(error)) => {
                    tracing::debug!(reason = %error, caller = %caller.address, "a connection was not encrypted");
                    return;
                }
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(reason = %error, "a connection ended early");
    }
}

type Encrypted = Box<TlsStream<Stream>>;

async fn encrypt(mut stream: Stream, tls: Arc<ServerConfig>) -> io::Result<Encrypted> {
    if let Either::Left(stream) = &mut stream {
        let mut first = [0];
        stream.peek(&mut first).await?;
        // A letter begins a request without encryption; a handshake begins with the number 22.
        if first[0].is_ascii_uppercase() {
            let answer = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            stream.write_all(answer).await?;
            stream.shutdown().await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    TlsAcceptor::from(tls).accept(stream).await.map(Box::new)
}

fn speaks_http2(stream: &TlsStream<Stream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}

async fn speak_http1(
    stream: Either<Stream, Encrypted>,
    caller: Caller,
    server: &Arc<Server>,
) -> hyper::Result<()> {
    let connection = Arc::clone(&caller.connection);
    let stream = watch(stream, &connection, true);
    let service = service(caller, server);
    let conversation = http1::Builder::new()
        // How long a head may take is watched here: hyper would count the wait for it too.
        .header_read_timeout(None)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(stream, service);
    until_too_late(conversation, &connection, server.limits, |it| {
        it.graceful_shutdown();
    })
    .await
}

async fn speak_http2(stream: Encrypted, caller: Caller, server: &Arc<Server>) -> hyper::Result<()> {
    let connection = Arc::clone(&caller.connection);
    let stream = watch(stream, &connection, false);
    let service = service(caller, server);
    let conversation = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LONGEST_HEAD_OF_STREAM)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .serve_connection(stream, service);
    until_too_late(conversation, &connection, server.limits, |it| {
        it.graceful_shutdown();
    })
    .await
}

fn watch<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    connection: &Arc<Connection>,
    reads_heads: bool,
) -> TokioIo<IdleTracking<S>> {
    TokioIo::new(IdleTracking::new(
        stream,
        Arc::clone(connection),
        reads_heads,
    ))
}

/// What answers the requests of a connection.
fn service(
    caller: Caller,
    server: &Arc<Server>,
) -> impl Service<
    Request<Incoming>,
    Response = hyper::Response<Sending<Body>>,
    Error = Infallible,
    Future: Send,
> + use<> {
    let server = Arc::clone(server);
    service_fn(move |mut request| {
        let under_way = caller.connection.begin();
        let (server, caller) = (Arc::clone(&server), caller.clone());
        async move {
            let response = server.gate.answer(&server.app, &mut request, &caller);
            let mut response = response.await;
            if request.method() == Method::HEAD && request.version() == Version::HTTP_2 {
                // hyper leaves the body out by itself in HTTP/1.1 only.
                response::leave_out_body(&mut response);
            }
            server.connections.make_room().await;
            Ok(response.map(|body| Sending::new(body, under_way)))
        }
    })
}

/// Polls a conversation until it ends, has to, or has nothing more to say after it was asked to end.
async fn until_too_late<C: Future<Output = hyper::Result<()>>>(
    conversation: C,
    connection: &Connection,
    limits: Limits,
    end: impl FnOnce(Pin<&mut C>),
) -> hyper::Result<()> {
    let mut conversation = pin!(conversation);
    let mut timer = pin!(sleep_until(Instant::now() + limits.idle));
    // Polled after the conversation, whose progress moves the deadline: the timer follows only when it has to go off
    // sooner, or has gone off, for each request makes it later.
    let mut deadline = pin!(poll_fn(|context| {
        loop {
            let Some(deadline) = connection.deadline(limits, context) else {
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
        ended = conversation.as_mut() => return ended,
        () = connection.asked_to_end() => end(conversation.as_mut()),
        () = deadline.as_mut() => return Ok(()),
    }
    tokio::select! {
        biased;
        ended = conversation => ended,
        () = deadline => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(2),
    };

    const LENGTH: usize = 1_000_000;

    /// How long a client is served, and how much it gets, when it takes so many bytes of a long answer in a second.
    async fn served(bytes_per_second: usize) -> (Duration, usize) {
        let (mut client, stream) = duplex(16 * 1024);
        let connections = Arc::new(Connections::new(1));
        let place = connections.place(Ipv4Addr::LOCALHOST.into()).await;
        let connection = place.expect("places are not closed").connection.clone();
        let service = service_fn(|_: Request<Incoming>| {
            let body = Body::whole(vec![b'x'; LENGTH]);
            let sending = Sending::new(body, connection.begin());
            async { Ok::<_, Infallible>(hyper::Response::new(sending)) }
        });
        let stream = watch(stream, &connection, true);
        let conversation = http1::Builder::new().serve_connection(stream, service);
        let begun = Instant::now();
        let serving = async {
            let serving = until_too_late(conversation, &connection, LIMITS, |it| {
                it.graceful_shutdown();
            });
            drop(serving.await);
            begun.elapsed()
        };
        let taking = async {
            let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            client.write_all(request).await.expect("it reads");
            let mut taken = 0;
            let mut bytes = vec![0; bytes_per_second];
            loop {
                sleep(Duration::from_secs(1)).await;
                match client.read(&mut bytes).await {
                    Ok(0) | Err(_) => return taken,
                    Ok(length) => taken += length,
                }
            }
        };
        tokio::join!(serving, taking)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_byte_a_second_is_cut_and_one_of_the_least_rate_is_not() {
        let (took, taken) = served(1).await;
        assert!((30..35).contains(&took.as_secs()), "{took:?}");
        assert!(taken < 20_000, "{taken}");
        let (took, taken) = served(6000).await;
        assert!(took.as_secs() > 100, "{took:?}");
        assert!(taken > LENGTH, "{taken}");
    }
}

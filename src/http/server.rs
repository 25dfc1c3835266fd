//! Serves connections: accepts and encrypts them, reads HTTP/1.1 or HTTP/2 from them, and drains them at shutdown.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::io::InspectReader;

use super::connection::ConnectionTimeouts;
use super::connection_limiter::{self, ConnectionLimiter, ConnectionSlot};
use super::deadline::with_deadline;
use super::listener::{ClientStream, Listener};
pub use super::middleware::{Caller, Middleware};
use super::tracked_body::TrackedBody;
use super::{App, ServedWorkspaces, response};
use crate::network;

/// Concurrent requests on an HTTP/2 connection.
const MAX_CONCURRENT_STREAMS: u32 = 16;

/// Bytes of a request line and its headers together, as in Node; longer ones are answered with 431.
const MAX_HEADER_BYTES: u16 = 16 * 1024;

/// Bytes of request bodies that a client may send over HTTP/2 before they are read: as many as a body may have.
const STREAM_WINDOW: u32 = 64 * 1024;

/// Time limit of a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests in progress may take after shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause after a listener failed to accept.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// What all connections share.
struct HttpServer {
    app: Arc<App>,
    middleware: Middleware,
    timeouts: ConnectionTimeouts,
    connections: Arc<ConnectionLimiter>,
}

/// Serves until `shutdown` completes, then waits for requests in progress.
pub async fn serve(
    listeners: Vec<Listener>,
    app: Arc<App>,
    middleware: Middleware,
    timeouts: ConnectionTimeouts,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(ConnectionLimiter::new(max_connections(&app)));
    let server = Arc::new(HttpServer {
        app,
        middleware,
        timeouts,
        connections: Arc::clone(&connections),
    });
    let mut accepting: JoinSet<()> = listeners
        .into_iter()
        .map(|listener| accept(listener, Arc::clone(&server)))
        .collect();
    shutdown.await;
    accepting.shutdown().await;
    if timeout(DRAIN_TIMEOUT, connections.drain()).await.is_err() {
        tracing::warn!(
            seconds = DRAIN_TIMEOUT.as_secs(),
            "requests in progress did not end in time"
        );
    }
}

fn max_connections(app: &App) -> u32 {
    let files = app.process.borrow().max_files;
    let workspaces = match &app.targets().workspaces {
        ServedWorkspaces::Single(..) => 1,
        ServedWorkspaces::Named(workspaces) => workspaces.len(),
    };
    let max = connection_limiter::max_connections(files, workspaces);
    tracing::debug!(
        connections = max,
        open_files = files,
        "connections are limited"
    );
    max
}

async fn accept(listener: Listener, server: Arc<HttpServer>) {
    let mut backoff = Duration::from_millis(1);
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => {
                backoff = Duration::from_millis(1);
                accepted
            }
            Err(error) if is_client_error(&error) => continue,
            Err(error) => {
                // Such as too many open files, which is temporary.
                tracing::warn!(reason = %error, "cannot accept connections; retrying");
                sleep(backoff).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
                continue;
            }
        };
        let Some(slot) = server.connections.acquire(network::of(address)).await else {
            return;
        };
        let caller = Caller {
            address,
            connection: Arc::clone(&slot.connection),
        };
        tokio::spawn(serve_connection(stream, caller, Arc::clone(&server), slot));
    }
}

/// Whether an error of `accept` concerns only the connection that was to be accepted.
fn is_client_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Serves a connection from its handshake to its end.
async fn serve_connection(
    stream: ClientStream,
    caller: Caller,
    server: Arc<HttpServer>,
    _slot: ConnectionSlot,
) {
    let tls = match server.middleware.web_config() {
        Some(web_config) => web_config.tls().await,
        None => None,
    };
    let stream = match tls {
        None => Either::Left(stream),
        Some(tls) => {
            let accepted = tokio::select! {
                accepted = timeout(HANDSHAKE_TIMEOUT, accept_tls(stream, tls)) => accepted,
                () = caller.connection.close_requested() => return,
            };
            match accepted {
                Ok(Ok(stream)) => Either::Right(stream),
                Ok(Err(error)) => {
                    tracing::debug!(reason = %error, caller = %caller.address, "TLS handshake failed");
                    return;
                }
                Err(_) => return,
            }
        }
    };
    if let Err(error) = serve_http(stream, caller, &server).await {
        tracing::debug!(reason = error, "a connection ended early");
    }
}

type EncryptedStream = Box<TlsStream<ClientStream>>;

async fn accept_tls(
    mut stream: ClientStream,
    tls: Arc<ServerConfig>,
) -> io::Result<EncryptedStream> {
    if let Either::Left(stream) = &mut stream {
        let mut first = [0];
        stream.peek(&mut first).await?;
        // A plain HTTP request begins with a letter, a TLS handshake with the byte 22.
        if first[0].is_ascii_uppercase() {
            let response = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            stream.write_all(response).await?;
            stream.shutdown().await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    TlsAcceptor::from(tls).accept(stream).await.map(Box::new)
}

/// Reads requests from a connection and responds to them: HTTP/2 where TLS negotiated it, else HTTP/1.1.
async fn serve_http(
    stream: Either<ClientStream, EncryptedStream>,
    caller: Caller,
    server: &Arc<HttpServer>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let is_http2 =
        matches!(&stream, Either::Right(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2"));
    let connection = Arc::clone(&caller.connection);
    let read_from = Arc::clone(&caller.connection);
    let stream = InspectReader::new(stream, move |bytes| {
        // Over HTTP/2 the bytes may be anything.
        if !is_http2 && !bytes.is_empty() {
            read_from.note_read();
        }
    });
    let builder = http_builder(is_http2);
    let serving = builder.serve_connection(TokioIo::new(stream), service(caller, server));
    with_deadline(serving, &connection, server.timeouts, |serving| {
        serving.graceful_shutdown();
    })
    .await
}

fn http_builder(is_http2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // `with_deadline` limits it: hyper's limit would include the idle time before a request.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEADER_BYTES.into());
    builder
        .http2()
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES.into())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW);
    if is_http2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    }
}

/// Responds to the requests of a connection.
fn service(
    caller: Caller,
    server: &Arc<HttpServer>,
) -> impl Service<
    Request<Incoming>,
    Response = hyper::Response<TrackedBody>,
    Error = Infallible,
    Future: Send + 'static,
> + use<> {
    let server = Arc::clone(server);
    service_fn(move |mut request| {
        let guard = caller.connection.begin_request();
        let (server, caller) = (Arc::clone(&server), caller.clone());
        async move {
            let response = server.middleware.handle(
                &server.app,
                &mut request,
                &caller,
                guard.begun().into_std(),
            );
            let mut response = response.await;
            if request.method() == Method::HEAD && request.version() == Version::HTTP_2 {
                // hyper removes the body of a response to HEAD in HTTP/1.1 only.
                response::remove_body(&mut response);
            }
            server.connections.evict_slow_clients().await;
            Ok(response.map(|body| TrackedBody::new(body, guard)))
        }
    })
}

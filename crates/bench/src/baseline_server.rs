//! The baseline server: only hyper and tokio, used as in the exporter. It responds to every request with the same bytes,
//! so the difference to the exporter is the cost of the exporter itself.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use testbed::child_process::{ChildProcess, Output};
use testbed::http;

/// The response of the server, and its listen address.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The file whose bytes are every answer's body
    #[arg(long)]
    body: PathBuf,
    /// Every answer's content type
    #[arg(long)]
    content_type: String,
    /// Every answer's content encoding
    #[arg(long)]
    content_encoding: Option<String>,
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
}

/// Serves until it is killed.
pub fn serve(options: &Options) -> Result<()> {
    let body = Bytes::from(fs::read(&options.body)?);
    let content_type = HeaderValue::from_str(&options.content_type)?;
    let encoding = options.content_encoding.as_deref();
    let encoding = encoding.map(HeaderValue::from_str).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let answer = respond(body.clone(), content_type.clone(), encoding.clone());
            tokio::spawn(async move {
                let service = service_fn(|_: Request<Incoming>| {
                    let answer = answer.clone();
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // Clients close their connections at the end of a measurement.
                drop(connection.await);
            });
        }
    })
}

fn respond(
    body: Bytes,
    content_type: HeaderValue,
    encoding: Option<HeaderValue>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    response
}

/// Starts a baseline server as a process, with the response of the exporter.
pub(crate) fn start(
    response: &http::Response,
    address: SocketAddr,
    body: &Path,
) -> Result<ChildProcess> {
    fs::write(body, &response.body)
        .with_context(|| format!("cannot write `{}`", body.display()))?;
    let program = std::env::current_exe().context("cannot learn the path of this program")?;
    let mut command = Command::new(program);
    command.arg("baseline-server");
    command.arg("--body").arg(body);
    command.arg(format!("--listen={address}"));
    let content_type = response.header("content-type").unwrap_or("text/plain");
    command.arg(format!("--content-type={content_type}"));
    if let Some(encoding) = response.header("content-encoding") {
        command.arg(format!("--content-encoding={encoding}"));
    }
    ChildProcess::start(
        &mut command,
        None,
        Output::File(&body.with_extension("log")),
    )
}

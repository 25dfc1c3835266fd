//! Rocket.Chat's endpoint `licenses.add`, as its source has it, and servers at its place that behave otherwise.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::Identity;

/// An administrator, and somebody without the permission `edit-privileged-setting`: user ID and token.
pub const ADMINISTRATOR: (&str, &str) = ("theAdministratorsId", "the-token-of-the-administrator");
pub const SOMEBODY: (&str, &str) = ("somebodysId", "the-token-of-somebody");

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As Rocket.Chat: it takes licenses of version 3, and no others.
    RocketChat,
    /// It sends everybody elsewhere.
    Redirects,
    /// It never answers.
    Silent,
    /// It is a proxy whose server is away.
    Elsewhere,
    /// It repeats what it was sent.
    Repeats,
    /// It answers without end.
    Endless,
}

/// A server on a port of this machine.
pub struct RocketChat {
    port: u16,
    taken: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl RocketChat {
    pub async fn start(manner: Manner) -> Self {
        Self::serve(manner, None).await
    }

    pub async fn encrypted(identity: &Identity) -> Self {
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("there is a cipher for each version")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("it is a certificate")],
                key.expect("it is a key"),
            )
            .expect("they belong together");
        Self::serve(
            Manner::RocketChat,
            Some(TlsAcceptor::from(Arc::new(config))),
        )
        .await
    }

    async fn serve(manner: Manner, encryption: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (taken, asked) = (Arc::default(), Arc::default());
        let server = Self {
            port,
            taken: Arc::clone(&taken),
            asked: Arc::clone(&asked),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, asked) = (Arc::clone(&taken), Arc::clone(&asked));
                let encryption = encryption.clone();
                tokio::spawn(async move {
                    match encryption {
                        None => talk(stream, manner, taken, asked).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                talk(stream, manner, taken, asked).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The flags of an exporter that hands licenses to it.
    pub fn flags(&self) -> [String; 2] {
        [
            format!("--rocketchat.url=http://127.0.0.1:{}", self.port),
            "--web.enable-admin-api".to_owned(),
        ]
    }

    /// The licenses that it took.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no thread panicked").clone()
    }

    /// Method and path of every request.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread panicked").clone()
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    manner: Manner,
    taken: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let service = service_fn(|request| answer(request, manner, &taken, &asked));
    // Whoever asks may go away at any time.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(
    request: Request<Incoming>,
    manner: Manner,
    taken: &Mutex<Vec<String>>,
    asked: &Mutex<Vec<String>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    asked.lock().expect("no thread panicked").push(line);
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
    let plain = |status: u16, body: String| {
        let response = Response::builder().status(status);
        Ok(response
            .header("Location", "/elsewhere")
            .body(Full::from(body))
            .expect("the response is valid"))
    };
    match manner {
        Manner::RocketChat => {}
        Manner::Redirects => return plain(302, String::new()),
        Manner::Silent => std::future::pending().await,
        Manner::Elsewhere => return plain(502, "<h1>Bad Gateway</h1>".to_owned()),
        Manner::Repeats => {
            let sent = header("x-auth-token").unwrap_or_default();
            let error = format!("<b>unknown token {sent}</b>");
            return json_answer(400, &json!({ "success": false, "error": error }));
        }
        Manner::Endless => return plain(200, " ".repeat(1_000_000)),
    }
    let is_endpoint = head.uri.path() == "/api/v1/licenses.add" && head.method == Method::POST;
    if !is_endpoint {
        return json_answer(
            404,
            &json!({ "success": false, "error": "Invalid API endpoint" }),
        );
    }
    let login = (
        header("x-user-id").unwrap_or_default(),
        header("x-auth-token").unwrap_or_default(),
    );
    if login != ADMINISTRATOR && login != SOMEBODY {
        let message = "You must be logged in to do this.";
        return json_answer(401, &json!({ "status": "error", "message": message }));
    }
    if login == SOMEBODY {
        let error =
            "User does not have the permissions required for this action [error-unauthorized]";
        return json_answer(403, &json!({ "success": false, "error": error }));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_json = header("content-type") == Some("application/json");
    match body["license"].as_str().filter(|_| is_json) {
        None => json_answer(400, &json!({ "success": false, "error": "Match error" })),
        Some(license) if license.starts_with("RCV3_") => {
            let mut taken = taken.lock().expect("no thread panicked");
            taken.push(license.to_owned());
            json_answer(200, &json!({ "success": true }))
        }
        Some(_) => json_answer(
            400,
            &json!({ "success": false, "error": "Invalid license" }),
        ),
    }
}

fn json_answer(status: u16, body: &Value) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .body(Full::from(body.to_string()))
        .expect("the response is valid"))
}

//! A stand-in for Rocket.Chat's endpoints `licenses.add` and `licenses.validate`, after their source, and servers that behave differently.

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
use tokio_rustls::TlsAcceptor;

use super::listen;
use super::tls::Identity;

/// User ID and token of an administrator.
pub const ADMINISTRATOR: (&str, &str) = ("theAdministratorsId", "the-token-of-the-administrator");

/// User ID and token of a user without the permission `edit-privileged-setting`.
pub const REGULAR_USER: (&str, &str) = ("regularUserId", "the-token-of-a-regular-user");

/// How the server responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Like Rocket.Chat: it accepts licenses of version 3 only.
    RocketChat,
    /// Like Rocket.Chat, when every license breaks rules.
    Invalidates,
    /// Like Rocket.Chat during its start, when it cannot validate licenses yet.
    NotReady,
    /// Redirects every request.
    Redirects,
    /// Never responds.
    Silent,
    /// Like a proxy whose server is unreachable.
    BadGateway,
    /// Repeats the token of the request in an error.
    EchoesToken,
    /// Responds with a very long body.
    Endless,
}

/// A server on a port of this machine.
pub struct RocketChat {
    port: u16,
    accepted: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RocketChat {
    pub async fn start(behavior: Behavior) -> Self {
        Self::serve(behavior, None).await
    }

    pub async fn encrypted(identity: &Identity) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(identity.server_config()));
        Self::serve(Behavior::RocketChat, Some(acceptor)).await
    }

    async fn serve(behavior: Behavior, encryption: Option<TlsAcceptor>) -> Self {
        let (listener, address) = listen().await;
        let (accepted, requests) = (Arc::default(), Arc::default());
        let server = Self {
            port: address.port(),
            accepted: Arc::clone(&accepted),
            requests: Arc::clone(&requests),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (accepted, requests) = (Arc::clone(&accepted), Arc::clone(&requests));
                let encryption = encryption.clone();
                tokio::spawn(async move {
                    match encryption {
                        None => serve_connection(stream, behavior, accepted, requests).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve_connection(stream, behavior, accepted, requests).await;
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

    /// The flags of an exporter that applies licenses to this server.
    pub fn flags(&self) -> [String; 2] {
        [
            format!("--rocketchat.url=http://127.0.0.1:{}", self.port),
            "--web.enable-admin-api".to_owned(),
        ]
    }

    /// The licenses that were accepted.
    pub fn accepted(&self) -> Vec<String> {
        self.accepted.lock().expect("no thread panicked").clone()
    }

    /// Method and path of every request.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no thread panicked").clone()
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    behavior: Behavior,
    accepted: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let service = service_fn(|request| respond(request, behavior, &accepted, &requests));
    // The client may disconnect at any time.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn respond(
    request: Request<Incoming>,
    behavior: Behavior,
    accepted: &Mutex<Vec<String>>,
    requests: &Mutex<Vec<String>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if ["/api/info", "/websocket"].contains(&head.uri.path()) {
        // The exporter's probe, which these servers have nothing to do with.
        return json_response(404, &json!({ "success": false }));
    }
    let line = format!("{} {}", head.method, head.uri);
    requests.lock().expect("no thread panicked").push(line);
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let plain = |status: u16, body: String| {
        let response = Response::builder().status(status);
        Ok(response
            .header("Location", "/elsewhere")
            .body(Full::from(body))
            .expect("the response is valid"))
    };
    match behavior {
        Behavior::RocketChat | Behavior::Invalidates | Behavior::NotReady => {}
        Behavior::Redirects => return plain(302, String::new()),
        Behavior::Silent => std::future::pending().await,
        Behavior::BadGateway => return plain(502, "<h1>Bad Gateway</h1>".to_owned()),
        Behavior::EchoesToken => {
            let sent = header("x-auth-token").unwrap_or_default();
            let error = format!("<b>unknown token {sent}</b>");
            return json_response(400, &json!({ "success": false, "error": error }));
        }
        Behavior::Endless => return plain(200, " ".repeat(1_000_000)),
    }
    let validates = head.uri.path() == "/api/v1/licenses.validate";
    let is_endpoint = validates || head.uri.path() == "/api/v1/licenses.add";
    if !is_endpoint || head.method != Method::POST {
        return json_response(
            404,
            &json!({ "success": false, "error": "Invalid API endpoint" }),
        );
    }
    let login = (
        header("x-user-id").unwrap_or_default(),
        header("x-auth-token").unwrap_or_default(),
    );
    if login != ADMINISTRATOR && login != REGULAR_USER {
        let message = "You must be logged in to do this.";
        return json_response(401, &json!({ "status": "error", "message": message }));
    }
    if login == REGULAR_USER {
        let error =
            "User does not have the permissions required for this action [error-unauthorized]";
        return json_response(403, &json!({ "success": false, "error": error }));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_json = header("content-type") == Some("application/json");
    match body["license"].as_str().filter(|_| is_json) {
        None => json_response(400, &json!({ "success": false, "error": "Match error" })),
        Some(license) if validates => validate(license, behavior),
        Some(license) if license.starts_with("RCV3_") => {
            let mut accepted = accepted.lock().expect("no thread panicked");
            accepted.push(license.to_owned());
            json_response(200, &json!({ "success": true }))
        }
        Some(_) => json_response(
            400,
            &json!({ "success": false, "error": "Invalid license" }),
        ),
    }
}

/// The response of `licenses.validate`.
fn validate(license: &str, behavior: Behavior) -> Result<Response<Full<Bytes>>, Infallible> {
    let invalid = |reasons: Value| {
        let body = json!({ "success": false, "error": "license-invalid", "reasons": reasons });
        json_response(400, &body)
    };
    match behavior {
        Behavior::Invalidates => invalid(json!([
            { "behavior": "invalidate_license", "reason": "url" },
            { "behavior": "prevent_installation", "reason": "period" },
            {
                "behavior": "disable_modules",
                "reason": "limit",
                "limit": "activeUsers",
                "modules": ["auditing", "<img src=x>"],
            },
        ])),
        Behavior::NotReady => {
            let error = "License not ready for validation";
            json_response(400, &json!({ "success": false, "error": error }))
        }
        _ if license.starts_with("RCV3_") => json_response(200, &json!({ "success": true })),
        _ => invalid(json!([])),
    }
}

fn json_response(status: u16, body: &Value) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .body(Full::from(body.to_string()))
        .expect("the response is valid"))
}

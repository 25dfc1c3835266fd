//! A server that answers `GET /api/info` and the websocket of DDP as Rocket.Chat does, and servers that misbehave.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::workspace::Account;

/// How `GET /api/info` is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfoBehavior {
    /// As Rocket.Chat does.
    RocketChat,
    /// Never.
    Silent,
    /// With a redirect to a URL.
    Redirects(String),
    /// With a status, and a page of a proxy.
    Status(u16),
    /// With bytes that are no JSON.
    Garbage,
    /// With a body that does not end.
    Endless,
    /// With 401 where there is a login that it does not know, and else as Rocket.Chat does.
    RefusesUnknownLogins,
    /// With the token of the request in every text.
    EchoesToken,
}

/// How the websocket behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebsocketBehavior {
    /// As that of Rocket.Chat.
    RocketChat,
    /// It opens and says nothing.
    Silent,
    /// It opens and is closed.
    Closes,
    /// It opens, and the connection is cut.
    Cut,
    /// It is no websocket: 200 instead of 101.
    Page,
    /// It redirects to a URL.
    Redirects(String),
    /// It opens and sends a message that is too large.
    Large,
    /// It opens and speaks another protocol.
    Garbage,
    /// It opens and supports no version of DDP.
    Fails,
}

/// What the server is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The path of `ROOT_URL`; empty at the root.
    pub root: String,
    /// The full version.
    pub version: String,
    /// Who sees the build.
    pub admin: Option<Account>,
    /// How `GET /api/info` is answered.
    pub info: InfoBehavior,
    /// How the websocket behaves.
    pub websocket: WebsocketBehavior,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: String::new(),
            version: "9.0.0".to_owned(),
            admin: None,
            info: InfoBehavior::RocketChat,
            websocket: WebsocketBehavior::RocketChat,
        }
    }
}

/// A request that the server received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The path.
    pub path: String,
    /// User ID and token, as they were sent.
    pub login: Option<Account>,
}

/// A server for one connection or many.
#[derive(Debug, Clone)]
pub struct RocketChat {
    settings: Arc<Mutex<Settings>>,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
}

/// A [`RocketChat`] that listens. Dropping it ends all connections.
#[derive(Debug)]
pub struct RocketChatServer {
    /// The server.
    pub rocketchat: RocketChat,
    address: SocketAddr,
    _connections: JoinSet<()>,
}

impl RocketChatServer {
    /// Listens on a free port of this machine.
    pub async fn start(settings: Settings) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("no port is free")?;
        let address = listener.local_addr().context("cannot learn the port")?;
        let rocketchat = RocketChat::new(settings);
        let serving = rocketchat.clone();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while open.try_join_next().is_some() {}
                let serving = serving.clone();
                open.spawn(async move { serving.serve_connection(stream).await });
            }
        });
        Ok(Self {
            rocketchat,
            address,
            _connections: connections,
        })
    }

    /// Its URL, with the path of `ROOT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.rocketchat.settings().root)
    }
}

impl RocketChat {
    /// A server with settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(Mutex::new(settings)),
            requests: Arc::default(),
        }
    }

    fn settings(&self) -> Settings {
        let settings = self.settings.lock();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings of a running server.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        let settings = self.settings.lock();
        change(&mut settings.unwrap_or_else(PoisonError::into_inner));
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves a connection until it ends.
    pub async fn serve_connection(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) {
        let service = service_fn(async |request| Ok::<_, Infallible>(self.respond(request).await));
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // The client may disconnect at any time.
        connection.await.ok();
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let settings = self.settings();
        let login = login(&request);
        let path = request.uri().path().to_owned();
        let requests = self.requests.lock();
        requests
            .unwrap_or_else(PoisonError::into_inner)
            .push(ReceivedRequest {
                path: path.clone(),
                login: login.clone(),
            });
        match path.strip_prefix(&settings.root) {
            Some("/api/info") => info(&settings, login.as_ref()).await,
            Some("/websocket") => websocket(&settings, request),
            _ => page(StatusCode::NOT_FOUND),
        }
    }
}

fn login(request: &Request<Incoming>) -> Option<Account> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    Some(Account {
        user_id: header("x-user-id")?.to_owned(),
        token: header("x-auth-token")?.to_owned(),
    })
}

async fn info(settings: &Settings, login: Option<&Account>) -> Response<Full<Bytes>> {
    let is_admin = login.is_some() && login == settings.admin.as_ref();
    match &settings.info {
        InfoBehavior::Silent => std::future::pending().await,
        InfoBehavior::Redirects(url) => return redirect(url),
        InfoBehavior::Status(status) => {
            return page(StatusCode::from_u16(*status).unwrap_or_default());
        }
        InfoBehavior::Garbage => return respond(StatusCode::OK, "\u{fffd}{]\0"),
        InfoBehavior::Endless => return respond(StatusCode::OK, " ".repeat(2 << 20)),
        InfoBehavior::RefusesUnknownLogins if login.is_some() && !is_admin => {
            return page(StatusCode::UNAUTHORIZED);
        }
        InfoBehavior::RocketChat | InfoBehavior::RefusesUnknownLogins => {}
        InfoBehavior::EchoesToken => {
            let token = login.map_or("none", |login| &login.token);
            let text = json!(token);
            let commit = json!({ "hash": text, "author": text, "subject": text, "branch": text });
            let info = json!({ "version": settings.version, "commit": commit });
            let body = json!({ "version": settings.version, "info": info, "success": true });
            return respond(StatusCode::OK, body.to_string());
        }
    }
    let version = &settings.version;
    let mut body = json!({
        "version": major_and_minor(version),
        "minimumClientVersions": { "desktop": "3.9.6", "mobile": "4.39.0" },
        "success": true,
    });
    if is_admin {
        body["version"] = json!(version);
        body["info"] = build(version);
    }
    respond(StatusCode::OK, body.to_string())
}

/// The version without its patch number.
fn major_and_minor(version: &str) -> &str {
    let end = version.match_indices('.').nth(1);
    end.map_or(version, |(end, _)| &version[..end])
}

/// The build of a release, in the form of Rocket.Chat's.
fn build(version: &str) -> Value {
    json!({
        "version": version,
        "build": {
            "date": "2026-11-10T14:31:52.000Z",
            "nodeVersion": "v22.22.3",
            "arch": "x64",
            "platform": "linux",
            "osRelease": "6.8.0-1031-azure",
            "totalMemory": 16_766_414_848_u64,
            "freeMemory": 5_312_049_152_u64,
            "cpus": 4,
        },
        "commit": {
            "hash": "5f3a0c1de7b94826a1c4d2e09b7f6853c1a2d4e8",
            "date": "Tue Nov 10 11:02:17 2026 -0300",
            "author": "Release Bot",
            "subject": format!("Release {version}"),
            "tag": version,
            "branch": "HEAD",
        },
        "marketplaceApiVersion": "1.63.0",
    })
}

/// Answers a request for a websocket, and speaks DDP on it.
fn websocket(settings: &Settings, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    match &settings.websocket {
        WebsocketBehavior::Page => return page(StatusCode::OK),
        WebsocketBehavior::Redirects(url) => return redirect(url),
        _ => {}
    }
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return page(StatusCode::BAD_REQUEST);
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    let behavior = settings.websocket.clone();
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let stream = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            // The client may disconnect at any time.
            converse(socket, behavior).await.ok();
        }
    });
    let mut response = respond(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// The messages of a connection.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
    behavior: WebsocketBehavior,
) -> Result<()> {
    match behavior {
        WebsocketBehavior::Closes => return Ok(socket.close(None).await?),
        WebsocketBehavior::Cut => return Ok(()),
        WebsocketBehavior::Large => {
            let message = Message::text(" ".repeat(1 << 20));
            return Ok(socket.send(message).await?);
        }
        WebsocketBehavior::Garbage => {
            for _ in 0..100 {
                socket.send(Message::text("hello")).await?;
            }
        }
        WebsocketBehavior::Silent => std::future::pending().await,
        _ => socket.send(Message::text(r#"{"server_id":"0"}"#)).await?,
    }
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let message: Value = serde_json::from_str(&text)?;
        let supports = message["version"] == "1" && behavior != WebsocketBehavior::Fails;
        let answer = match message["msg"].as_str() {
            Some("connect") if supports => {
                json!({ "msg": "connected", "session": "wJdXq8mSPbYk3aNfT" })
            }
            Some("connect") => json!({ "msg": "failed", "version": "1" }),
            Some("ping") => json!({ "msg": "pong" }),
            _ => continue,
        };
        socket.send(Message::text(answer.to_string())).await?;
    }
    Ok(())
}

fn page(status: StatusCode) -> Response<Full<Bytes>> {
    respond(status, format!("<h1>{status}</h1>"))
}

fn redirect(url: &str) -> Response<Full<Bytes>> {
    let mut response = respond(StatusCode::FOUND, "");
    if let Ok(url) = url.parse::<Uri>().map(|url| url.to_string())
        && let Ok(value) = HeaderValue::from_str(&url)
    {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn respond(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.into()));
    *response.status_mut() = status;
    response
}

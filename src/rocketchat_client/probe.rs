//! Whether people can connect to Rocket.Chat: `GET /api/info`, and a websocket on which it answers DDP's `connect`.
//!
//! Each check has a connection of its own, a time limit, and a limit of what is read. Redirects are failures: what people open
//! is the URL where they end.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::http::HeaderMap;
use hyper::{Method, StatusCode, header};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::connector::{ConnectError, Connection, Connector, with_causes};
use super::exchange::{self, OpenResponse, USER_AGENT};
use super::login::AdminLogin;
use super::redaction::redacted;
use super::url::RocketChatUrl;
use crate::catalogue::{CheckFailure, CheckOutcome, ProbeFailure, ServerBuild, Timestamp, Version};

/// Time limit of each check, from name resolution to the last byte.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server may take to read that the websocket is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The longest body of `/api/info`. It contains a signed list of supported versions.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The longest message on the websocket.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Messages before the answer to `connect`; servers send one, with their ID.
const MAX_MESSAGES: usize = 8;

/// The first message of a client of DDP.
const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1","pre2","pre1"]}"#;

/// The longest text of a response that is kept.
const MAX_TEXT_CHARS: usize = 200;

/// What a probe found.
#[derive(Debug, Default)]
pub struct ProbeReport {
    /// `GET /api/info`.
    pub info: CheckOutcome,
    /// The websocket.
    pub websocket: CheckOutcome,
    /// When the first of the server's certificates expires.
    pub certificate_expiry: Option<Timestamp>,
    /// What `/api/info` says, if that check succeeded.
    pub server: Option<ServerInfo>,
}

/// The content of `/api/info`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// The version; without its patch number from 4.0 on, unless the login may see it.
    pub version: String,
    /// The build; `None` unless the login may see it.
    pub build: Option<ServerBuild>,
}

/// Probes a server; both checks run at once.
pub async fn probe(url: &RocketChatUrl, login: Option<&AdminLogin>) -> ProbeReport {
    let connector = match Connector::new(url).await {
        Ok(connector) => connector,
        Err(error) => {
            let failed = || CheckOutcome {
                failure: Some(not_connected(url, &error)),
                ..CheckOutcome::default()
            };
            return ProbeReport {
                info: failed(),
                websocket: failed(),
                ..ProbeReport::default()
            };
        }
    };
    let ((info, server), (websocket, _)) = tokio::join!(
        check(url, async |status| info(&connector, url, login, status)
            .await),
        check(url, async |status| websocket(&connector, url, status).await),
    );
    ProbeReport {
        info,
        websocket,
        certificate_expiry: connector.certificate_expiry(),
        server,
    }
}

/// Runs a check with a time limit.
async fn check<T>(
    url: &RocketChatUrl,
    run: impl AsyncFnOnce(&mut Option<u16>) -> Result<T, CheckFailure>,
) -> (CheckOutcome, Option<T>) {
    let begun = Instant::now();
    let mut status = None;
    let result = timeout(CHECK_TIMEOUT, run(&mut status)).await;
    let duration = begun.elapsed();
    let result = result.unwrap_or_else(|_| {
        let seconds = CHECK_TIMEOUT.as_secs();
        let message = format!("{url} did not answer within {seconds} s");
        Err(CheckFailure::new(ProbeFailure::TimedOut, message))
    });
    let (failure, found) = match result {
        Ok(found) => (None, Some(found)),
        Err(failure) => (Some(failure), None),
    };
    let outcome = CheckOutcome {
        duration,
        status,
        failure,
    };
    (outcome, found)
}

/// `GET /api/info`, without the login if the server refuses it.
async fn info(
    connector: &Connector,
    url: &RocketChatUrl,
    login: Option<&AdminLogin>,
    status: &mut Option<u16>,
) -> Result<ServerInfo, CheckFailure> {
    let answer = info_as(connector, url, login, status).await;
    let is_refused = matches!(*status, Some(401 | 403)) && login.is_some();
    if is_refused {
        return info_as(connector, url, None, status).await;
    }
    answer
}

async fn info_as(
    connector: &Connector,
    url: &RocketChatUrl,
    login: Option<&AdminLogin>,
    status: &mut Option<u16>,
) -> Result<ServerInfo, CheckFailure> {
    let connection = connect(connector, url).await?;
    let broken = |error: hyper::Error| {
        let kind = if error.is_parse() {
            ProbeFailure::InvalidResponse
        } else {
            ProbeFailure::Closed
        };
        let reason = with_causes(&error);
        CheckFailure::new(
            kind,
            format!("{url} did not answer GET /api/info: {reason}"),
        )
    };
    let request = exchange::request(Method::GET, url, "/api/info", login);
    let request = request
        .body(Full::<Bytes>::default())
        .map_err(|error| CheckFailure::new(ProbeFailure::InvalidResponse, error.to_string()))?;
    let OpenResponse {
        response,
        driver: _driver,
    } = exchange::send(connection, request).await.map_err(broken)?;
    *status = Some(response.status().as_u16());
    if response.status() != StatusCode::OK {
        let expected = StatusCode::OK;
        return Err(wrong_status(
            url,
            "GET /api/info",
            &response,
            expected,
            login,
        ));
    }
    let body = Limited::new(response.into_body(), MAX_BODY_BYTES);
    let body = body.collect().await.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            too_large(url, "GET /api/info", MAX_BODY_BYTES)
        } else {
            match error.downcast::<hyper::Error>() {
                Ok(error) => broken(*error),
                Err(error) => CheckFailure::new(ProbeFailure::Closed, error.to_string()),
            }
        }
    })?;
    parse(&body.to_bytes(), login).ok_or_else(|| {
        let message = format!(
            "{url} answered GET /api/info, but not as Rocket.Chat does; check --rocketchat.url"
        );
        CheckFailure::new(ProbeFailure::InvalidResponse, message)
    })
}

/// The content of `/api/info`; `None` if it is not Rocket.Chat's.
pub fn parse(body: &[u8], login: Option<&AdminLogin>) -> Option<ServerInfo> {
    let body: Value = serde_json::from_slice(body).ok()?;
    if body["success"] != true {
        return None;
    }
    let info = &body["info"];
    // Up to 6.4 the version is nowhere else in a response to an administrator.
    let version = body["version"].as_str().or(info["version"].as_str())?;
    version.parse::<Version>().ok()?;
    let text = |value: &Value| value.as_str().map(|text| shown(text, login));
    let build = info.is_object().then(|| {
        let commit = &info["commit"];
        ServerBuild {
            hash: text(&commit["hash"]),
            date: text(&commit["date"]),
            author: text(&commit["author"]),
            subject: text(&commit["subject"]),
            tag: text(&commit["tag"]),
            branch: text(&commit["branch"]),
            built_at: text(&info["build"]["date"]),
            node_version: text(&info["build"]["nodeVersion"]),
            apps_engine: text(&info["marketplaceApiVersion"]),
        }
    });
    Some(ServerInfo {
        version: shown(version, login),
        build,
    })
}

/// Opens a websocket, and waits until the server answers DDP's `connect`.
async fn websocket(
    connector: &Connector,
    url: &RocketChatUrl,
    status: &mut Option<u16>,
) -> Result<(), CheckFailure> {
    let connection = connect(connector, url).await?;
    let mut socket = open(connection, url, status).await?;
    let closed = || {
        let message = format!("{url} closed the websocket before it answered connect");
        CheckFailure::new(ProbeFailure::Closed, message)
    };
    let sent = socket.send(Message::text(CONNECT)).await;
    sent.map_err(|error| broken_websocket(url, &error))?;
    for _ in 0..MAX_MESSAGES {
        let message = socket.next().await.ok_or_else(closed)?;
        let message = message.map_err(|error| broken_websocket(url, &error))?;
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Close(_) => return Err(closed()),
            _ => continue,
        };
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["msg"].as_str() {
            Some("connected") => {
                timeout(CLOSE_TIMEOUT, socket.close(None)).await.ok();
                return Ok(());
            }
            Some("failed") => break,
            // The server's ID, which has no `msg`.
            _ => {}
        }
    }
    let message = format!("{url} did not answer connect on the websocket as Rocket.Chat does");
    Err(CheckFailure::new(ProbeFailure::InvalidResponse, message))
}

/// Opens a websocket on a connection.
async fn open(
    connection: Connection,
    url: &RocketChatUrl,
    status: &mut Option<u16>,
) -> Result<WebSocketStream<Connection>, CheckFailure> {
    let scheme = if url.is_encrypted() { "wss" } else { "ws" };
    let (authority, path) = (url.authority(), url.path_of("/websocket"));
    let request = format!("{scheme}://{authority}{path}").into_client_request();
    let mut request = request.map_err(|error| broken_websocket(url, &error))?;
    let agent = header::HeaderValue::from_static(USER_AGENT);
    request.headers_mut().insert(header::USER_AGENT, agent);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .read_buffer_size(4096);
    match client_async_with_config(request, connection, Some(config)).await {
        Ok((socket, response)) => {
            *status = Some(response.status().as_u16());
            Ok(socket)
        }
        Err(WebSocketError::Http(response)) => {
            *status = Some(response.status().as_u16());
            let expected = StatusCode::SWITCHING_PROTOCOLS;
            Err(wrong_status(
                url,
                "the websocket",
                &response,
                expected,
                None,
            ))
        }
        Err(error) => Err(broken_websocket(url, &error)),
    }
}

async fn connect(connector: &Connector, url: &RocketChatUrl) -> Result<Connection, CheckFailure> {
    let connection = connector.connect(url).await;
    connection.map_err(|error| not_connected(url, &error))
}

fn not_connected(url: &RocketChatUrl, error: &ConnectError) -> CheckFailure {
    let message = format!("cannot connect to {url}: {}", error.reason);
    CheckFailure::new(error.kind, message)
}

fn wrong_status<B>(
    url: &RocketChatUrl,
    request: &str,
    response: &hyper::Response<B>,
    expected: StatusCode,
    login: Option<&AdminLogin>,
) -> CheckFailure {
    let status = response.status();
    if status.is_redirection() {
        let target = location(response.headers(), login);
        let message = format!(
            "{url} redirects {request} (status {}){target}, and redirects are not followed; set --rocketchat.url to the URL where they end",
            status.as_u16()
        );
        return CheckFailure::new(ProbeFailure::Redirected, message);
    }
    let message = format!(
        "{url} answered {request} with status {}; expected {}",
        status.as_u16(),
        expected.as_u16()
    );
    CheckFailure::new(ProbeFailure::HttpStatus, message)
}

/// Where a response redirects to, for a message.
fn location(headers: &HeaderMap, login: Option<&AdminLogin>) -> String {
    let location = headers.get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    location.map_or_else(String::new, |location| {
        format!(" to `{}`", shown(location, login))
    })
}

fn too_large(url: &RocketChatUrl, request: &str, limit: usize) -> CheckFailure {
    let message = format!(
        "{url} answered {request} with more than {} KiB",
        limit / 1024
    );
    CheckFailure::new(ProbeFailure::TooLarge, message)
}

fn broken_websocket(url: &RocketChatUrl, error: &WebSocketError) -> CheckFailure {
    use tokio_tungstenite::tungstenite::error::ProtocolError;

    let kind = match error {
        WebSocketError::Capacity(CapacityError::MessageTooLong { .. }) => {
            return too_large(url, "the websocket", MAX_MESSAGE_BYTES);
        }
        WebSocketError::ConnectionClosed
        | WebSocketError::AlreadyClosed
        | WebSocketError::Io(_)
        | WebSocketError::Protocol(
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete,
        ) => ProbeFailure::Closed,
        _ => ProbeFailure::InvalidResponse,
    };
    let reason = with_causes(error);
    CheckFailure::new(kind, format!("the websocket of {url} failed: {reason}"))
}

/// A text of the server without the login, which it may repeat, and not longer than is kept.
fn shown(text: &str, login: Option<&AdminLogin>) -> String {
    let text = match login {
        Some(login) => redacted(text.to_owned(), [login.token(), login.user_id()]),
        None => text.to_owned(),
    };
    let end = text.char_indices().nth(MAX_TEXT_CHARS);
    end.map_or_else(|| text.clone(), |(end, _)| text[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(body: &Value) -> Option<ServerInfo> {
        let login = AdminLogin::new("theUserId", "theToken").ok();
        parse(body.to_string().as_bytes(), login.as_ref())
    }

    #[test]
    fn version_is_at_the_top_or_in_the_details() {
        for (body, version) in [
            (json!({ "version": "8.3", "success": true }), "8.3"),
            (json!({ "version": "3.4.0", "success": true }), "3.4.0"),
            (
                json!({ "info": { "version": "6.2.1" }, "success": true }),
                "6.2.1",
            ),
            (
                json!({ "version": "8.6.1", "info": { "version": "8.6.1" }, "success": true }),
                "8.6.1",
            ),
        ] {
            assert_eq!(
                parsed(&body).map(|info| info.version).as_deref(),
                Some(version)
            );
        }
        for other in [
            json!({}),
            json!([]),
            json!({ "version": "8.3" }),
            json!({ "version": "latest", "success": true }),
            json!({ "version": 8, "success": true }),
            json!({ "version": "8.3", "success": false }),
        ] {
            assert_eq!(parsed(&other), None, "{other}");
        }
    }

    #[test]
    fn details_are_kept_without_the_login() {
        let subject = format!("theToken and {}", "x".repeat(1000));
        let body = json!({
            "version": "8.6.1",
            "info": {
                "version": "8.6.1",
                "build": { "date": "2026-07-01T10:00:00.000Z", "nodeVersion": "v22.22.3", "cpus": 4 },
                "commit": { "hash": "abc", "author": "theUserId", "subject": subject, "tag": 7 },
                "marketplaceApiVersion": "1.63.0",
            },
            "success": true,
        });
        let build = parsed(&body).and_then(|info| info.build);
        let build = build.expect("there are details");
        assert_eq!(build.hash.as_deref(), Some("abc"));
        assert_eq!(build.author.as_deref(), Some("…"));
        assert_eq!(build.tag, None);
        assert_eq!(build.node_version.as_deref(), Some("v22.22.3"));
        let subject = build.subject.expect("there is a subject");
        assert!(subject.starts_with("… and x"), "{subject}");
        assert_eq!(subject.chars().count(), MAX_TEXT_CHARS);
    }
}

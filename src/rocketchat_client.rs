//! A client of Rocket.Chat's REST API, which applies a license and nothing else.
//!
//! An administrator enters a login for each request; it is never stored. Redirects are not followed: the login is for the
//! configured URL only.

use std::cmp::Reverse;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;

/// Time limit of a request, from name resolution to the end of the response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest response that is read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The longest error message of Rocket.Chat that is shown.
const MAX_REASON_CHARS: usize = 500;

/// The URL of Rocket.Chat: `http` or `https`, a host, and a path where Rocket.Chat is not at the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RocketChatUrl(String);

/// Why a text is not such a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidRocketChatUrl {
    /// It is not an absolute URL with the scheme `http` or `https`.
    #[error("expected an address such as https://chat.example.com, with http or https")]
    NotHttp,
    /// It contains a user name. The message does not repeat it: there may be a password.
    #[error(
        "it must not contain a user name or password; they are entered when a license is applied"
    )]
    HasCredentials,
    /// It has a query or a fragment.
    #[error("it must end with the host or the path, without `?` and `#`")]
    Tail,
}

impl RocketChatUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// When no request can be sent to it.
    pub fn parse(text: &str) -> Result<Self, InvalidRocketChatUrl> {
        let text = text.trim();
        let uri: Uri = text.parse().map_err(|_| InvalidRocketChatUrl::NotHttp)?;
        let authority = uri
            .authority()
            .ok_or(InvalidRocketChatUrl::NotHttp)?
            .as_str();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.is_empty() {
            return Err(InvalidRocketChatUrl::NotHttp);
        }
        if authority.contains('@') {
            return Err(InvalidRocketChatUrl::HasCredentials);
        }
        if text.contains(['?', '#']) {
            return Err(InvalidRocketChatUrl::Tail);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn is_encrypted(&self) -> bool {
        self.0
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    }
}

impl fmt::Display for RocketChatUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The login of an administrator for one request, without surrounding whitespace.
pub struct AdminLogin<'a> {
    user_id: &'a str,
    token: &'a str,
}

impl<'a> AdminLogin<'a> {
    /// A user ID, and a personal access token or login token, as they were entered.
    ///
    /// # Errors
    /// When they cannot be sent as headers.
    pub fn new(user_id: &'a str, token: &'a str) -> Result<Self, LicenseNotApplied> {
        let login = Self {
            user_id: user_id.trim(),
            token: token.trim(),
        };
        let is_sendable = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
        let can_be_sent = is_sendable(login.user_id) && is_sendable(login.token);
        can_be_sent
            .then_some(login)
            .ok_or(LicenseNotApplied::InvalidLogin)
    }

    /// The user ID.
    pub fn user_id(&self) -> &'a str {
        self.user_id
    }

    /// The token.
    pub fn token(&self) -> &'a str {
        self.token
    }
}

/// Why a license was not applied, in sentences for the administrator.
#[derive(Debug, Error)]
pub enum LicenseNotApplied {
    /// Rocket.Chat refused it.
    #[error("Rocket.Chat refused with status {status}: {reason}")]
    Refused {
        /// The status of the response.
        status: u16,
        /// Rocket.Chat's message.
        reason: String,
    },
    /// The response is not one of Rocket.Chat's API.
    #[error(
        "{url} responded with status {status}, but not as Rocket.Chat's API does; check --rocketchat.url."
    )]
    Unexpected {
        /// The status of the response.
        status: u16,
        /// The configured URL.
        url: RocketChatUrl,
    },
    /// The URL redirects.
    #[error(
        "{url} redirects (status {status}), and redirects are not followed; set --rocketchat.url to the URL where they end."
    )]
    Redirected {
        /// The status of the response.
        status: u16,
        /// The configured URL.
        url: RocketChatUrl,
    },
    /// The connection failed.
    #[error("Rocket.Chat cannot be reached at {url}: {reason}.")]
    Unreachable {
        /// The configured URL.
        url: RocketChatUrl,
        /// The error.
        reason: String,
    },
    /// The request timed out.
    #[error(
        "Rocket.Chat did not answer within {} s. It may have accepted the license nevertheless: look at the card License before you try again.",
        TIMEOUT.as_secs()
    )]
    TimedOut,
    /// The login cannot be sent as headers.
    #[error("The user ID or the token is empty or has invalid characters.")]
    InvalidLogin,
    /// Another request is in progress.
    #[error("Another license is being applied at this moment; try again.")]
    Busy,
    /// Too many logins failed before.
    #[error(
        "Too many logins failed recently, so nothing was sent to Rocket.Chat; try again in {seconds} s."
    )]
    TooManyFailures {
        /// The time until the next attempt is allowed.
        seconds: u64,
    },
}

impl LicenseNotApplied {
    /// Whether a wrong login may be the reason.
    pub fn may_be_login(&self) -> bool {
        match self {
            // Rocket.Chat checks the login before the license.
            Self::Refused { status, .. } => *status != StatusCode::BAD_REQUEST.as_u16(),
            Self::Unexpected { .. } | Self::TimedOut => true,
            Self::Redirected { .. }
            | Self::Unreachable { .. }
            | Self::InvalidLogin
            | Self::Busy
            | Self::TooManyFailures { .. } => false,
        }
    }
}

/// The client of one workspace's Rocket.Chat.
#[derive(Debug)]
pub struct RocketChatClient {
    url: RocketChatUrl,
    /// One request at a time: the exporter must not help to guess tokens quickly.
    permit: Semaphore,
}

impl RocketChatClient {
    /// A client of a URL; does not connect yet.
    pub fn new(url: RocketChatUrl) -> Self {
        Self {
            url,
            permit: Semaphore::new(1),
        }
    }

    /// The configured URL.
    pub fn url(&self) -> &RocketChatUrl {
        &self.url
    }

    /// Applies a license by `licenses.add`, which Rocket.Chat has from 3.10 on.
    ///
    /// # Errors
    /// When Rocket.Chat did not confirm it. The error does not contain the login.
    pub async fn add_license(
        &self,
        login: &AdminLogin<'_>,
        license: &str,
    ) -> Result<(), LicenseNotApplied> {
        let _permit = self
            .permit
            .try_acquire()
            .map_err(|_| LicenseNotApplied::Busy)?;
        let request = self.request(login, license)?;
        let exchange = async {
            let response = self.send(request).await?;
            self.read(response).await
        };
        match timeout(TIMEOUT, exchange).await {
            Err(_) => Err(LicenseNotApplied::TimedOut),
            Ok(Err(LicenseNotApplied::Refused { status, reason })) => {
                Err(LicenseNotApplied::Refused {
                    status,
                    // The message may repeat what was sent.
                    reason: shortened(&redacted(reason, login)),
                })
            }
            Ok(outcome) => outcome,
        }
    }

    fn request(
        &self,
        login: &AdminLogin<'_>,
        license: &str,
    ) -> Result<Request<Full<Bytes>>, LicenseNotApplied> {
        let secret = |text: &str| {
            let mut value =
                HeaderValue::from_str(text).map_err(|_| LicenseNotApplied::InvalidLogin)?;
            value.set_sensitive(true);
            Ok(value)
        };
        let body = json!({ "license": license }).to_string();
        let request = Request::post(format!("{}/api/v1/licenses.add", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header("X-User-Id", secret(login.user_id)?)
            .header("X-Auth-Token", secret(login.token)?);
        request
            .body(Full::from(body))
            .map_err(|error| self.unreachable(error.to_string()))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, LicenseNotApplied> {
        let client = |error: ClientError| self.unreachable(with_causes(&error));
        if !self.url.is_encrypted() {
            let plain = Client::builder(TokioExecutor::new()).build_http();
            return once(plain, request).await.map_err(client);
        }
        // The system's certificate authorities are read for each request, so that new ones are effective at once.
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|error| {
                self.unreachable(format!(
                    "cannot read the certificate authorities of the system: {error}"
                ))
            })?;
        let connector = connector.https_only().enable_http1().build();
        let encrypted = Client::builder(TokioExecutor::new()).build(connector);
        once(encrypted, request).await.map_err(client)
    }

    async fn read(&self, response: Response<Incoming>) -> Result<(), LicenseNotApplied> {
        let status = response.status();
        let unexpected = || LicenseNotApplied::Unexpected {
            status: status.as_u16(),
            url: self.url.clone(),
        };
        if status.is_redirection() {
            return Err(LicenseNotApplied::Redirected {
                status: status.as_u16(),
                url: self.url.clone(),
            });
        }
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES);
        let body = body.collect().await.map_err(|_| unexpected())?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).map_err(|_| unexpected())?;
        if status == StatusCode::OK && answer["success"] == true {
            return Ok(());
        }
        // Before 7.0 the response to a wrong login has only `message`.
        let reason = ["error", "message"].map(|key| answer[key].as_str());
        match reason.into_iter().flatten().next() {
            Some(reason) => Err(LicenseNotApplied::Refused {
                status: status.as_u16(),
                reason: reason.to_owned(),
            }),
            None => Err(unexpected()),
        }
    }

    fn unreachable(&self, reason: String) -> LicenseNotApplied {
        LicenseNotApplied::Unreachable {
            url: self.url.clone(),
            reason,
        }
    }
}

/// Sends one request; the connection is closed after it.
async fn once<C>(
    client: Client<C, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    client.request(request).await
}

/// An error with its causes.
fn with_causes(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Removes the login from a text, in any encoding.
fn redacted(mut text: String, login: &AdminLogin<'_>) -> String {
    for secret in [login.token, login.user_id] {
        for spelling in spellings(secret) {
            text = replaced(&text, &spelling);
        }
    }
    text
}

/// The encodings in which a response may repeat a secret, longer ones first.
fn spellings(secret: &str) -> Vec<String> {
    let json = escaped(secret);
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut spellings = vec![
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, UNRESERVED).to_string(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html,
        json.replace('/', "\\/"),
        escaped(&json),
        json,
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        secret.to_owned(),
    ];
    spellings.sort_by_key(|spelling| Reverse(spelling.len()));
    spellings.dedup();
    spellings
}

/// A text escaped as in JSON, without quotation marks.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

/// The characters that JavaScript's `encodeURIComponent` escapes.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Replaces a spelling, ignoring case: hexadecimal digits have both.
fn replaced(text: &str, spelling: &str) -> String {
    let (lower, spelling) = (text.to_ascii_lowercase(), spelling.to_ascii_lowercase());
    let mut left = String::new();
    let mut from = 0;
    for (at, found) in lower.match_indices(&spelling) {
        left.push_str(&text[from..at]);
        left.push('…');
        from = at + found.len();
    }
    left.push_str(&text[from..]);
    left
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_is_redacted_in_any_encoding() {
        let login = AdminLogin::new(" theUser+Id\n", "\ta\"to/ken+<&>\\%=! \n").ok();
        let login = login.expect("the login is valid");
        assert_eq!(login.token(), "a\"to/ken+<&>\\%=!");
        for spelling in [
            "a\"to/ken+<&>\\%=!",
            r#"a\"to/ken+<&>\\%=!"#,
            r#"a\"to\/ken+<&>\\%=!"#,
            r#"a\\\"to/ken+<&>\\\\%=!"#,
            "a%22to%2Fken%2B%3C%26%3E%5C%25%3D%21",
            "a%22to%2fken%2b%3c%26%3e%5c%25%3d!",
            "a&quot;to/ken+&lt;&amp;&gt;\\%=!",
            "YSJ0by9rZW4rPCY+XCU9IQ==",
            "theUser+Id",
            "theUser%2bId",
        ] {
            let text = format!("<{spelling}>, {spelling}.");
            assert_eq!(redacted(text, &login), "<…>, ….", "{spelling}");
        }
        let other = "nothing of it".to_owned();
        assert_eq!(redacted(other.clone(), &login), other);
    }

    #[test]
    fn url_is_http_without_credentials_query_and_fragment() {
        for (text, expected) in [
            ("https://chat.example.com", "https://chat.example.com"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            (" https://example.com/chat/ ", "https://example.com/chat"),
        ] {
            assert_eq!(
                RocketChatUrl::parse(text).map(|url| url.to_string()),
                Ok(expected.to_owned())
            );
        }
        for (text, error) in [
            ("", InvalidRocketChatUrl::NotHttp),
            ("chat.example.com", InvalidRocketChatUrl::NotHttp),
            ("/chat", InvalidRocketChatUrl::NotHttp),
            ("ftp://chat.example.com", InvalidRocketChatUrl::NotHttp),
            ("file:///etc/passwd", InvalidRocketChatUrl::NotHttp),
            ("javascript:alert(1)", InvalidRocketChatUrl::NotHttp),
            ("https://", InvalidRocketChatUrl::NotHttp),
            (
                "https://me:secret@chat.example.com",
                InvalidRocketChatUrl::HasCredentials,
            ),
            ("https://chat.example.com/?x=1", InvalidRocketChatUrl::Tail),
            ("https://chat.example.com/#x", InvalidRocketChatUrl::Tail),
        ] {
            assert_eq!(RocketChatUrl::parse(text), Err(error), "{text}");
        }
    }
}

//! Rocket.Chat itself, over HTTP: its address, and the one thing that is asked of it, which is to take a license.
//!
//! That happens only when an administrator presses a button and types in a login of theirs, which is kept nowhere.
//! No redirect is followed: the login is for the configured address alone.

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

/// How long Rocket.Chat may take, from the name of its host to the end of its answer.
const TIME: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The most characters of a refusal that are told.
const LONGEST_REASON: usize = 500;

/// Where Rocket.Chat is: `http` or `https`, a host, and a path where it does not stand at the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// A text that is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadAddress {
    /// The scheme is another one, or there is none, or it is no address at all.
    #[error("expected an address such as https://chat.example.com, with http or https")]
    NotHttp,
    /// It has a user name in it, which is not repeated: a password may stand beside it.
    #[error("it must hold no user name and no password; whoever applies a license types in theirs")]
    Login,
    /// It has something behind its path.
    #[error("it must end with the host or the path, without `?` and `#`")]
    Tail,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When a request cannot be sent there.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let uri: Uri = text.parse().map_err(|_| BadAddress::NotHttp)?;
        let authority = uri.authority().ok_or(BadAddress::NotHttp)?.as_str();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.is_empty() {
            return Err(BadAddress::NotHttp);
        }
        if authority.contains('@') {
            return Err(BadAddress::Login);
        }
        if text.contains(['?', '#']) {
            return Err(BadAddress::Tail);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn is_encrypted(&self) -> bool {
        self.0
            .get(..6)
            .is_some_and(|it| it.eq_ignore_ascii_case("https:"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The login of an administrator, for one request: as it is sent, without blanks around it.
pub struct Login<'a> {
    user_id: &'a str,
    token: &'a str,
}

impl<'a> Login<'a> {
    /// A user's id, and a personal access token or a login token of theirs, as they were typed in.
    ///
    /// # Errors
    /// When a header cannot hold them.
    pub fn new(user_id: &'a str, token: &'a str) -> Result<Self, NotTaken> {
        let login = Self {
            user_id: user_id.trim(),
            token: token.trim(),
        };
        let is_sendable = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
        let can_be_sent = is_sendable(login.user_id) && is_sendable(login.token);
        can_be_sent.then_some(login).ok_or(NotTaken::Login)
    }

    /// The user's id.
    pub fn user_id(&self) -> &'a str {
        self.user_id
    }

    /// The token.
    pub fn token(&self) -> &'a str {
        self.token
    }
}

/// Why Rocket.Chat did not take a license; in whole sentences, for the person who applies it.
#[derive(Debug, Error)]
pub enum NotTaken {
    /// It said so.
    #[error("Rocket.Chat refused with status {status}: {reason}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its own words.
        reason: String,
    },
    /// Something else than Rocket.Chat's API answered.
    #[error(
        "Status {status} came from {address}, and no answer of Rocket.Chat's API; is --rocketchat.url right?"
    )]
    Strange {
        /// The status of the answer.
        status: u16,
        /// Where it came from.
        address: Address,
    },
    /// The address leads elsewhere.
    #[error(
        "{address} leads elsewhere (status {status}), and redirects are not followed; give --rocketchat.url the address where they end."
    )]
    Redirected {
        /// The status of the answer.
        status: u16,
        /// Where it came from.
        address: Address,
    },
    /// There was no answer.
    #[error("Rocket.Chat cannot be asked at {address}: {reason}.")]
    Unreachable {
        /// Where it should be.
        address: Address,
        /// What went wrong.
        reason: String,
    },
    /// There was no answer in time.
    #[error(
        "Rocket.Chat did not answer within {} s. It may have taken the license all the same: look at the card License before you try again.",
        TIME.as_secs()
    )]
    Silent,
    /// A header cannot hold the login.
    #[error("The user ID or the token is empty, or has characters that neither can have.")]
    Login,
    /// One at a time.
    #[error("Somebody else is applying a license at this moment; try again.")]
    Busy,
    /// Too many logins were refused before.
    #[error(
        "Too many logins were refused of late, so Rocket.Chat was not asked; try again in {seconds} s."
    )]
    TooManyFailures {
        /// After this time one more is tried.
        seconds: u64,
    },
}

impl NotTaken {
    /// Whether it may be because the login is wrong.
    pub fn may_be_for_the_login(&self) -> bool {
        match self {
            // Rocket.Chat looks at the login before it looks at the license.
            Self::Refused { status, .. } => *status != StatusCode::BAD_REQUEST.as_u16(),
            Self::Strange { .. } | Self::Silent => true,
            Self::Redirected { .. }
            | Self::Unreachable { .. }
            | Self::Login
            | Self::Busy
            | Self::TooManyFailures { .. } => false,
        }
    }
}

/// One workspace's Rocket.Chat.
#[derive(Debug)]
pub struct RocketChat {
    address: Address,
    /// One request at a time, so that nobody can try many tokens quickly, hidden behind the exporter's address.
    turn: Semaphore,
}

impl RocketChat {
    /// The one at an address; nothing is asked yet.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            turn: Semaphore::new(1),
        }
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Hands over a license, by `licenses.add`, which Rocket.Chat has from 3.10 on.
    ///
    /// # Errors
    /// When Rocket.Chat did not say that it took it; nothing in the error tells the login.
    pub async fn add_license(&self, login: &Login<'_>, license: &str) -> Result<(), NotTaken> {
        let _turn = self.turn.try_acquire().map_err(|_| NotTaken::Busy)?;
        let request = self.request(login, license)?;
        let asking = async {
            let response = self.send(request).await?;
            self.read(response).await
        };
        match timeout(TIME, asking).await {
            Err(_) => Err(NotTaken::Silent),
            Ok(Err(NotTaken::Refused { status, reason })) => Err(NotTaken::Refused {
                status,
                // Whatever answers may repeat what it was sent.
                reason: shortened(&redacted(reason, login)),
            }),
            Ok(outcome) => outcome,
        }
    }

    fn request(&self, login: &Login<'_>, license: &str) -> Result<Request<Full<Bytes>>, NotTaken> {
        let secret = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| NotTaken::Login)?;
            value.set_sensitive(true);
            Ok(value)
        };
        let body = json!({ "license": license }).to_string();
        let request = Request::post(format!("{}/api/v1/licenses.add", self.address))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header("X-User-Id", secret(login.user_id)?)
            .header("X-Auth-Token", secret(login.token)?);
        request
            .body(Full::from(body))
            .map_err(|error| self.unreachable(error.to_string()))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, NotTaken> {
        let client = |error: ClientError| self.unreachable(whole(&error));
        if !self.address.is_encrypted() {
            let plain = Client::builder(TokioExecutor::new()).build_http();
            return once(plain, request).await.map_err(client);
        }
        // The machine's authorities are read each time, so that renewed ones count at once.
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|error| {
                self.unreachable(format!(
                    "the certificate authorities of this machine: {error}"
                ))
            })?;
        let connector = connector.https_only().enable_http1().build();
        let encrypted = Client::builder(TokioExecutor::new()).build(connector);
        once(encrypted, request).await.map_err(client)
    }

    async fn read(&self, response: Response<Incoming>) -> Result<(), NotTaken> {
        let status = response.status();
        let strange = || NotTaken::Strange {
            status: status.as_u16(),
            address: self.address.clone(),
        };
        if status.is_redirection() {
            return Err(NotTaken::Redirected {
                status: status.as_u16(),
                address: self.address.clone(),
            });
        }
        let body = Limited::new(response.into_body(), LONGEST_ANSWER);
        let body = body.collect().await.map_err(|_| strange())?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).map_err(|_| strange())?;
        if status == StatusCode::OK && answer["success"] == true {
            return Ok(());
        }
        // Before 7.0 a wrong login is answered with a message alone.
        let reason = ["error", "message"].map(|it| answer[it].as_str());
        match reason.into_iter().flatten().next() {
            Some(reason) => Err(NotTaken::Refused {
                status: status.as_u16(),
                reason: reason.to_owned(),
            }),
            None => Err(strange()),
        }
    }

    fn unreachable(&self, reason: String) -> NotTaken {
        NotTaken::Unreachable {
            address: self.address.clone(),
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

/// An error with all that caused it.
fn whole(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A text without the login, in whichever way it is written there.
fn redacted(mut text: String, login: &Login<'_>) -> String {
    for secret in [login.token, login.user_id] {
        for spelling in spellings(secret) {
            text = replaced(&text, &spelling);
        }
    }
    text
}

/// How something may be written that was sent: longer ones first, which may hold shorter ones.
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

/// A text as it stands in JSON, without the quotation marks around it.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

/// What stands as it is in JavaScript's `encodeURIComponent`.
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

/// Replaces a spelling, in whichever case: hexadecimal digits have both.
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
    text.chars().take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_however_it_is_written() {
        let login = Login::new(" theUser+Id\n", "\ta\"to/ken+<&>\\%=! \n").ok();
        let login = login.expect("headers can hold it");
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
    fn an_address_is_http_and_nothing_more_than_an_address() {
        for (text, expected) in [
            ("https://chat.example.com", "https://chat.example.com"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            (" https://example.com/chat/ ", "https://example.com/chat"),
        ] {
            assert_eq!(
                Address::parse(text).map(|it| it.to_string()),
                Ok(expected.to_owned())
            );
        }
        for (text, error) in [
            ("", BadAddress::NotHttp),
            ("chat.example.com", BadAddress::NotHttp),
            ("/chat", BadAddress::NotHttp),
            ("ftp://chat.example.com", BadAddress::NotHttp),
            ("file:///etc/passwd", BadAddress::NotHttp),
            ("javascript:alert(1)", BadAddress::NotHttp),
            ("https://", BadAddress::NotHttp),
            ("https://me:secret@chat.example.com", BadAddress::Login),
            ("https://chat.example.com/?x=1", BadAddress::Tail),
            ("https://chat.example.com/#x", BadAddress::Tail),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }
}

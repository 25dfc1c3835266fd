//! A client of Rocket.Chat itself: it probes whether people can connect, and validates and applies a license.
//!
//! Redirects are not followed: a login is for the configured URL only. The login with which a license is applied is entered by
//! an administrator for each request and never stored.

pub mod connector;
pub mod exchange;
pub mod login;
pub mod probe;
pub mod redaction;
pub mod token_file;
pub mod url;
pub mod verdict;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use connector::{Connector, with_causes};
use exchange::OpenResponse;
pub use login::{AdminLogin, InvalidLogin};
use redaction::redacted;
pub use url::{InvalidRocketChatUrl, RocketChatUrl};
pub use verdict::{LicenseVerdict, VerdictReason};

use crate::catalogue::Version;

/// Time limit of a request, from name resolution to the end of the response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest response that is read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The longest error message of Rocket.Chat that is shown.
const MAX_REASON_CHARS: usize = 500;

/// What a license is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseRequest {
    /// `licenses.add`, since 3.10.
    Apply,
    /// `licenses.validate`, since 8.7, which changes nothing.
    Validate,
}

impl LicenseRequest {
    /// Whether a version of Rocket.Chat has the endpoint.
    pub fn exists_in(self, version: Version) -> bool {
        version
            >= match self {
                Self::Apply => Version::new(3, 10, 0),
                Self::Validate => Version::new(8, 7, 0),
            }
    }

    /// The path of the endpoint.
    fn path(self) -> &'static str {
        match self {
            Self::Apply => "/api/v1/licenses.add",
            Self::Validate => "/api/v1/licenses.validate",
        }
    }

    /// What a missing response leaves open.
    fn doubt(self) -> &'static str {
        match self {
            Self::Apply => {
                " It may have accepted the license nevertheless: look at the card License before you try again."
            }
            Self::Validate => "",
        }
    }
}

/// Why a license was neither validated nor applied, in sentences for the administrator.
#[derive(Debug, Error)]
pub enum LicenseRequestError {
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
    #[error("Rocket.Chat did not answer within {} s.{}", TIMEOUT.as_secs(), .0.doubt())]
    TimedOut(LicenseRequest),
    /// The login cannot be sent as headers.
    #[error("The user ID or the token is empty or has invalid characters.")]
    InvalidLogin,
    /// Another request is in progress.
    #[error("Another license is being sent to Rocket.Chat at this moment; try again.")]
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

impl LicenseRequestError {
    /// Whether a wrong login may be the reason.
    pub fn may_be_login(&self) -> bool {
        match self {
            // Rocket.Chat checks the login before the license.
            Self::Refused { status, .. } => *status != StatusCode::BAD_REQUEST.as_u16(),
            Self::Unexpected { .. } | Self::TimedOut(_) => true,
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
        login: &AdminLogin,
        license: &str,
    ) -> Result<(), LicenseRequestError> {
        let answer = self.exchange(LicenseRequest::Apply, login, license).await?;
        if answer.is_success() {
            return Ok(());
        }
        Err(self.refusal(&answer, login))
    }

    /// Validates a license by `licenses.validate`, which Rocket.Chat has from 8.7 on and which changes nothing.
    ///
    /// # Errors
    /// When Rocket.Chat gave no verdict. Neither the verdict nor the error contains the login.
    pub async fn validate_license(
        &self,
        login: &AdminLogin,
        license: &str,
    ) -> Result<LicenseVerdict, LicenseRequestError> {
        let answer = self
            .exchange(LicenseRequest::Validate, login, license)
            .await?;
        if answer.is_success() {
            return Ok(LicenseVerdict::Valid);
        }
        let reasons = verdict::reasons(&answer.body, |text| shown(text, login));
        match reasons {
            Some(reasons) if answer.status == StatusCode::BAD_REQUEST => {
                Ok(LicenseVerdict::Invalid(reasons))
            }
            _ => Err(self.refusal(&answer, login)),
        }
    }

    /// Sends a license, and reads the answer.
    async fn exchange(
        &self,
        purpose: LicenseRequest,
        login: &AdminLogin,
        license: &str,
    ) -> Result<Answer, LicenseRequestError> {
        let _permit = self
            .permit
            .try_acquire()
            .map_err(|_| LicenseRequestError::Busy)?;
        let request = self.request(purpose, login, license)?;
        let exchange = async {
            let response = self.send(request).await?;
            self.read(response).await
        };
        let answer = timeout(TIMEOUT, exchange).await;
        answer.unwrap_or(Err(LicenseRequestError::TimedOut(purpose)))
    }

    fn request(
        &self,
        purpose: LicenseRequest,
        login: &AdminLogin,
        license: &str,
    ) -> Result<Request<Full<Bytes>>, LicenseRequestError> {
        let body = json!({ "license": license }).to_string();
        let request = exchange::request(Method::POST, &self.url, purpose.path(), Some(login));
        request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(Full::from(body))
            .map_err(|error| self.unreachable(error.to_string()))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<OpenResponse, LicenseRequestError> {
        let connection = async {
            let connector = Connector::new(&self.url).await?;
            connector.connect(&self.url).await
        };
        let connection = connection
            .await
            .map_err(|error| self.unreachable(error.reason))?;
        exchange::send(connection, request)
            .await
            .map_err(|error| self.unreachable(with_causes(&error)))
    }

    async fn read(&self, opened: OpenResponse) -> Result<Answer, LicenseRequestError> {
        let OpenResponse {
            response,
            driver: _driver,
        } = opened;
        let status = response.status();
        if status.is_redirection() {
            return Err(LicenseRequestError::Redirected {
                status: status.as_u16(),
                url: self.url.clone(),
            });
        }
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES);
        let body = body.collect().await.map_err(|_| self.unexpected(status))?;
        let body = serde_json::from_slice(&body.to_bytes()).map_err(|_| self.unexpected(status))?;
        Ok(Answer { status, body })
    }

    /// The error of an answer that is no success.
    fn refusal(&self, answer: &Answer, login: &AdminLogin) -> LicenseRequestError {
        // Before 7.0 the response to a wrong login has only `message`.
        let reason = ["error", "message"].map(|key| answer.body[key].as_str());
        match reason.into_iter().flatten().next() {
            Some(reason) => LicenseRequestError::Refused {
                status: answer.status.as_u16(),
                reason: shown(reason, login),
            },
            None => self.unexpected(answer.status),
        }
    }

    fn unexpected(&self, status: StatusCode) -> LicenseRequestError {
        LicenseRequestError::Unexpected {
            status: status.as_u16(),
            url: self.url.clone(),
        }
    }

    fn unreachable(&self, reason: String) -> LicenseRequestError {
        LicenseRequestError::Unreachable {
            url: self.url.clone(),
            reason,
        }
    }
}

/// A response of an API: JSON.
struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn is_success(&self) -> bool {
        self.status == StatusCode::OK && self.body["success"] == true
    }
}

/// A text of Rocket.Chat without the login, which it may repeat, and not longer than is shown.
fn shown(text: &str, login: &AdminLogin) -> String {
    let text = redacted(text.to_owned(), [login.token(), login.user_id()]);
    text.chars().take(MAX_REASON_CHARS).collect()
}

//! What a probe of Rocket.Chat itself found: the outcome of each check, and what Rocket.Chat reports about its build.

use std::sync::Arc;
use std::time::Duration;

/// Why a check failed, as the label `reason` and the log say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeFailure {
    /// The name was not resolved, or the connection was refused or broke.
    Unreachable,
    /// There was no complete answer within the time limit.
    TimedOut,
    /// The certificate is not trusted, has expired, or is for another name.
    Certificate,
    /// The TLS handshake failed for another reason.
    Tls,
    /// The server redirects.
    Redirected,
    /// The status of the response is not the expected one.
    HttpStatus,
    /// The response is larger than the limit.
    TooLarge,
    /// The response is not one of Rocket.Chat.
    InvalidResponse,
    /// The connection was closed before the answer.
    Closed,
}

impl ProbeFailure {
    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::Redirected => "redirected",
            Self::HttpStatus => "http_status",
            Self::TooLarge => "too_large",
            Self::InvalidResponse => "invalid_response",
            Self::Closed => "closed",
        }
    }
}

/// A failed check, with the error for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    /// Its kind.
    pub kind: ProbeFailure,
    /// What failed, without secrets.
    pub message: Arc<str>,
}

impl CheckFailure {
    /// A failure with a message.
    pub fn new(kind: ProbeFailure, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// The outcome of a check.
#[derive(Debug, Clone, Default)]
pub struct CheckOutcome {
    /// How long it took.
    pub duration: Duration,
    /// The status of the HTTP response, if there was one.
    pub status: Option<u16>,
    /// `None` if it succeeded.
    pub failure: Option<CheckFailure>,
}

/// The build of a server, as `/api/info` shows it to users with `view-statistics`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerBuild {
    /// Hash of the commit.
    pub hash: Option<String>,
    /// Date of the commit, as git prints it.
    pub date: Option<String>,
    /// Author of the commit.
    pub author: Option<String>,
    /// Subject of the commit.
    pub subject: Option<String>,
    /// The git tag.
    pub tag: Option<String>,
    /// The git branch.
    pub branch: Option<String>,
    /// When the server was built, in ISO 8601.
    pub built_at: Option<String>,
    /// The version of Node.js that built it.
    pub node_version: Option<String>,
    /// The version of the Apps-Engine.
    pub apps_engine: Option<String>,
}

/// Whether the configured token shows the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenStatus {
    /// It does.
    Accepted,
    /// Rocket.Chat does not know the token, or its user lacks `view-statistics`.
    Refused,
    /// It is not known, because `/api/info` failed.
    Untried,
    /// Its file cannot be read, for this reason.
    Unreadable(Arc<str>),
}

//! Why a source could not answer.

use std::sync::Arc;

use mongodb::error::ErrorKind;
use thiserror::Error;

use crate::statistics::FailureKind;

/// A failed reading: its kind for the metrics, and a message for the log.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct SourceError {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What failed, with which value, and what to do.
    pub message: Arc<str>,
    /// Whether no other question would be answered either: there is no server that can be asked, or it lets nobody in.
    pub is_outage: bool,
}

/// Codes of the server's errors: <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>.
mod code {
    pub const UNAUTHORIZED: i32 = 13;
    pub const AUTHENTICATION_FAILED: i32 = 18;
    pub const MAX_TIME_EXPIRED: i32 = 50;
    pub const INTERRUPTED_AT_SHUTDOWN: i32 = 11600;
    pub const SHUTDOWN_IN_PROGRESS: i32 = 91;
}

impl SourceError {
    /// A failure with its message.
    pub fn new(kind: FailureKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            is_outage: matches!(
                kind,
                FailureKind::Unauthenticated | FailureKind::TooOld | FailureKind::NoDatabase
            ),
        }
    }

    /// The same failure, of which it is known that it would be that of every other question.
    #[must_use]
    pub fn of_everything(self) -> Self {
        Self {
            is_outage: true,
            ..self
        }
    }
}

impl From<mongodb::error::Error> for SourceError {
    fn from(error: mongodb::error::Error) -> Self {
        let is_outage = matches!(
            &*error.kind,
            ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. }
        );
        let (kind, message) = match &*error.kind {
            ErrorKind::IncompatibleServer { message, .. } => (
                FailureKind::TooOld,
                format!(
                    "the MongoDB server is older than 4.4, the oldest that this exporter can read: {message}"
                ),
            ),
            ErrorKind::ServerSelection { message, .. } if message.contains("wire version") => (
                FailureKind::TooOld,
                format!(
                    "the MongoDB server is older than 4.4, the oldest that this exporter can read: {message}"
                ),
            ),
            ErrorKind::ServerSelection { message, .. } => (
                FailureKind::Unreachable,
                format!("no MongoDB server answers: {message}"),
            ),
            ErrorKind::Authentication { message, .. } => (
                FailureKind::Unauthenticated,
                format!(
                    "MongoDB refuses the login: {message}; check the user name, the password and authSource"
                ),
            ),
            // A connection whose user was dropped is nobody's any more, and stays so.
            ErrorKind::Command(command)
                if command.code == code::UNAUTHORIZED
                    && command.message.contains("requires authentication") =>
            {
                (
                    FailureKind::Unauthenticated,
                    format!(
                        "MongoDB does not know who asks: {}; name a user in the connection string, and check that the user still exists",
                        command.message
                    ),
                )
            }
            ErrorKind::Command(command) => (
                match command.code {
                    code::UNAUTHORIZED => FailureKind::Unauthorized,
                    code::AUTHENTICATION_FAILED => FailureKind::Unauthenticated,
                    code::MAX_TIME_EXPIRED => FailureKind::TimedOut,
                    code::INTERRUPTED_AT_SHUTDOWN | code::SHUTDOWN_IN_PROGRESS => {
                        FailureKind::Unreachable
                    }
                    _ => FailureKind::Other,
                },
                format!("{} ({})", command.message, command.code_name),
            ),
            ErrorKind::Io(source) => (
                FailureKind::Unreachable,
                format!("the connection to MongoDB broke: {source}"),
            ),
            ErrorKind::ConnectionPoolCleared { message, .. } => (
                FailureKind::Unreachable,
                format!("the connection to MongoDB broke: {message}"),
            ),
            ErrorKind::DnsResolve { message, .. } => (
                FailureKind::Unreachable,
                format!("the name of the MongoDB server cannot be resolved: {message}"),
            ),
            _ => (FailureKind::Other, error.to_string()),
        };
        let error = Self::new(kind, message);
        if is_outage {
            error.of_everything()
        } else {
            error
        }
    }
}

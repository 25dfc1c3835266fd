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
    /// What it tells of other questions.
    pub scope: Scope,
}

/// What a failure tells of other questions to the same database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nothing: it was answered, or its connection broke.
    Question,
    /// No answer came, and the question was given up; whether others get one is not known.
    Silence,
    /// Every other question would fail as well: there is no server that can be asked, or it lets nobody in.
    Everything,
    /// It was not asked, because every question failed that was.
    Unasked,
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
            scope: match kind {
                FailureKind::Unauthenticated | FailureKind::TooOld | FailureKind::NoDatabase => {
                    Scope::Everything
                }
                _ => Scope::Question,
            },
        }
    }

    /// The same failure with another scope.
    #[must_use]
    pub fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

impl From<mongodb::error::Error> for SourceError {
    fn from(error: mongodb::error::Error) -> Self {
        let is_of_everything = matches!(
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
        if is_of_everything {
            error.of(Scope::Everything)
        } else {
            error
        }
    }
}

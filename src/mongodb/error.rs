//! Errors of readings, with messages that say what to do.

mod tls;

use std::io;
use std::sync::Arc;

use mongodb::error::{CommandError, Error, ErrorKind};
use thiserror::Error;

use crate::catalogue::FailureKind;

/// Why a reading failed: the kind for the metrics, and the message for the log.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct SourceError {
    /// The kind.
    pub kind: FailureKind,
    /// What failed, with which value, and what to do.
    pub message: Arc<str>,
    /// What it means for other queries.
    pub scope: FailureScope,
}

/// What a failure means for other queries of the same database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScope {
    /// Nothing: the server replied, or the connection broke.
    Query,
    /// No reply came in time; others may get one.
    NoAnswer,
    /// All others would fail, too: no server can be selected, or the login is refused.
    Database,
    /// The query was not sent, because others had failed.
    NotSent,
}

/// The server's error codes: <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>.
mod code {
    pub const NAMESPACE_NOT_FOUND: i32 = 26;
    pub const COMMAND_NOT_FOUND: i32 = 59;
    pub const COMMAND_NOT_SUPPORTED_ON_VIEW: i32 = 166;
    /// Of `$collStats` up to 4.4, for a collection that is "not found".
    pub const NO_STORAGE_STATS: i32 = 40280;
    pub const UNAUTHORIZED: i32 = 13;
    pub const AUTHENTICATION_FAILED: i32 = 18;
    pub const MAX_TIME_EXPIRED: i32 = 50;
    pub const INTERRUPTED_AT_SHUTDOWN: i32 = 11600;
    pub const SHUTDOWN_IN_PROGRESS: i32 = 91;
    pub const NO_QUERY_EXECUTION_PLANS: i32 = 291;
    /// Of Atlas, when the user or the tier lacks a privilege.
    pub const ATLAS_ERROR: i32 = 8000;
}

/// What follows the cause in the driver's messages: its internal structures.
const END_OF_CAUSE: &str = ", labels: ";

impl SourceError {
    /// A failure whose scope follows from its kind.
    pub fn new(kind: FailureKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            scope: match kind {
                FailureKind::Unauthenticated
                | FailureKind::TooOld
                | FailureKind::Misconfigured
                | FailureKind::NoDatabase => FailureScope::Database,
                _ => FailureScope::Query,
            },
        }
    }

    /// The same failure with another scope.
    #[must_use]
    pub fn of(self, scope: FailureScope) -> Self {
        Self { scope, ..self }
    }

    /// Why a server cannot be reached, as a phrase after its address.
    pub fn of_server(error: &Error) -> Self {
        match &*error.kind {
            ErrorKind::Io(source) => Self::new(FailureKind::Unreachable, broken(source)),
            ErrorKind::DnsResolve { message, .. } => Self::new(
                FailureKind::Unreachable,
                format!("its name cannot be resolved: {message}"),
            ),
            _ => Self::from(error),
        }
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for SourceError {
    /// The error by itself. [`ErrorKind::ServerSelection`] lacks the servers' own errors; the client adds them.
    fn from(error: &Error) -> Self {
        let (kind, message) = match &*error.kind {
            ErrorKind::IncompatibleServer { message, .. } if message.contains("load balancing") => {
                (
                    FailureKind::Misconfigured,
                    "the connection string has loadBalanced=true, but the server is not behind a load balancer for MongoDB; remove loadBalanced".to_owned(),
                )
            }
            ErrorKind::IncompatibleServer { message, .. } => too_old(message),
            ErrorKind::ServerSelection { message, .. } if message.contains("wire version") => {
                too_old(message)
            }
            ErrorKind::ServerSelection { .. } => (
                FailureKind::Unreachable,
                "no MongoDB server answers".to_owned(),
            ),
            ErrorKind::Authentication { message, .. } => refused_login(message),
            ErrorKind::Command(command) => command_failed(command),
            ErrorKind::Io(source) => (
                FailureKind::Unreachable,
                format!("the connection to MongoDB broke: {}", broken(source)),
            ),
            ErrorKind::ConnectionPoolCleared { message, .. } => pool_cleared(message),
            ErrorKind::DnsResolve { message, .. } => (
                FailureKind::Unreachable,
                format!(
                    "the name of the MongoDB server cannot be resolved: {message}; check the host names in the connection string and this machine's DNS"
                ),
            ),
            ErrorKind::InvalidTlsConfig { message, .. }
            | ErrorKind::InvalidArgument { message, .. } => (
                FailureKind::Misconfigured,
                format!("the connection string cannot be used: {message}"),
            ),
            ErrorKind::InvalidResponse { message, .. } => (
                FailureKind::Other,
                format!("MongoDB sent an invalid reply: {message}"),
            ),
            ErrorKind::Internal { message, .. } => {
                (FailureKind::Other, format!("the driver failed: {message}"))
            }
            ErrorKind::Shutdown => (
                FailureKind::Unreachable,
                "the connection to MongoDB was closed in the meantime".to_owned(),
            ),
            kind => (FailureKind::Other, kind.to_string()),
        };
        let failure = Self::new(kind, message);
        match &*error.kind {
            ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } => {
                failure.of(FailureScope::Database)
            }
            _ => failure,
        }
    }
}

fn too_old(message: &str) -> (FailureKind, String) {
    (
        FailureKind::TooOld,
        format!("the MongoDB server is older than 4.4, the oldest supported version: {message}"),
    )
}

fn refused_login(message: &str) -> (FailureKind, String) {
    (
        FailureKind::Unauthenticated,
        format!(
            "MongoDB refuses the login: {}; check the user name, the password and authSource",
            message.trim_end_matches('.')
        ),
    )
}

/// The server's error.
fn command_error(error: &Error) -> Option<&CommandError> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command),
        _ => None,
    }
}

/// Whether the server does not know the command.
pub fn is_command_not_found(error: &Error) -> bool {
    command_error(error).is_some_and(|command| command.code == code::COMMAND_NOT_FOUND)
}

/// Whether the collection does not exist.
pub fn is_namespace_not_found(error: &Error) -> bool {
    command_error(error).is_some_and(|command| match command.code {
        code::NAMESPACE_NOT_FOUND => true,
        code::NO_STORAGE_STATS => command.message.contains("not found"),
        _ => false,
    })
}

/// Whether the collection is a view, or a time series, which is a kind of view.
pub fn is_view(error: &Error) -> bool {
    command_error(error).is_some_and(|command| command.code == code::COMMAND_NOT_SUPPORTED_ON_VIEW)
}

/// Whether the server refuses to scan a collection because of its parameter `notablescan`.
pub fn is_refused_scan(error: &Error) -> bool {
    command_error(error).is_some_and(refuses_scan)
}

fn refuses_scan(command: &CommandError) -> bool {
    command.code == code::NO_QUERY_EXECUTION_PLANS && command.message.contains("notablescan")
}

fn command_failed(command: &CommandError) -> (FailureKind, String) {
    // After its user was dropped a connection stays logged out.
    if command.code == code::UNAUTHORIZED && command.message.contains("requires authentication") {
        return (
            FailureKind::Unauthenticated,
            format!(
                "MongoDB requires a login: {}; name a user in the connection string, and check that the user still exists",
                command.message
            ),
        );
    }
    if refuses_scan(command) {
        return (
            FailureKind::MissingIndex,
            "MongoDB refuses to scan collections (its parameter notablescan is on), and a query has no index; create the index, or turn the parameter off".to_owned(),
        );
    }
    let kind = match command.code {
        code::UNAUTHORIZED | code::ATLAS_ERROR => FailureKind::Unauthorized,
        code::AUTHENTICATION_FAILED => return refused_login(&command.message),
        code::MAX_TIME_EXPIRED => FailureKind::TimedOut,
        code::INTERRUPTED_AT_SHUTDOWN | code::SHUTDOWN_IN_PROGRESS => FailureKind::Unreachable,
        _ => FailureKind::Other,
    };
    (kind, format!("{} ({})", command.message, command.code_name))
}

/// The driver clears a pool after another command on the same server failed; the message contains that error.
fn pool_cleared(message: &str) -> (FailureKind, String) {
    let cause = message.split("failed with: Kind: ").nth(1);
    let cause = cause.and_then(|cause| cause.split(END_OF_CAUSE).next());
    match cause {
        Some(cause) if is_refused_login(cause) => refused_login(cause),
        Some(cause) => (
            FailureKind::Unreachable,
            format!(
                "the connection to MongoDB broke: {}",
                cause.trim_start_matches("I/O error: ")
            ),
        ),
        None => (
            FailureKind::Unreachable,
            "the connection to MongoDB broke".to_owned(),
        ),
    }
}

/// Whether a cause is the driver's [`ErrorKind::Authentication`], which begins with the mechanism.
fn is_refused_login(cause: &str) -> bool {
    let mechanisms = ["SCRAM", "MONGODB-", "PLAIN"];
    let (mechanism, _) = cause.split_once(" failure: ").unwrap_or_default();
    mechanisms.iter().any(|known| mechanism.starts_with(known))
}

/// Why a connection broke, or could not be made.
fn broken(error: &io::Error) -> String {
    if let Some(message) = error.get_ref().and_then(tls::message) {
        return message;
    }
    let message = error.to_string();
    if message.contains("failed to lookup address information") {
        return format!("its name cannot be resolved: {message}");
    }
    match error.kind() {
        io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => format!(
            "it closes the connection: {message}; it may require TLS (tls=true), or be shutting down"
        ),
        _ => message,
    }
}

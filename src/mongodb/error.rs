//! Why a source could not answer, in words that lead out.

mod tls;

use std::io;
use std::sync::Arc;

use mongodb::error::{CommandError, Error, ErrorKind};
use thiserror::Error;

use crate::catalogue::FailureKind;

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
    QueryContext,
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
    pub const NO_QUERY_EXECUTION_PLANS: i32 = 291;
    /// What Atlas answers for a privilege that a user or a tier lacks.
    pub const ATLAS_ERROR: i32 = 8000;
}

/// What follows the cause in the driver's messages; from there on they show its own structures.
const END_OF_CAUSE: &str = ", labels: ";

impl SourceError {
    /// A failure with its message.
    pub fn new(kind: FailureKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            scope: match kind {
                FailureKind::Unauthenticated
                | FailureKind::TooOld
                | FailureKind::Misconfigured
                | FailureKind::NoDatabase => Scope::Everything,
                _ => Scope::QueryContext,
            },
        }
    }

    /// The same failure with another scope.
    #[must_use]
    pub fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Why a server cannot be reached, to be written behind its address.
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
    /// What an error says by itself. Of [`ErrorKind::ServerSelection`] that is little: what the servers said tells more,
    /// and the connection knows it.
    fn from(error: &Error) -> Self {
        let (kind, message) = match &*error.kind {
            ErrorKind::IncompatibleServer { message, .. } if message.contains("load balancing") => {
                (
                    FailureKind::Misconfigured,
                    "the connection string says loadBalanced=true, and the server is not behind a load balancer for MongoDB; leave loadBalanced out".to_owned(),
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
                    "the name of the MongoDB server cannot be resolved: {message}; see that host names of the connection string are right and that this machine's DNS knows them"
                ),
            ),
            ErrorKind::InvalidTlsConfig { message, .. }
            | ErrorKind::InvalidArgument { message, .. } => (
                FailureKind::Misconfigured,
                format!("the connection string cannot be used: {message}"),
            ),
            ErrorKind::InvalidResponse { message, .. } => (
                FailureKind::Other,
                format!("MongoDB's answer makes no sense: {message}"),
            ),
            ErrorKind::Internal { message, .. } => {
                (FailureKind::Other, format!("the driver failed: {message}"))
            }
            ErrorKind::Shutdown => (
                FailureKind::Unreachable,
                "the connection to MongoDB was closed meanwhile".to_owned(),
            ),
            kind => (FailureKind::Other, kind.to_string()),
        };
        let told = Self::new(kind, message);
        match &*error.kind {
            ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } => {
                told.of(Scope::Everything)
            }
            _ => told,
        }
    }
}

fn too_old(message: &str) -> (FailureKind, String) {
    (
        FailureKind::TooOld,
        format!(
            "the MongoDB server is older than 4.4, the oldest that this exporter can read: {message}"
        ),
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

/// Whether the server refuses to scan a collection, which its parameter `notablescan` has it do.
pub fn is_refused_scan(command: &CommandError) -> bool {
    command.code == code::NO_QUERY_EXECUTION_PLANS && command.message.contains("notablescan")
}

fn command_failed(command: &CommandError) -> (FailureKind, String) {
    // A connection whose user was dropped is nobody's any more, and stays so.
    if command.code == code::UNAUTHORIZED && command.message.contains("requires authentication") {
        return (
            FailureKind::Unauthenticated,
            format!(
                "MongoDB does not know who asks: {}; name a user in the connection string, and check that the user still exists",
                command.message
            ),
        );
    }
    if is_refused_scan(command) {
        return (
            FailureKind::MissingIndex,
            "MongoDB refuses to scan collections (its parameter notablescan), and a query has no index; make the index, or switch the parameter off".to_owned(),
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

/// A pool is cleared when another command on the same server failed; the message names that failure.
fn pool_cleared(message: &str) -> (FailureKind, String) {
    let cause = message.split("failed with: Kind: ").nth(1);
    let cause = cause.and_then(|it| it.split(END_OF_CAUSE).next());
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

/// Whether a cause is the driver's [`ErrorKind::Authentication`], which names the mechanism.
fn is_refused_login(cause: &str) -> bool {
    let mechanisms = ["SCRAM", "MONGODB-", "PLAIN"];
    let (mechanism, _) = cause.split_once(" failure: ").unwrap_or_default();
    mechanisms.iter().any(|it| mechanism.starts_with(it))
}

/// Why a connection broke, or was never made.
fn broken(error: &io::Error) -> String {
    if let Some(words) = error.get_ref().and_then(tls::words) {
        return words;
    }
    let message = error.to_string();
    if message.contains("failed to lookup address information") {
        return format!("its name cannot be resolved: {message}");
    }
    match error.kind() {
        io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => format!(
            "it closes the connection: {message}; a server that asks for TLS does so (tls=true), or one that is stopping"
        ),
        _ => message,
    }
}

//! Why changes cannot be followed.

use mongodb::error::{Error, ErrorKind};
use thiserror::Error;

use crate::catalogue::FailureKind;
use crate::collectors::LiveObstacle;
use crate::mongodb::SourceError;

/// Codes of the server's errors after which a stream cannot be resumed.
/// <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>
const NOT_RESUMABLE: [i32; 6] = [
    136,   // CappedPositionLost
    222,   // CloseChangeStream
    260,   // InvalidResumeToken
    280,   // ChangeStreamFatalError
    286,   // ChangeStreamHistoryLost
    10334, // BSONObjectTooLarge
];

/// Why changes cannot be followed.
#[derive(Debug, Clone, Error)]
pub enum LiveError {
    /// Something stands in the way.
    #[error("{1}")]
    Impossible(LiveObstacle, String),
    /// The stream cannot be resumed: only a full read helps.
    #[error("{0}")]
    Lost(String),
    /// A query failed; it may succeed later.
    #[error(transparent)]
    Failed(#[from] SourceError),
}

impl LiveError {
    /// The error of a server; `describe` makes any other error of it.
    pub fn from_server(error: &Error, describe: impl FnOnce(&Error) -> SourceError) -> Self {
        if let ErrorKind::Command(command) = &*error.kind
            && NOT_RESUMABLE.contains(&command.code)
        {
            return Self::Lost(format!("{} ({})", command.message, command.code_name));
        }
        let error = describe(error);
        match error.kind {
            FailureKind::Unauthorized => {
                Self::Impossible(LiveObstacle::Privileges, error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}

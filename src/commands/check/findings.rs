//! Problems and warnings, and what to do about them.

use super::diagnostics::ExaminedQuery;
use super::privileges::{LoginState, PrivilegeRow};
use super::{Finding, IndexRow, Report};
use crate::catalogue::{FailureKind, RunningVersion, Version};
use crate::mongodb::SourceError;

impl Report {
    /// Reports faults of the login and the database before those that follow from them.
    pub fn judge(&mut self) {
        let mut problems = Vec::new();
        let privileges = &self.privileges;
        let remedy = match &privileges.statement {
            Some(statement) => format!(
                "run in mongosh as an administrator: {statement} (`rocketchat-exporter role` prints the whole role)"
            ),
            None => String::new(),
        };
        let failed: Vec<&str> = self
            .collectors
            .iter()
            .filter(|row| !row.ok)
            .map(|row| row.name)
            .collect();
        let missing: Vec<&PrivilegeRow> = privileges.missing().collect();
        // A server without access control lets users do what their roles do not allow.
        let (vital, others): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|row| row.vital && row.needed_by.iter().any(|name| failed.contains(name)));
        if privileges.access == LoginState::LoggedOut {
            problems.push(Finding {
                what: "the server requires a login, and the connection string names no user"
                    .to_owned(),
                remedy: "name a user and its password (mongodb://user@host/, --mongodb.password-file); where there is none, create it with the statements that `rocketchat-exporter role` prints".to_owned(),
            });
        } else {
            if !vital.is_empty() {
                problems.push(Finding {
                    what: format!(
                        "the user lacks privileges that collectors need: {}",
                        names(&vital)
                    ),
                    remedy: remedy.clone(),
                });
            }
            if !others.is_empty() {
                self.warnings.push(Finding {
                    what: format!(
                        "the user lacks privileges, and every collector works without them: {}",
                        names(&others)
                    ),
                    remedy,
                });
            }
        }
        if vital.is_empty() && self.is_rocket_chat == Some(false) {
            problems.push(Finding {
                what: format!(
                    "the database `{}` does not have Rocket.Chat's collections",
                    self.connection.database.as_deref().unwrap_or_default()
                ),
                remedy: "name the right database with --mongodb.database".to_owned(),
            });
        }
        self.problems.splice(0..0, problems);
    }
}

impl IndexRow {
    pub fn warning(&self) -> Finding {
        let consequence = if self.scanned_instead {
            "the collection is small enough to be scanned instead"
        } else {
            "queries that need it are not sent"
        };
        Finding {
            what: format!(
                "no index of {} begins with {} ({}): {consequence}",
                self.collection,
                self.key,
                self.needed_by.join(", ")
            ),
            remedy: format!("run in mongosh: {}", self.statement),
        }
    }
}

/// A warning about a release that the exporter does not know.
pub fn newer_version(version: &RunningVersion) -> Option<Finding> {
    version.is_newer_than_known.then(|| Finding {
        what: format!(
            "the workspace runs Rocket.Chat {} or later, which this exporter does not know; it is read and imitated as {}",
            version.name,
            Version::NEWEST
        ),
        remedy: "look for a newer exporter".to_owned(),
    })
}

fn names(rows: &[&PrivilegeRow]) -> String {
    let names: Vec<String> = rows.iter().map(|row| row.name()).collect();
    names.join(", ")
}

/// Why a reading failed. The server's message for a refused command quotes the whole command; the action and resource
/// are named instead.
pub fn reason(error: &SourceError, queries: &[ExaminedQuery]) -> String {
    let refused = queries.iter().rfind(|query| query.failed);
    match (error.kind, refused) {
        (FailureKind::Unauthorized, Some(query)) => format!(
            "{} on {} is not permitted",
            query.command,
            query.collection.as_deref().unwrap_or("the server")
        ),
        _ => error.to_string(),
    }
}

/// What to do about a failure.
pub fn advice(kind: FailureKind, statement: Option<&str>) -> String {
    match (kind, statement) {
        (FailureKind::Unreachable, _) => {
            "check that MongoDB is running, and that the host and port of the connection string are right and reachable from here".to_owned()
        }
        (FailureKind::Unauthenticated, _) => {
            "correct the user, the password or authSource of the connection string".to_owned()
        }
        (FailureKind::Misconfigured, _) => {
            "correct the connection string or the file that it names".to_owned()
        }
        (FailureKind::TooOld, _) => "update MongoDB to 4.4 or later".to_owned(),
        (FailureKind::NoDatabase, _) => "name the database with --mongodb.database".to_owned(),
        (FailureKind::Unauthorized, Some(statement)) => {
            format!("run in mongosh as an administrator: {statement}")
        }
        (FailureKind::Unauthorized, None) => {
            "name a user in the connection string that may read the workspace's database".to_owned()
        }
        (FailureKind::TimedOut, _) => {
            "give it more time with --mongodb.query-timeout, or disable the collector".to_owned()
        }
        (FailureKind::MissingIndex, _) => "create the index, or disable the collector".to_owned(),
        (FailureKind::Other, _) => {
            "see MongoDB's log, or disable the collector".to_owned()
        }
    }
}

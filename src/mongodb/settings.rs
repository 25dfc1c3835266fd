//! How to reach the database. Files that hold the connection string or its password are read again for each new client,
//! so that a changed password takes effect without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mongodb::options::HostInfo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use super::connection_string::ConnectionString;
use crate::secret::Secret;
use crate::small_file;

/// How to reach the workspace's database.
#[derive(Debug, Clone, PartialEq)]
pub struct MongoSettings {
    /// Where the connection string comes from.
    pub source: UriSource,
    /// The connection string with its password, as they were at startup.
    pub uri: ConnectionString,
    /// The database; `None` for the one in the connection string, else the only one with Rocket.Chat's collections.
    pub database: Option<String>,
    /// The server-side time limit of every query.
    pub query_timeout: Duration,
    /// How long to wait for a server that matches the read preference.
    pub connect_timeout: Duration,
    /// Connections for queries to each server; the driver adds one to each for monitoring.
    pub max_connections: u32,
    /// The memory that live mode may take; `None` for no limit.
    pub live_max_bytes: Option<u64>,
}

/// Where the connection string and its password come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriSource {
    /// The connection string.
    pub uri: ConfiguredText,
    /// The password of its user; `None` when the connection string contains it or needs none.
    pub password: Option<ConfiguredText>,
}

/// A text from a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredText {
    /// The flag, variable or credential.
    pub setting: &'static str,
    /// Its value.
    pub given: TextOrFile,
}

/// A text, or the file that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextOrFile {
    /// The text.
    Text(Secret),
    /// The file.
    File(PathBuf),
}

/// Why the connection string cannot be used.
#[derive(Debug, Error)]
pub enum UriError {
    /// A file cannot be read.
    #[error("{setting}: cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The flag or credential.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
    /// A file is empty.
    #[error("{setting}: `{}` is empty", path.display())]
    Empty {
        /// The flag or credential.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The connection string is malformed.
    #[error(
        "{setting}: not a valid MongoDB connection string: {reason}; expected something like mongodb://user@host:27017/rocketchat, with special characters in user and password percent-encoded"
    )]
    Invalid {
        /// Where the connection string came from.
        setting: &'static str,
        /// What is wrong, without secrets.
        reason: String,
    },
    /// A password is set, but the connection string names no user.
    #[error(
        "{setting}: a password is set, but the connection string names no user; write mongodb://user@host/"
    )]
    NoUser {
        /// Where the password came from.
        setting: &'static str,
    },
    /// Two passwords are set.
    #[error(
        "{setting}: a password is set, but the connection string already contains one; keep one of them"
    )]
    TwoPasswords {
        /// Where the second password came from.
        setting: &'static str,
    },
}

impl MongoSettings {
    /// Hosts and ports, or the name whose records list them; empty when the connection string cannot be parsed.
    pub fn address(&self) -> String {
        match self.uri.parsed().map(|parsed| parsed.host_info) {
            Some(HostInfo::DnsRecord(name)) => name,
            Some(HostInfo::HostIdentifiers(hosts)) => {
                let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
                hosts.join(", ")
            }
            _ => String::new(),
        }
    }
}

impl MongoSettings {
    /// Hosts and ports in alphabetical order, which tell clusters apart.
    pub fn hosts(&self) -> String {
        let address = self.address();
        let mut hosts: Vec<_> = address.split(", ").collect();
        hosts.sort_unstable();
        hosts.join(",")
    }
}

impl UriSource {
    /// The current connection string with its password.
    ///
    /// # Errors
    /// When a file cannot be read, or the connection string is not valid.
    pub fn read(&self) -> Result<ConnectionString, UriError> {
        let mut uri = self.uri.read()?;
        if let Some(password) = &self.password {
            uri = with_password(&uri, &password.read()?, password.setting)?;
        }
        ConnectionString::parse(&Secret::new(uri)).map_err(|reason| UriError::Invalid {
            setting: self.uri.setting,
            reason,
        })
    }

    /// The files that contain the connection string and its password.
    pub fn files(&self) -> Vec<PathBuf> {
        std::iter::once(&self.uri)
            .chain(&self.password)
            .filter_map(|text| match &text.given {
                TextOrFile::File(path) => Some(path.clone()),
                TextOrFile::Text(_) => None,
            })
            .collect()
    }
}

impl ConfiguredText {
    fn read(&self) -> Result<String, UriError> {
        match &self.given {
            TextOrFile::Text(text) => Ok(text.reveal().to_owned()),
            TextOrFile::File(path) => read_file(self.setting, path),
        }
    }
}

/// The content of a file without trailing line breaks.
///
/// # Errors
/// When it cannot be read, or is empty.
pub fn read_file(setting: &'static str, path: &Path) -> Result<String, UriError> {
    let text = small_file::read_to_string(path).map_err(|reason| UriError::Unreadable {
        setting,
        path: path.to_owned(),
        reason,
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(UriError::Empty {
            setting,
            path: path.to_owned(),
        });
    }
    Ok(text.to_owned())
}

/// Inserts the percent-encoded password after the user.
fn with_password(uri: &str, password: &str, setting: &'static str) -> Result<String, UriError> {
    let no_user = || UriError::NoUser { setting };
    let (scheme, rest) = uri.split_once("://").ok_or_else(no_user)?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let (user, _) = authority.rsplit_once('@').ok_or_else(no_user)?;
    if user.contains(':') {
        return Err(UriError::TwoPasswords { setting });
    }
    let encoded = utf8_percent_encode(password, NON_ALPHANUMERIC);
    Ok(format!(
        "{scheme}://{user}:{encoded}{}",
        &rest[user.len()..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: &str = "--mongodb.password-file";

    #[test]
    fn password_is_percent_encoded() {
        assert_eq!(
            with_password("mongodb://me@db:27017/rc?tls=true", "p@ss/w:rd%", SETTING).ok(),
            Some("mongodb://me:p%40ss%2Fw%3Ard%25@db:27017/rc?tls=true".to_owned())
        );
    }

    #[test]
    fn password_needs_a_user_without_password() {
        assert!(matches!(
            with_password("mongodb://db/rc", "x", SETTING),
            Err(UriError::NoUser { .. })
        ));
        assert!(matches!(
            with_password("mongodb://me:y@db/rc", "x", SETTING),
            Err(UriError::TwoPasswords { .. })
        ));
    }
}

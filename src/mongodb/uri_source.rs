//! Where the connection string and its password come from. Those in files are read again whenever a client is made, so
//! that what is changed there counts without a restart.

use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use super::connection_string::ConnectionString;
use crate::secret::Secret;
use crate::small_file;

/// Where a connection string and its password come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriSource {
    /// The connection string.
    pub uri: Place,
    /// The password of the user that it names; `None` where it has its own or needs none.
    pub password: Option<Place>,
}

/// A text, or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The flag, variable or credential that gave it.
    pub setting: &'static str,
    /// What it gave.
    pub given: Given,
}

/// What a setting gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The text itself.
    Text(Secret),
    /// The file that holds it.
    File(PathBuf),
}

/// Why there is no connection string that can be used.
#[derive(Debug, Error)]
pub enum UriError {
    /// A file cannot be read.
    #[error("{setting}: cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The flag or credential.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A file has nothing in it.
    #[error("{setting}: `{}` is empty", path.display())]
    Empty {
        /// The flag or credential.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The connection string is none.
    #[error(
        "{setting}: not a MongoDB connection string that can be used: {reason}; expected something like mongodb://user@host:27017/rocketchat, with special characters of user and password percent-encoded"
    )]
    Invalid {
        /// Where it came from.
        setting: &'static str,
        /// What is wrong, without secrets.
        reason: String,
    },
    /// A password was given, but nobody whose it could be.
    #[error(
        "{setting}: a password is given, but the connection string names no user; write mongodb://user@host/"
    )]
    NoUser {
        /// Where the password came from.
        setting: &'static str,
    },
    /// Two passwords were given.
    #[error(
        "{setting}: a password is given, but the connection string has one too; keep one of them"
    )]
    TwoPasswords {
        /// Where the second password came from.
        setting: &'static str,
    },
}

impl UriSource {
    /// The connection string with its password, as they are now.
    ///
    /// # Errors
    /// When a file cannot be read, or what is given is no connection string that can be used.
    pub fn read(&self) -> Result<ConnectionString, UriError> {
        let mut uri = self.uri.read()?;
        if let Some(place) = &self.password {
            uri = with_password(&uri, &place.read()?, place.setting)?;
        }
        ConnectionString::parse(&Secret::new(uri)).map_err(|reason| UriError::Invalid {
            setting: self.uri.setting,
            reason,
        })
    }

    /// The files that hold the connection string and its password.
    pub fn files(&self) -> Vec<PathBuf> {
        let places = std::iter::once(&self.uri).chain(&self.password);
        places
            .filter_map(|place| match &place.given {
                Given::File(path) => Some(path.clone()),
                Given::Text(_) => None,
            })
            .collect()
    }
}

impl Place {
    fn read(&self) -> Result<String, UriError> {
        match &self.given {
            Given::Text(text) => Ok(text.reveal().to_owned()),
            Given::File(path) => read_file(self.setting, path),
        }
    }
}

/// A file's content without the line break at its end.
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

/// The connection string with the password behind its user.
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
    fn a_password_with_special_characters_is_encoded_behind_its_user() {
        assert_eq!(
            with_password("mongodb://me@db:27017/rc?tls=true", "p@ss/w:rd%", SETTING).ok(),
            Some("mongodb://me:p%40ss%2Fw%3Ard%25@db:27017/rc?tls=true".to_owned())
        );
    }

    #[test]
    fn a_password_needs_a_user_without_one() {
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

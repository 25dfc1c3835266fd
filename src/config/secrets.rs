//! Connection strings and passwords: where they may stand, and which place counts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mongodb::options::ConnectionString;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::ConfigError;
use crate::options::MongodbOptions;
use crate::secret::Secret;
use crate::small_file;

/// The variable that may hold the password; it has no flag, because others on the machine can see flags.
const PASSWORD_VARIABLE: &str = "ROCKETCHAT_EXPORTER_MONGODB_PASSWORD";

/// Where systemd puts the credentials of a service.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Names of the credentials.
const URI_CREDENTIAL: &str = "mongodb.uri";
const PASSWORD_CREDENTIAL: &str = "mongodb.password";

const DEFAULT_URI: &str = "mongodb://localhost:27017";

/// What counts where no connection string is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// A server on this machine.
    LocalServer,
    /// Nothing: it must be given.
    None,
}

/// A text and the setting that it came from.
pub struct Found {
    setting: &'static str,
    /// The text.
    pub text: String,
}

/// The connection string, complete with its password: from a file, else from the flag or its variable, else from
/// systemd's credentials, else the default.
pub fn connection_string(
    options: &MongodbOptions,
    variable: impl Fn(&str) -> Option<OsString>,
    default: Default,
) -> Result<Secret, ConfigError> {
    let credentials = variable(CREDENTIALS_VARIABLE).map(PathBuf::from);
    let uri = if let Some(path) = &options.uri_file {
        read("--mongodb.uri-file", path)?
    } else if let Some(uri) = &options.uri {
        Found {
            setting: "--mongodb.uri",
            text: uri.reveal().to_owned(),
        }
    } else if let Some(uri) = credential(credentials.as_deref(), URI_CREDENTIAL)? {
        uri
    } else if default == Default::LocalServer {
        Found {
            setting: "--mongodb.uri",
            text: DEFAULT_URI.to_owned(),
        }
    } else {
        return Err(ConfigError::NoServer);
    };
    let password = if let Some(path) = &options.password_file {
        Some(read("--mongodb.password-file", path)?)
    } else if let Some(password) = variable(PASSWORD_VARIABLE) {
        Some(Found {
            setting: PASSWORD_VARIABLE,
            text: password.to_string_lossy().into_owned(),
        })
    } else {
        credential(credentials.as_deref(), PASSWORD_CREDENTIAL)?
    };
    let text = match password {
        Some(password) => with_password(&uri.text, &password)?,
        None => uri.text,
    };
    let secret = Secret::new(text);
    if let Err(error) = ConnectionString::parse(secret.reveal()) {
        return Err(ConfigError::Uri {
            setting: uri.setting,
            reason: secret.redact(&error.kind.to_string()),
        });
    }
    Ok(secret)
}

fn credential(directory: Option<&Path>, name: &'static str) -> Result<Option<Found>, ConfigError> {
    match directory.map(|directory| directory.join(name)) {
        Some(path) if path.exists() => Ok(Some(read(name, &path)?)),
        _ => Ok(None),
    }
}

/// A file's content without the line break at its end.
pub fn read(setting: &'static str, path: &Path) -> Result<Found, ConfigError> {
    let text = small_file::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
        setting,
        path: path.to_owned(),
        reason,
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(ConfigError::Empty {
            setting,
            path: path.to_owned(),
        });
    }
    Ok(Found {
        setting,
        text: text.to_owned(),
    })
}

/// The connection string with the password behind its user.
fn with_password(uri: &str, password: &Found) -> Result<String, ConfigError> {
    let setting = password.setting;
    let no_user = || ConfigError::NoUser { setting };
    let (scheme, rest) = uri.split_once("://").ok_or_else(no_user)?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let (user, _) = authority.rsplit_once('@').ok_or_else(no_user)?;
    if user.contains(':') {
        return Err(ConfigError::TwoPasswords { setting });
    }
    let encoded = utf8_percent_encode(&password.text, NON_ALPHANUMERIC);
    Ok(format!(
        "{scheme}://{user}:{encoded}{}",
        &rest[user.len()..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Found {
        Found {
            setting: "--mongodb.password-file",
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_password_with_special_characters_is_encoded_behind_its_user() {
        assert_eq!(
            with_password("mongodb://me@db:27017/rc?tls=true", &password("p@ss/w:rd%")).ok(),
            Some("mongodb://me:p%40ss%2Fw%3Ard%25@db:27017/rc?tls=true".to_owned())
        );
    }

    #[test]
    fn a_password_needs_a_user_without_one() {
        assert!(matches!(
            with_password("mongodb://db/rc", &password("x")),
            Err(ConfigError::NoUser { .. })
        ));
        assert!(matches!(
            with_password("mongodb://me:y@db/rc", &password("x")),
            Err(ConfigError::TwoPasswords { .. })
        ));
    }
}

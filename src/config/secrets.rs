//! The sources of the connection string and its password, and their precedence.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::options::MongodbOptions;
use crate::mongodb::{ConfiguredText, TextOrFile, UriSource};
use crate::secret::Secret;

/// The variable of the password. There is no flag, because other users of the machine can see flags.
const PASSWORD_VARIABLE: &str = "ROCKETCHAT_EXPORTER_MONGODB_PASSWORD";

/// The variable of the directory with the credentials of a systemd service.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Names of the credentials.
const URI_CREDENTIAL: &str = "mongodb.uri";
const PASSWORD_CREDENTIAL: &str = "mongodb.password";

/// The connection string of a server on this machine.
pub const DEFAULT_URI: &str = "mongodb://localhost:27017";

/// The sources of the connection string and its password: a file, the flag or its variable, or a credential of systemd,
/// in this order. `default` is the connection string where there is none.
pub fn uri_source(
    options: &MongodbOptions,
    variable: impl Fn(&str) -> Option<OsString>,
    default: Option<&str>,
) -> Result<UriSource, ConfigError> {
    let credentials = variable(CREDENTIALS_VARIABLE).map(PathBuf::from);
    let credentials = credentials.as_deref();
    let flag = |text: &str| from_text("--mongodb.uri", text);
    let uri = if let Some(path) = &options.uri_file {
        from_file("--mongodb.uri-file", path)
    } else if let Some(uri) = &options.uri {
        flag(uri.reveal())
    } else if let Some(uri) = credential(credentials, URI_CREDENTIAL) {
        uri
    } else if let Some(uri) = default {
        flag(uri)
    } else {
        return Err(ConfigError::NoServer);
    };
    let password = if let Some(path) = &options.password_file {
        Some(from_file("--mongodb.password-file", path))
    } else if let Some(password) = variable(PASSWORD_VARIABLE) {
        Some(from_text(PASSWORD_VARIABLE, &password.to_string_lossy()))
    } else {
        credential(credentials, PASSWORD_CREDENTIAL)
    };
    Ok(UriSource { uri, password })
}

fn from_text(setting: &'static str, text: &str) -> ConfiguredText {
    ConfiguredText {
        setting,
        given: TextOrFile::Text(Secret::new(text)),
    }
}

fn from_file(setting: &'static str, path: &Path) -> ConfiguredText {
    ConfiguredText {
        setting,
        given: TextOrFile::File(path.to_owned()),
    }
}

fn credential(directory: Option<&Path>, name: &'static str) -> Option<ConfiguredText> {
    let path = directory?.join(name);
    path.exists().then(|| from_file(name, &path))
}

//! Connection strings and passwords: where they may stand, and which place counts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::options::MongodbOptions;
use crate::mongodb::{ConfiguredText, TextOrFile, UriSource};
use crate::secret::Secret;

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

/// Where the connection string stands: in a file, else in the flag or its variable, else in systemd's credentials, else
/// the default; and where its password does.
pub fn uri_source(
    options: &MongodbOptions,
    variable: impl Fn(&str) -> Option<OsString>,
    default: Default,
) -> Result<UriSource, ConfigError> {
    let credentials = variable(CREDENTIALS_VARIABLE).map(PathBuf::from);
    let credentials = credentials.as_deref();
    let flag = |text: &str| text_of("--mongodb.uri", text);
    let uri = if let Some(path) = &options.uri_file {
        file_of("--mongodb.uri-file", path)
    } else if let Some(uri) = &options.uri {
        flag(uri.reveal())
    } else if let Some(uri) = credential(credentials, URI_CREDENTIAL) {
        uri
    } else if default == Default::LocalServer {
        flag(DEFAULT_URI)
    } else {
        return Err(ConfigError::NoServer);
    };
    let password = if let Some(path) = &options.password_file {
        Some(file_of("--mongodb.password-file", path))
    } else if let Some(password) = variable(PASSWORD_VARIABLE) {
        Some(text_of(PASSWORD_VARIABLE, &password.to_string_lossy()))
    } else {
        credential(credentials, PASSWORD_CREDENTIAL)
    };
    Ok(UriSource { uri, password })
}

fn text_of(setting: &'static str, text: &str) -> ConfiguredText {
    ConfiguredText {
        setting,
        given: TextOrFile::Text(Secret::new(text)),
    }
}

fn file_of(setting: &'static str, path: &Path) -> ConfiguredText {
    ConfiguredText {
        setting,
        given: TextOrFile::File(path.to_owned()),
    }
}

fn credential(directory: Option<&Path>, name: &'static str) -> Option<ConfiguredText> {
    let path = directory?.join(name);
    path.exists().then(|| file_of(name, &path))
}

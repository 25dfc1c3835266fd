//! What the program runs on: built from what the user typed, and valid once it exists.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use mongodb::options::ConnectionString;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use crate::cli::Cli;
use crate::clock::Clock;
use crate::render::Names;
use crate::render::document::Shape;
use crate::sampler::Intervals;
use crate::secret::Secret;
use crate::sources::MongoSettings;
use crate::statistics::{License, Version};

/// The variable that may hold the password; it has no flag, because others on the machine can see flags.
const PASSWORD_VARIABLE: &str = "ROCKETCHAT_EXPORTER_MONGODB_PASSWORD";

/// Where systemd puts the credentials of a service.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Names of the credentials.
const URI_CREDENTIAL: &str = "mongodb.uri";
const PASSWORD_CREDENTIAL: &str = "mongodb.password";

const DEFAULT_URI: &str = "mongodb://localhost:27017";

/// Valid settings.
#[derive(Debug)]
pub struct Config {
    /// How to reach the database.
    pub mongo: MongoSettings,
    /// How often to read.
    pub intervals: Intervals,
    /// Where to serve.
    pub listen_address: String,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Which names the metrics have.
    pub names: Names,
    /// How the statistics document is wrapped.
    pub shape: Shape,
    /// The version that it imitates, when it is not found out.
    pub version: Option<Version>,
    /// The workspace's time zone.
    pub timezone: TimeZone,
    /// What the workspace's license grants.
    pub license: License,
    /// The time.
    pub clock: Clock,
}

/// A setting that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file with a secret cannot be read.
    #[error("{setting}: cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The flag or credential.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A file with a secret has nothing in it.
    #[error("{setting}: `{}` is empty", path.display())]
    Empty {
        /// The flag or credential.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The connection string is none.
    #[error(
        "{setting}: not a MongoDB connection string: {reason}; expected something like mongodb://user@host:27017/rocketchat, with special characters of user and password percent-encoded"
    )]
    Uri {
        /// Where it came from.
        setting: &'static str,
        /// What the driver says, without secrets.
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
    /// The time zone is not known to the system.
    #[error("--rocketchat.timezone: the time zone `{name}` is not known to this system: {reason}")]
    TimeZone {
        /// The zone.
        name: String,
        /// What jiff says.
        reason: jiff::Error,
    },
}

impl Config {
    /// Checks what was typed and reads the files that hold secrets. `variable` looks up a variable of the environment.
    ///
    /// # Errors
    /// When a setting cannot be used; the message names it.
    pub fn new(cli: Cli, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let uri = connection_string(&cli, variable)?;
        let timezone = match cli.rocketchat_timezone {
            None => TimeZone::system(),
            Some(name) => {
                TimeZone::get(&name).map_err(|reason| ConfigError::TimeZone { name, reason })?
            }
        };
        Ok(Self {
            mongo: MongoSettings {
                uri,
                database: cli.mongodb_database,
                query_timeout: cli.mongodb_query_timeout,
                connect_timeout: cli.mongodb_connect_timeout,
                max_connections: cli.mongodb_max_connections,
            },
            intervals: Intervals {
                fast: cli.fast_interval,
                normal: cli.normal_interval,
                slow: cli.slow_interval,
                max_share: cli.max_share,
            },
            listen_address: cli.listen_address,
            telemetry_path: cli.telemetry_path,
            names: if cli.compat_metrics {
                Names::WithBuiltIn
            } else {
                Names::Own
            },
            shape: cli.shape.into(),
            version: cli.rocketchat_version,
            timezone,
            license: license(&cli.license_modules),
            clock: cli.now.map_or(Clock::System, Clock::Fixed),
        })
    }
}

impl Config {
    /// The connection string without user name and password, for the log.
    #[must_use]
    pub fn mongo_address(&self) -> String {
        self.mongo.uri.to_string()
    }
}

/// What a list of modules stands for.
fn license(modules: &[String]) -> License {
    match modules {
        [] => License::None,
        modules if modules.iter().any(|it| it == "*") => License::Everything,
        modules => License::Modules(modules.to_vec()),
    }
}

/// A text and the setting that it came from.
struct Found {
    setting: &'static str,
    text: String,
}

/// The connection string, complete with its password: from a file, else from the flag or its variable, else from
/// systemd's credentials, else the default.
fn connection_string(
    cli: &Cli,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Secret, ConfigError> {
    let credentials = variable(CREDENTIALS_VARIABLE).map(PathBuf::from);
    let uri = if let Some(path) = &cli.mongodb_uri_file {
        read("--mongodb.uri-file", path)?
    } else if let Some(uri) = &cli.mongodb_uri {
        Found {
            setting: "--mongodb.uri",
            text: uri.clone(),
        }
    } else if let Some(uri) = credential(credentials.as_deref(), URI_CREDENTIAL)? {
        uri
    } else {
        Found {
            setting: "--mongodb.uri",
            text: DEFAULT_URI.to_owned(),
        }
    };
    let password = if let Some(path) = &cli.mongodb_password_file {
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
fn read(setting: &'static str, path: &Path) -> Result<Found, ConfigError> {
    let text = fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
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

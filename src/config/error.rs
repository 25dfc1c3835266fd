//! Errors of the configuration. Each message names the setting.

use std::path::PathBuf;

use thiserror::Error;

use crate::license::InvalidPublicKey;
use crate::mongodb::UriError;
use crate::rocketchat_client::InvalidRocketChatUrl;
use crate::rocketchat_client::token_file::TokenFileError;
use crate::secret::Secret;
use crate::web_config::WebConfigError;

/// An invalid setting.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The web configuration file is invalid.
    #[error(transparent)]
    Web(#[from] WebConfigError),
    /// The path of the metrics is taken.
    #[error("--web.telemetry-path: `{path}` is taken; choose another path, such as `/metrics`")]
    TelemetryPath {
        /// The path.
        path: String,
    },
    /// A file cannot be read.
    #[error("{setting}: cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The flag or variable.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        reason: std::io::Error,
    },
    /// The connection string is invalid, or a file with a secret cannot be read.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The configuration file is invalid.
    #[error("--config.file: `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The name of a workspace cannot be part of a URL.
    #[error(
        "workspaces: `{name}` cannot be the name of a workspace; expected 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
    )]
    WorkspaceName {
        /// The name.
        name: String,
    },
    /// A setting of one of several workspaces is invalid.
    #[error("workspaces: `{name}`: {reason}")]
    Workspace {
        /// The workspace.
        name: String,
        /// What is wrong.
        reason: Box<ConfigError>,
    },
    /// One of several workspaces has no database.
    #[error("no MongoDB is configured; set mongodb.uri-file or mongodb.uri")]
    NoServer,
    /// The configuration file has no settings any more.
    #[error(
        "--config.file: `{}` has no settings any more; if that is intended, restart the exporter", path.display()
    )]
    Emptied {
        /// The file.
        path: PathBuf,
    },
    /// No MongoDB or no workspace is configured any more.
    #[error(
        "no MongoDB or no workspace is configured any more; if that is intended, restart the exporter"
    )]
    NothingLeft,
    /// The ordinal of the shard is too large.
    #[error("--shard: {ordinal} is not below --total-shards={total}; ordinals begin with 0")]
    Shard {
        /// The ordinal.
        ordinal: u32,
        /// The number of shards.
        total: u32,
    },
    /// A single workspace cannot be shared.
    #[error(
        "--shard: there is nothing to share; set --config.dir, or a list of workspaces in the file of --config.file"
    )]
    NothingToShare,
    /// Workspaces are listed in the file and in the directory.
    #[error(
        "--config.dir: the file of --config.file has a list of workspaces too; keep one of them"
    )]
    TwoLists,
    /// The directory has too many files.
    #[error("--config.dir: `{}` has {number} files of workspaces; expected at most {max}", path.display())]
    TooManyFiles {
        /// The directory.
        path: PathBuf,
        /// The number of files.
        number: usize,
        /// The maximum.
        max: usize,
    },
    /// One source has the connection string twice.
    #[error("mongodb.uri and mongodb.uri-file are both set; keep one of them")]
    TwoServers,
    /// A file is not a public key.
    #[error("--rocketchat.license-public-key-file: `{}`: {reason}", path.display())]
    PublicKey {
        /// The file.
        path: PathBuf,
        /// What was expected.
        reason: InvalidPublicKey,
    },
    /// The URL of Rocket.Chat is invalid.
    #[error("--rocketchat.url: `{address}`: {reason}")]
    Address {
        /// The value, shown without user name and password.
        address: Secret,
        /// What was expected.
        reason: InvalidRocketChatUrl,
    },
    /// Licenses are to be applied, but the URL of Rocket.Chat is missing.
    #[error("--web.enable-admin-api needs the URL of Rocket.Chat; set --rocketchat.url")]
    NoAddress,
    /// Rocket.Chat is to be probed, but its URL is missing.
    #[error("{setting} needs the URL of Rocket.Chat; set --rocketchat.url")]
    NothingToProbe {
        /// The setting.
        setting: &'static str,
    },
    /// A file has no login.
    #[error(transparent)]
    TokenFile(#[from] TokenFileError),
    /// The time zone is not known to the system.
    #[error("--rocketchat.timezone: the time zone `{name}` is not known to this system: {reason}")]
    TimeZone {
        /// The zone.
        name: String,
        /// The error of jiff.
        reason: jiff::Error,
    },
}

/// A workspace cannot be chosen.
#[derive(Debug, Error)]
pub enum ChoiceError {
    /// There are several workspaces, and none is chosen.
    #[error("the configuration file has several workspaces; choose one with --workspace: {names}")]
    Several {
        /// Their names.
        names: String,
    },
    /// There is no such workspace.
    #[error("--workspace: the configuration has no workspace `{name}`; it has {names}")]
    Unknown {
        /// The value of `--workspace`.
        name: String,
        /// The names of all workspaces.
        names: String,
    },
}

//! What the program runs on: built from what the user typed and from the configuration file, and valid once it exists.
//!
//! Of several places that give a setting the more particular one counts: a workspace in the file, then a flag, then its
//! variable, then what the file says for all workspaces, then the default.

mod file;
mod implied;
pub mod options;
mod secrets;
#[cfg(test)]
mod tests;
mod web;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;

use options::{LiveArgument, MongodbOptions, ShapeArgument, WorkspaceOptions};
pub use web::Web;

use crate::catalogue::Version;
use crate::cli::Cli;
use crate::clock::Clock;
use crate::collectors::license::Grants;
use crate::collectors::{Collector, LiveMode};
use crate::document::DocumentShape;
use crate::exposition::MetricNames;
use crate::license::{InvalidPublicKey, LicenseConfig, PublicKey};
use crate::mongodb::{MongoSettings, UriError, UriSource, read_file};
use crate::rocketchat_client::{InvalidRocketChatUrl, RocketChatUrl};
use crate::scheduler::Intervals;
use crate::secret::Secret;
use crate::web_config::WebConfigError;

/// Valid settings.
#[derive(Debug)]
pub struct Config {
    /// Where and how to serve.
    pub web: Web,
    /// The time.
    pub clock: Clock,
    /// What is read.
    pub workspaces: Workspaces,
    /// Where that comes from.
    pub basis: Basis,
}

/// What a configuration rests on. A file that was emptied, or is cut off while it is written, takes it away; that is not
/// done by a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// Whether the configuration file sets anything.
    file_says_something: bool,
    /// Whether a server or a list of workspaces is given; else a server on this machine is read.
    names_servers: bool,
    /// Whether there is a workspace.
    has_workspaces: bool,
}

/// The workspaces that are read.
#[derive(Debug)]
pub enum Workspaces {
    /// The only one, which needs no name.
    One(Box<WorkspaceConfig>),
    /// Those of the configuration file.
    Named {
        /// When the host is read, which belongs to none of them; `None` means never.
        host: Option<Intervals>,
        /// Each by its name.
        workspaces: BTreeMap<String, WorkspaceConfig>,
    },
}

/// Valid settings of one workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkspaceConfig {
    /// How to reach the database.
    pub mongo: MongoSettings,
    /// How often to read.
    pub intervals: Intervals,
    /// Whether changes are followed instead, where that is possible.
    pub live: LiveMode,
    /// What to read.
    pub collectors: BTreeSet<Collector>,
    /// Which names the metrics have.
    pub names: MetricNames,
    /// How the statistics document is wrapped.
    pub shape: DocumentShape,
    /// The version that it imitates, when it is not found out.
    pub version: Option<Version>,
    /// Whether lists take `query` and `fields` whatever the version.
    pub takes_unsafe_parameters: bool,
    /// The workspace's time zone.
    pub timezone: TimeZone,
    /// What is known about the workspace's license.
    pub license: LicenseConfig,
    /// Where licenses are handed over; `None` when they are not.
    pub rocketchat: Option<RocketChatUrl>,
}

/// A setting that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The web configuration cannot be used.
    #[error(transparent)]
    Web(#[from] WebConfigError),
    /// The metrics cannot be where something else is.
    #[error(
        "--web.telemetry-path: something else is served at `{path}`; choose another path, such as `/metrics`"
    )]
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
        /// What the system says.
        reason: std::io::Error,
    },
    /// There is no connection string that can be used, or a file with a secret cannot be read.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The configuration file is not as it should be.
    #[error("--config.file: `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The name of a workspace cannot stand in an address.
    #[error(
        "workspaces: `{name}` cannot be the name of a workspace; expected 1 to 64 letters, digits, `-`, `_` and `.`, with a letter or digit first"
    )]
    WorkspaceName {
        /// The name.
        name: String,
    },
    /// The settings of one of several workspaces cannot be used.
    #[error("workspaces: `{name}`: {reason}")]
    Workspace {
        /// The workspace.
        name: String,
        /// What is wrong.
        reason: Box<ConfigError>,
    },
    /// One of several workspaces has no database.
    #[error("it names no MongoDB; give mongodb.uri-file or mongodb.uri")]
    NoServer,
    /// The configuration file was emptied.
    #[error(
        "--config.file: `{}` sets nothing any more; if that is meant, restart the exporter", path.display()
    )]
    Emptied {
        /// The file.
        path: PathBuf,
    },
    /// There is no MongoDB or workspace any more.
    #[error(
        "no MongoDB and no workspace is named any more; if that is meant, restart the exporter"
    )]
    NothingLeft,
    /// The connection string is given twice in the same place.
    #[error("mongodb.uri and mongodb.uri-file are both given; keep one of them")]
    TwoServers,
    /// A file holds no public key.
    #[error("--rocketchat.license-public-key-file: `{}`: {reason}", path.display())]
    PublicKey {
        /// The file.
        path: PathBuf,
        /// What was expected.
        reason: InvalidPublicKey,
    },
    /// The address of Rocket.Chat is none.
    #[error("--rocketchat.url: `{address}`: {reason}")]
    Address {
        /// What was given, without user name and password.
        address: Secret,
        /// What was expected.
        reason: InvalidRocketChatUrl,
    },
    /// Licenses are to be handed over, and nobody is there to take them.
    #[error("--web.enable-admin-api: it is not known where Rocket.Chat is; give --rocketchat.url")]
    NoAddress,
    /// The time zone is not known to the system.
    #[error("--rocketchat.timezone: the time zone `{name}` is not known to this system: {reason}")]
    TimeZone {
        /// The zone.
        name: String,
        /// What jiff says.
        reason: jiff::Error,
    },
}

/// It is not clear which workspace is meant.
#[derive(Debug, Error)]
pub enum ChoiceError {
    /// There are several workspaces, and it was not said which is meant.
    #[error("the configuration file has several workspaces; choose one with --workspace: {names}")]
    Several {
        /// Their names.
        names: String,
    },
    /// There is no such workspace.
    #[error("--workspace: the configuration has no workspace `{name}`; it has {names}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        names: String,
    },
}

impl Config {
    /// Checks what was typed, and reads all files that it names. `variable` looks up a variable of the environment.
    ///
    /// # Errors
    /// When a setting cannot be used; the message names it.
    pub fn load(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let web = Web::open(cli)?;
        let (workspaces, basis) = Workspaces::load(cli, variable)?;
        Ok(Self {
            web,
            clock: cli.now.map_or(Clock::System, Clock::Fixed),
            workspaces,
            basis,
        })
    }
}

impl Workspaces {
    /// The part of the configuration that can be read again: the configuration file, and the files that hold secrets.
    ///
    /// # Errors
    /// When a setting cannot be used; the message names it.
    pub fn load(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Self, Basis), ConfigError> {
        implied::check(&variable)?;
        let loaded = Self::read(cli, variable);
        if let Ok((workspaces, _)) = &loaded {
            workspaces.warn();
        }
        // It holds the names of all time zones there are, of which none is looked up again.
        jiff::tz::db().reset();
        loaded
    }

    /// The same once more, while what rests on `basis` is in use.
    ///
    /// # Errors
    /// As [`Workspaces::load`], and when the file was emptied or no server is left.
    pub fn reload(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
        basis: Basis,
    ) -> Result<(Self, Basis), ConfigError> {
        let (workspaces, new) = Self::load(cli, variable)?;
        if let Some(path) = &cli.config_file
            && basis.file_says_something
            && !new.file_says_something
        {
            return Err(ConfigError::Emptied { path: path.clone() });
        }
        if (basis.names_servers && !new.names_servers)
            || (basis.has_workspaces && !new.has_workspaces)
        {
            return Err(ConfigError::NothingLeft);
        }
        Ok((workspaces, new))
    }

    fn read(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Self, Basis), ConfigError> {
        let file = match &cli.config_file {
            Some(path) => file::read(path)?,
            None => file::File::default(),
        };
        let mut basis = Basis {
            file_says_something: file.says_something,
            names_servers: true,
            has_workspaces: true,
        };
        let common = cli.workspace.clone().over(file.common);
        let Some(named) = file.workspaces else {
            let only = workspace(common, |options| {
                let given = secrets::uri_source(options, &variable, secrets::Default::None);
                if !matches!(given, Err(ConfigError::NoServer)) {
                    return given;
                }
                basis.names_servers = false;
                secrets::uri_source(options, &variable, secrets::Default::LocalServer)
            })?;
            return Ok((Self::One(Box::new(only)), basis));
        };
        basis.has_workspaces = !named.is_empty();
        let reads_host = common.collector.enabled().contains(&Collector::Host);
        let mut workspaces = BTreeMap::new();
        for (name, own) in named {
            let config = one_of_several(own, &common, &variable);
            let config = config.map_err(|reason| ConfigError::Workspace {
                name: name.clone(),
                reason: Box::new(reason),
            })?;
            workspaces.insert(name, config);
        }
        let named = Self::Named {
            host: reads_host.then(|| intervals(&common)),
            workspaces,
        };
        Ok((named, basis))
    }

    /// Says what connection strings ask for and is not done.
    fn warn(&self) {
        for (name, config) in self.each() {
            let warnings = config.mongo.uri.warnings();
            if !warnings.is_empty() {
                tracing::warn!(
                    workspace = name,
                    options = warnings.join("; "),
                    "options of the connection string are left out"
                );
            }
        }
    }

    /// What can never work, by the files as they are now: the first connection string, and why.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.each().find_map(|(name, config)| {
            let problem = config.mongo.uri.problem()?;
            let problem = format!("the connection string can never work: {problem}");
            Some(match name {
                Some(name) => format!("workspaces: `{name}`: {problem}"),
                None => problem,
            })
        })
    }

    /// Each workspace with its name, if it has one.
    fn each(&self) -> impl Iterator<Item = (Option<&str>, &WorkspaceConfig)> {
        let (one, named) = match self {
            Self::One(workspace) => (Some(&**workspace), None),
            Self::Named { workspaces, .. } => (None, Some(workspaces)),
        };
        let named = named.into_iter().flatten();
        let named = named.map(|(name, config)| (Some(name.as_str()), config));
        one.map(|config| (None, config)).into_iter().chain(named)
    }

    /// What is read, for the log: each connection string without user name and password, or how many there are.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::One(workspace) => workspace.mongo.uri.secret().to_string(),
            Self::Named { workspaces, .. } => format!("{} workspaces", workspaces.len()),
        }
    }

    /// The workspace of a name, or the only one.
    ///
    /// # Errors
    /// When there is none of that name, or several and no name.
    pub fn choose(self, name: Option<&str>) -> Result<WorkspaceConfig, ChoiceError> {
        let mut all = match (self, name) {
            (Self::One(workspace), None) => return Ok(*workspace),
            (Self::One(_), Some(_)) => BTreeMap::new(),
            (Self::Named { workspaces, .. }, _) => workspaces,
        };
        let names = all.keys().cloned().collect::<Vec<_>>().join(", ");
        match name {
            None => Err(ChoiceError::Several { names }),
            Some(name) => all.remove(name).ok_or_else(|| ChoiceError::Unknown {
                name: name.to_owned(),
                names,
            }),
        }
    }
}

/// Reads the text of a configuration file, and nothing that it names.
///
/// # Errors
/// When it is not as it should be.
pub fn parse_file(text: &[u8]) -> Result<(), ConfigError> {
    file::parse(text, &PathBuf::from("exporter.yml")).map(drop)
}

fn one_of_several(
    own: WorkspaceOptions,
    common: &WorkspaceOptions,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<WorkspaceConfig, ConfigError> {
    // The password in the environment belongs to the server that all share, not to the workspace's own.
    let has_own_server = own.mongodb.names_a_server();
    let shared = |name: &str| (!has_own_server).then(|| variable(name)).flatten();
    let mut config = workspace(own.over(common.clone()), |options| {
        secrets::uri_source(options, shared, secrets::Default::None)
    })?;
    // The host belongs to none of several workspaces.
    config.collectors.remove(&Collector::Host);
    Ok(config)
}

fn workspace(
    options: WorkspaceOptions,
    uri_source: impl FnOnce(&MongodbOptions) -> Result<UriSource, ConfigError>,
) -> Result<WorkspaceConfig, ConfigError> {
    let source = uri_source(&options.mongodb)?;
    let intervals = intervals(&options);
    let WorkspaceOptions {
        mongodb,
        collection: _,
        collector,
        rocketchat,
        statistics,
        web,
        compat_metrics,
    } = options;
    let timezone = match rocketchat.timezone {
        None => TimeZone::system(),
        Some(name) => {
            TimeZone::get(&name).map_err(|reason| ConfigError::TimeZone { name, reason })?
        }
    };
    // Also where it is not used: a mistake in it is told when it is made.
    let address = rocketchat.url.as_ref().map(address).transpose()?;
    let hands_over = web.enable_admin_api.unwrap_or(false);
    if hands_over && address.is_none() {
        return Err(ConfigError::NoAddress);
    }
    Ok(WorkspaceConfig {
        mongo: MongoSettings {
            uri: source.read()?,
            source,
            database: mongodb.database,
            query_timeout: mongodb.query_timeout.unwrap_or(Duration::from_secs(30)),
            connect_timeout: mongodb.connect_timeout.unwrap_or(Duration::from_secs(5)),
            max_connections: mongodb.max_connections.unwrap_or(2),
        },
        intervals,
        live: mongodb.live.unwrap_or(LiveArgument::Auto).into(),
        collectors: collector.enabled(),
        names: if compat_metrics.unwrap_or(false) {
            MetricNames::WithCompat
        } else {
            MetricNames::Native
        },
        shape: statistics.shape.unwrap_or(ShapeArgument::Nested).into(),
        version: rocketchat.version,
        takes_unsafe_parameters: rocketchat
            .allow_unsafe_query_and_fields_api_params
            .unwrap_or(false),
        timezone,
        license: LicenseConfig {
            configured: grants(&rocketchat.license_modules.unwrap_or_default()),
            key: rocketchat
                .license_public_key_file
                .map(public_key)
                .transpose()?,
        },
        rocketchat: address.filter(|_| hands_over),
    })
}

fn intervals(options: &WorkspaceOptions) -> Intervals {
    let collection = &options.collection;
    Intervals {
        fast: collection.fast_interval.unwrap_or(Duration::from_secs(15)),
        normal: collection.normal_interval.unwrap_or(Duration::from_mins(1)),
        slow: collection.slow_interval.unwrap_or(Duration::from_mins(15)),
        max_share: collection.max_share.unwrap_or(0.01),
    }
}

/// What a list of modules stands for; `None` when none was given.
fn grants(modules: &[String]) -> Option<Grants> {
    match modules {
        [] => None,
        modules if modules.iter().any(|it| it == "*") => Some(Grants::Everything),
        modules => Some(Grants::Modules(modules.to_vec())),
    }
}

fn address(text: &Secret) -> Result<RocketChatUrl, ConfigError> {
    RocketChatUrl::parse(text.reveal()).map_err(|reason| ConfigError::Address {
        address: text.clone(),
        reason,
    })
}

fn public_key(path: PathBuf) -> Result<PublicKey, ConfigError> {
    let text = read_file("--rocketchat.license-public-key-file", &path)?;
    PublicKey::parse(&text).map_err(|reason| ConfigError::PublicKey { path, reason })
}

//! The configuration: command line, environment and configuration file combined, with all values checked.
//!
//! Where several sources give a setting, the first of these counts: the workspace in the file, the flag, its variable, the
//! common part of the file, the default.

mod error;
mod file;
mod library_files;
pub mod options;
mod secrets;
#[cfg(test)]
mod tests;
mod web;
mod workspace;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub use error::{ChoiceError, ConfigError};
pub use web::WebSettings;
pub use workspace::WorkspaceConfig;

use secrets::DEFAULT_URI;

use crate::cli::Cli;
use crate::clock::Clock;
use crate::collectors::Collector;
use crate::scheduler::Intervals;

/// The checked settings of the program.
#[derive(Debug)]
pub struct Config {
    /// How to serve.
    pub web: WebSettings,
    /// The source of the current time.
    pub clock: Clock,
    /// The workspaces to read.
    pub workspaces: WorkspaceConfigs,
    /// Where they were configured.
    pub sources: ConfigSources,
}

/// Where a configuration comes from. A reload is refused if one of these becomes false: the file is probably empty or cut
/// off because it is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigSources {
    /// Whether the configuration file has settings.
    file_has_settings: bool,
    /// Whether a connection string or a list of workspaces is given; otherwise the default server is read.
    has_servers: bool,
    /// Whether there is a workspace.
    has_workspaces: bool,
}

/// The workspaces to read.
#[derive(Debug)]
pub enum WorkspaceConfigs {
    /// A single one, without a name.
    One(Box<WorkspaceConfig>),
    /// Those of the configuration file.
    Named {
        /// The interval of the host, which belongs to none of them; `None` if it is not read.
        host: Option<Intervals>,
        /// The workspaces by name.
        workspaces: BTreeMap<String, WorkspaceConfig>,
    },
}

impl Config {
    /// Checks all settings, and reads the files that they name. `variable` looks up an environment variable.
    ///
    /// # Errors
    /// When a setting is invalid; the message names it.
    pub fn load(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let web = WebSettings::open(cli)?;
        let (workspaces, sources) = WorkspaceConfigs::load(cli, variable)?;
        Ok(Self {
            web,
            clock: cli.now.map_or(Clock::System, Clock::Fixed),
            workspaces,
            sources,
        })
    }
}

impl WorkspaceConfigs {
    /// Loads the part of the configuration that a reload reads again: the configuration file, and the files with secrets.
    ///
    /// # Errors
    /// When a setting is invalid; the message names it.
    pub fn load(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Self, ConfigSources), ConfigError> {
        library_files::check(&variable)?;
        let loaded = Self::read(cli, variable);
        if let Ok((workspaces, _)) = &loaded {
            workspaces.log_warnings();
        }
        // Its cache holds the names of all time zones, and no zone is looked up again.
        jiff::tz::db().reset();
        loaded
    }

    /// Loads the configuration again. `current` describes the one in use.
    ///
    /// # Errors
    /// As [`WorkspaceConfigs::load`], and when the file has no settings or no server any more.
    pub fn reload(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
        current: ConfigSources,
    ) -> Result<(Self, ConfigSources), ConfigError> {
        let (workspaces, new) = Self::load(cli, variable)?;
        if let Some(path) = &cli.config_file
            && current.file_has_settings
            && !new.file_has_settings
        {
            return Err(ConfigError::Emptied { path: path.clone() });
        }
        if (current.has_servers && !new.has_servers)
            || (current.has_workspaces && !new.has_workspaces)
        {
            return Err(ConfigError::NothingLeft);
        }
        Ok((workspaces, new))
    }

    fn read(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Self, ConfigSources), ConfigError> {
        let file = match &cli.config_file {
            Some(path) => file::read(path)?,
            None => file::ConfigFile::default(),
        };
        let mut sources = ConfigSources {
            file_has_settings: file.has_settings,
            has_servers: true,
            has_workspaces: true,
        };
        let common = cli.workspace.clone().or(file.common);
        let Some(named) = file.workspaces else {
            let only = WorkspaceConfig::build(common, |options| {
                let given = secrets::uri_source(options, &variable, None);
                if !matches!(given, Err(ConfigError::NoServer)) {
                    return given;
                }
                sources.has_servers = false;
                secrets::uri_source(options, &variable, Some(DEFAULT_URI))
            })?;
            return Ok((Self::One(Box::new(only)), sources));
        };
        sources.has_workspaces = !named.is_empty();
        let reads_host = common.collector.enabled().contains(&Collector::Host);
        let mut workspaces = BTreeMap::new();
        for (name, own) in named {
            let config = WorkspaceConfig::build_named(own, &common, &variable);
            let config = config.map_err(|reason| ConfigError::Workspace {
                name: name.clone(),
                reason: Box::new(reason),
            })?;
            workspaces.insert(name, config);
        }
        let named = Self::Named {
            host: reads_host.then(|| workspace::intervals(&common)),
            workspaces,
        };
        Ok((named, sources))
    }

    /// Warns of options of connection strings that have no effect.
    fn log_warnings(&self) {
        for (name, config) in self.each() {
            let warnings = config.mongo.uri.warnings();
            if !warnings.is_empty() {
                tracing::warn!(
                    workspace = name,
                    options = warnings.join("; "),
                    "options of the connection string are ignored"
                );
            }
        }
    }

    /// Why the first connection string that can never work does not, by the current content of its files.
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

    /// All workspaces with their names.
    fn each(&self) -> impl Iterator<Item = (Option<&str>, &WorkspaceConfig)> {
        let (one, named) = match self {
            Self::One(workspace) => (Some(&**workspace), None),
            Self::Named { workspaces, .. } => (None, Some(workspaces)),
        };
        let named = named.into_iter().flatten();
        let named = named.map(|(name, config)| (Some(name.as_str()), config));
        one.map(|config| (None, config)).into_iter().chain(named)
    }

    /// A description for the log: the connection string without user name and password, or the number of workspaces.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::One(workspace) => workspace.mongo.uri.secret().to_string(),
            Self::Named { workspaces, .. } => format!("{} workspaces", workspaces.len()),
        }
    }

    /// The workspace with a name, or the only one.
    ///
    /// # Errors
    /// When no workspace has the name, or there are several and no name is given.
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

/// Parses the text of a configuration file, without the files that it names.
///
/// # Errors
/// When it is invalid.
pub fn parse_file(text: &[u8]) -> Result<(), ConfigError> {
    file::parse(text, &PathBuf::from("exporter.yml")).map(drop)
}

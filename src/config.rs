//! The configuration: command line, environment and configuration file combined, with all values checked.
//!
//! Where several sources give a setting, the first of these counts: the workspace in the file, the flag, its variable, the
//! common part of the file, the default.

mod error;
mod file;
mod library_files;
mod memory_limit;
pub mod options;
mod secrets;
#[cfg(test)]
mod tests;
mod web;
mod workspace;
mod workspace_folder;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::{ChoiceError, ConfigError};
pub use web::WebSettings;
pub use workspace::WorkspaceConfig;
pub use workspace_folder::WorkspaceFolder;

use options::WorkspaceOptions;
use secrets::DEFAULT_URI;

use crate::cli::Cli;
use crate::clock::Clock;
use crate::collectors::Collector;
use crate::scheduler::Intervals;
use crate::shard::Shard;

/// Names of workspaces in a message.
const MAX_LISTED: usize = 20;

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
    /// Which of them this exporter reads.
    pub shard: Option<Shard>,
}

/// Where a configuration comes from. A reload is refused if one of these becomes false: the file is probably empty or cut
/// off because it is being written.
#[derive(Debug, Clone)]
pub struct ConfigSources {
    /// Whether the configuration file has settings.
    file_has_settings: bool,
    /// Whether a connection string or a list of workspaces is given; otherwise the default server is read.
    has_servers: bool,
    /// Whether there is a workspace.
    has_workspaces: bool,
    /// The directory with a file for each workspace.
    pub folder: Option<WorkspaceFolder>,
}

/// The workspaces to read.
#[derive(Debug)]
pub enum WorkspaceConfigs {
    /// A single one, without a name.
    One(Arc<WorkspaceConfig>),
    /// Those of the configuration file, or of the directory.
    Named {
        /// The interval of the host, which belongs to none of them; `None` if it is not read.
        host: Option<Intervals>,
        /// The workspaces by name.
        workspaces: BTreeMap<String, Arc<WorkspaceConfig>>,
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
            shard: shard(cli)?,
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
        Self::load_after(None, cli, variable)
    }

    /// Loads the configuration; where a file of the directory is wrong, its settings in `current` stay.
    fn load_after(
        current: Option<&ConfigSources>,
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Self, ConfigSources), ConfigError> {
        library_files::check(&variable)?;
        let known = current.and_then(|current| current.folder.as_ref());
        let loaded = Self::read(known, cli, variable);
        if let Ok((workspaces, _)) = &loaded {
            workspaces.log_warnings();
        }
        Self::forget_time_zones();
        loaded
    }

    /// Frees the cache with the names of all time zones: no zone is looked up until the next change.
    pub fn forget_time_zones() {
        jiff::tz::db().reset();
    }

    /// Loads the configuration again. `current` describes the one in use.
    ///
    /// # Errors
    /// As [`WorkspaceConfigs::load`], and when the file has no settings or no server any more.
    pub fn reload(
        cli: &Cli,
        variable: impl Fn(&str) -> Option<OsString>,
        current: &ConfigSources,
    ) -> Result<(Self, ConfigSources), ConfigError> {
        let (workspaces, new) = Self::load_after(Some(current), cli, variable)?;
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

    /// The workspaces of a directory.
    pub fn of_folder(folder: &WorkspaceFolder) -> Self {
        Self::named(folder.common(), folder.workspaces())
    }

    fn named(
        common: &WorkspaceOptions,
        workspaces: BTreeMap<String, Arc<WorkspaceConfig>>,
    ) -> Self {
        let reads_host = common.collector.enabled().contains(&Collector::Host);
        Self::Named {
            host: reads_host.then(|| workspace::intervals(common)),
            workspaces,
        }
    }

    fn read(
        known: Option<&WorkspaceFolder>,
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
            folder: None,
        };
        let shard = shard(cli)?;
        let common = cli.workspace.clone().or(file.common);
        if let Some(path) = &cli.config_dir {
            if file.workspaces.is_some() {
                return Err(ConfigError::TwoLists);
            }
            let folder = match known {
                Some(known) => known.reload(&common, variable)?,
                None => WorkspaceFolder::open(path, shard, &common, variable)?,
            };
            folder.log_problems(known);
            let workspaces = Self::of_folder(&folder);
            sources.folder = Some(folder);
            return Ok((workspaces, sources));
        }
        let Some(named) = file.workspaces else {
            if shard.is_some() {
                return Err(ConfigError::NothingToShare);
            }
            let only = WorkspaceConfig::build(common, |options| {
                let given = secrets::uri_source(options, &variable, None);
                if !matches!(given, Err(ConfigError::NoServer)) {
                    return given;
                }
                sources.has_servers = false;
                secrets::uri_source(options, &variable, Some(DEFAULT_URI))
            })?;
            return Ok((Self::One(Arc::new(only)), sources));
        };
        sources.has_workspaces = !named.is_empty();
        let mut workspaces = BTreeMap::new();
        let is_owned = |name: &String| shard.is_none_or(|shard| shard.owns(name));
        for (name, own) in named.into_iter().filter(|(name, _)| is_owned(name)) {
            let config = WorkspaceConfig::build_named(&name, own, &common, &variable);
            let config = config.map_err(|reason| ConfigError::Workspace {
                name: name.clone(),
                reason: Box::new(reason),
            })?;
            workspaces.insert(name, Arc::new(config));
        }
        Ok((Self::named(&common, workspaces), sources))
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
        let named = named.map(|(name, config)| (Some(name.as_str()), &**config));
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
            (Self::One(workspace), None) => return Ok(Arc::unwrap_or_clone(workspace)),
            (Self::One(_), Some(_)) => BTreeMap::new(),
            (Self::Named { workspaces, .. }, _) => workspaces,
        };
        let names = listed(&all);
        match name {
            None => Err(ChoiceError::Several { names }),
            Some(name) => {
                let chosen = all.remove(name).ok_or_else(|| ChoiceError::Unknown {
                    name: name.to_owned(),
                    names,
                })?;
                Ok(Arc::unwrap_or_clone(chosen))
            }
        }
    }
}

/// The names of workspaces for a message; not all if there are many.
fn listed<T>(workspaces: &BTreeMap<String, T>) -> String {
    let first: Vec<&str> = workspaces
        .keys()
        .take(MAX_LISTED)
        .map(String::as_str)
        .collect();
    let others = workspaces.len().saturating_sub(MAX_LISTED);
    let first = first.join(", ");
    if others == 0 {
        first
    } else {
        format!("{first} and {others} others")
    }
}

/// The shard that this exporter serves.
fn shard(cli: &Cli) -> Result<Option<Shard>, ConfigError> {
    let (Some(ordinal), Some(total)) = (cli.shard, cli.total_shards) else {
        return Ok(None);
    };
    if ordinal >= total {
        return Err(ConfigError::Shard { ordinal, total });
    }
    // Any pod can check any workspace.
    Ok(cli.subcommand.is_none().then_some(Shard { ordinal, total }))
}

/// Parses the text of a configuration file, without the files that it names.
///
/// # Errors
/// When it is invalid.
pub fn parse_file(text: &[u8]) -> Result<(), ConfigError> {
    file::parse(text, &PathBuf::from("exporter.yml")).map(drop)
}

//! The configuration file: YAML with the names of the flags, for one or several workspaces.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::ConfigError;
use super::options::{
    CollectionOptions, CollectorOptions, MongodbOptions, RocketchatOptions, StatisticsOptions,
    WebOptions, WorkspaceOptions,
};
use crate::{small_file, yaml};

/// Workspaces of one exporter: each has its own tasks and connections.
const MAX_WORKSPACES: usize = 1000;

/// The content of the file.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// Settings of all workspaces.
    pub common: WorkspaceOptions,
    /// Settings of each workspace; `None` if the file has no list of workspaces.
    pub workspaces: Option<BTreeMap<String, WorkspaceOptions>>,
    /// Whether it has any setting.
    pub has_settings: bool,
}

/// The format of the file: the settings of all workspaces, and the list of workspaces.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct RawConfigFile {
    mongodb: MongodbOptions,
    collection: CollectionOptions,
    collector: CollectorOptions,
    rocketchat: RocketchatOptions,
    statistics: StatisticsOptions,
    web: WebOptions,
    compat_metrics: Option<bool>,
    workspaces: Option<BTreeMap<String, WorkspaceOptions>>,
}

/// Reads the file. Paths in it are relative to its directory.
pub fn read(path: &Path) -> Result<ConfigFile, ConfigError> {
    let text = small_file::read(path).map_err(|reason| ConfigError::Unreadable {
        setting: "--config.file",
        path: path.to_owned(),
        reason,
    })?;
    parse(&text, path)
}

/// Parses the text of the file at a path.
pub fn parse(text: &[u8], path: &Path) -> Result<ConfigFile, ConfigError> {
    let invalid = |reason| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let raw: RawConfigFile = yaml::parse(text).map_err(invalid)?;
    let has_settings = raw != RawConfigFile::default();
    let mut common = WorkspaceOptions {
        mongodb: raw.mongodb,
        collection: raw.collection,
        collector: raw.collector,
        rocketchat: raw.rocketchat,
        statistics: raw.statistics,
        web: raw.web,
        compat_metrics: raw.compat_metrics,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    resolve_paths(&mut common, folder)?;
    let mut workspaces = raw.workspaces;
    let number = workspaces.as_ref().map_or(0, BTreeMap::len);
    if number > MAX_WORKSPACES {
        return Err(invalid(format!(
            "it has {number} workspaces; expected at most {MAX_WORKSPACES}"
        )));
    }
    for (name, options) in workspaces.iter_mut().flatten() {
        if !is_workspace_name(name) {
            return Err(ConfigError::WorkspaceName { name: name.clone() });
        }
        resolve_paths(options, folder).map_err(|reason| ConfigError::Workspace {
            name: name.clone(),
            reason: Box::new(reason),
        })?;
    }
    Ok(ConfigFile {
        common,
        workspaces,
        has_settings,
    })
}

/// Makes the paths of a file relative to its directory.
pub fn resolve_paths(options: &mut WorkspaceOptions, folder: &Path) -> Result<(), ConfigError> {
    let mongodb = &options.mongodb;
    if mongodb.uri.is_some() && mongodb.uri_file.is_some() {
        return Err(ConfigError::TwoServers);
    }
    for path in options.files_mut() {
        *path = folder.join(&*path);
    }
    Ok(())
}

/// Names are part of URLs, a label and log messages.
pub fn is_workspace_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|char: char| char.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
}

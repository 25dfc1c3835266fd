//! The configuration file: YAML with the same names as the flags, for one workspace or for several.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::ConfigError;
use super::options::collectors::CollectorOptions;
use super::options::{
    CollectionOptions, MongodbOptions, RocketchatOptions, StatisticsOptions, WebOptions,
    WorkspaceOptions,
};
use crate::{small_file, yaml};

/// Workspaces of one exporter: each has tasks and connections of its own.
const MOST_WORKSPACES: usize = 1000;

/// What the file says.
#[derive(Debug, Default)]
pub struct File {
    /// For every workspace.
    pub common: WorkspaceOptions,
    /// For each of several workspaces; `None` when the file does not speak of several.
    pub workspaces: Option<BTreeMap<String, WorkspaceOptions>>,
    /// Whether it sets anything.
    pub says_something: bool,
}

/// The file as it is written: the settings of a workspace, and the list of workspaces beside them.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    mongodb: MongodbOptions,
    collection: CollectionOptions,
    collector: CollectorOptions,
    rocketchat: RocketchatOptions,
    statistics: StatisticsOptions,
    web: WebOptions,
    compat_metrics: Option<bool>,
    workspaces: Option<BTreeMap<String, WorkspaceOptions>>,
}

/// Reads the file; paths in it start at its folder.
pub fn read(path: &Path) -> Result<File, ConfigError> {
    let text = small_file::read(path).map_err(|reason| ConfigError::Unreadable {
        setting: "--config.file",
        path: path.to_owned(),
        reason,
    })?;
    parse(&text, path)
}

/// Reads the text of the file at a path.
pub fn parse(text: &[u8], path: &Path) -> Result<File, ConfigError> {
    let wrong = |reason| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let written: Written = yaml::parse(text).map_err(wrong)?;
    let says_something = written != Written::default();
    let mut common = WorkspaceOptions {
        mongodb: written.mongodb,
        collection: written.collection,
        collector: written.collector,
        rocketchat: written.rocketchat,
        statistics: written.statistics,
        web: written.web,
        compat_metrics: written.compat_metrics,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    find_files(&mut common, folder)?;
    let mut workspaces = written.workspaces;
    let number = workspaces.as_ref().map_or(0, BTreeMap::len);
    if number > MOST_WORKSPACES {
        return Err(wrong(format!(
            "it has {number} workspaces; expected {MOST_WORKSPACES} at most"
        )));
    }
    for (name, options) in workspaces.iter_mut().flatten() {
        if !is_name(name) {
            return Err(ConfigError::WorkspaceName { name: name.clone() });
        }
        find_files(options, folder).map_err(|reason| ConfigError::Workspace {
            name: name.clone(),
            reason: Box::new(reason),
        })?;
    }
    Ok(File {
        common,
        workspaces,
        says_something,
    })
}

fn find_files(options: &mut WorkspaceOptions, folder: &Path) -> Result<(), ConfigError> {
    let mongodb = &mut options.mongodb;
    if mongodb.uri.is_some() && mongodb.uri_file.is_some() {
        return Err(ConfigError::TwoServers);
    }
    let files = [
        &mut mongodb.uri_file,
        &mut mongodb.password_file,
        &mut options.rocketchat.license_public_key_file,
    ];
    for path in files.into_iter().flatten() {
        *path = folder.join(&*path);
    }
    Ok(())
}

/// Names stand in addresses, in a label and in the log.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|it: char| it.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "-_.".contains(it))
}

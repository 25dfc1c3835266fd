//! `--config.dir`: a directory with one file for each workspace, whose name is the workspace's.
//!
//! A wrong file costs its workspace alone: the last valid settings stay in use, and a workspace that never had any is not read.
//! A change costs a look at the metadata of all files, and a read of those that have changed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::error::ConfigError;
use super::file::{is_workspace_name, resolve_paths};
use super::options::WorkspaceOptions;
use super::workspace::WorkspaceConfig;
use crate::exposition::WorkspaceFileStats;
use crate::file_stamp::FileStamp;
use crate::shard::Shard;
use crate::{small_file, yaml};

/// Files of a directory: each workspace has its own tasks.
const MAX_FILES: usize = 10_000;

/// The end of a file's name after the workspace's name.
const EXTENSION: &str = ".yml";

/// The end that is often used instead; a file with it is reported.
const OTHER_EXTENSION: &str = ".yaml";

/// The most invalid files that have a series of their own.
const MAX_SHOWN_FILES: usize = 100;

/// The directory, and its files as they were last read.
#[derive(Debug, Clone)]
pub struct WorkspaceFolder {
    path: PathBuf,
    /// Which of the workspaces are read.
    shard: Option<Shard>,
    /// The settings that all workspaces share.
    common: Arc<WorkspaceOptions>,
    files: BTreeMap<String, Arc<WorkspaceFile>>,
    /// Why the directory could not be listed; its files stay in use.
    unlisted: Option<String>,
    reads: u64,
}

/// A file as it was last read.
#[derive(Debug)]
struct WorkspaceFile {
    stamp: FileStamp,
    /// The settings in use: the last valid ones.
    config: Option<Arc<WorkspaceConfig>>,
    /// Whether these have settings of their own.
    has_settings: bool,
    /// Why the current content is not in use.
    problem: Option<String>,
}

/// Settings, and whether the file has some of its own.
type ParsedFile = (WorkspaceConfig, bool);

impl WorkspaceFolder {
    /// Reads all files.
    ///
    /// # Errors
    /// When the directory cannot be listed, or has too many files. A wrong file is no error.
    pub fn open(
        path: &Path,
        shard: Option<Shard>,
        common: &WorkspaceOptions,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let empty = Self {
            path: path.to_owned(),
            shard,
            common: Arc::default(),
            files: BTreeMap::new(),
            unlisted: None,
            reads: 0,
        };
        empty.reload(common, variable)
    }

    /// Reads all files again, with other common settings.
    ///
    /// # Errors
    /// As [`WorkspaceFolder::open`], and when no file is left.
    pub fn reload(
        &self,
        common: &WorkspaceOptions,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let mut new = self.clone();
        new.common = Arc::new(common.clone());
        new.read(true, variable)?;
        Ok(new)
    }

    /// Reads the files that are new or have changed, and tries those again that are invalid: what they name may have changed.
    pub fn refresh(&self, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let mut new = self.clone();
        new.unlisted = new
            .read(false, variable)
            .err()
            .map(|error| error.to_string());
        new
    }

    fn read(
        &mut self,
        everything: bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), ConfigError> {
        let names = self.list()?;
        if names.is_empty() && !self.files.is_empty() {
            return Err(ConfigError::NothingLeft);
        }
        let mut files = BTreeMap::new();
        for name in names {
            let path = self.path.join(&name);
            let known = self.files.get(&name);
            let unchanged = known.filter(|file| {
                !everything && file.problem.is_none() && !file.stamp.is_outdated(&path)
            });
            let file = if let Some(file) = unchanged {
                Arc::clone(file)
            } else {
                self.reads += 1;
                let stamp = FileStamp::of(&path);
                let parsed = self.parse(&name, &path, known.map(|file| &**file), &variable);
                Arc::new(WorkspaceFile::new(stamp, parsed, known))
            };
            files.insert(name, file);
        }
        self.files = files;
        self.unlisted = None;
        Ok(())
    }

    /// The names of the shard's files: all but hidden ones that end in `.yml`, or in `.yaml`, which is a mistake.
    fn list(&self) -> Result<Vec<String>, ConfigError> {
        let unreadable = |reason: io::Error| ConfigError::Unreadable {
            setting: "--config.dir",
            path: self.path.clone(),
            reason,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy().into_owned();
            let is_named_so = name.ends_with(EXTENSION) || name.ends_with(OTHER_EXTENSION);
            let workspace = name.strip_suffix(EXTENSION).unwrap_or(&name);
            let is_owned = self.shard.is_none_or(|shard| shard.owns(workspace));
            if is_named_so && is_owned && !name.starts_with('.') {
                names.push(name);
            }
        }
        if names.len() > MAX_FILES {
            return Err(ConfigError::TooManyFiles {
                path: self.path.clone(),
                number: names.len(),
                max: MAX_FILES,
            });
        }
        Ok(names)
    }

    fn parse(
        &self,
        file: &str,
        path: &Path,
        known: Option<&WorkspaceFile>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<ParsedFile, String> {
        let Some(name) = file.strip_suffix(EXTENSION) else {
            return Err(format!(
                "the file of a workspace ends in {EXTENSION}; rename it"
            ));
        };
        if !is_workspace_name(name) {
            let name = name.to_owned();
            return Err(ConfigError::WorkspaceName { name }.to_string());
        }
        let text = small_file::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
        let mut options: WorkspaceOptions = yaml::parse(&text)?;
        let has_settings = options != WorkspaceOptions::default();
        if !has_settings && known.is_some_and(|known| known.has_settings) {
            return Err(
                "it has no settings any more; if that is intended, remove the file and create it again"
                    .to_owned(),
            );
        }
        resolve_paths(&mut options, &self.path).map_err(|error| error.to_string())?;
        let config = WorkspaceConfig::build_named(name, options, &self.common, variable);
        let config = config.map_err(|error| error.to_string())?;
        Ok((config, has_settings))
    }

    /// The settings that all workspaces share.
    pub fn common(&self) -> &WorkspaceOptions {
        &self.common
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings in use by workspace.
    pub fn workspaces(&self) -> BTreeMap<String, Arc<WorkspaceConfig>> {
        let configs = self.files.iter().filter_map(|(name, file)| {
            let name = name.strip_suffix(EXTENSION)?;
            Some((name.to_owned(), Arc::clone(file.config.as_ref()?)))
        });
        configs.collect()
    }

    /// Whether other settings are in use than in an earlier state.
    pub fn differs_from(&self, earlier: &Self) -> bool {
        self.files.len() != earlier.files.len()
            || self.files.iter().any(|(name, file)| {
                let earlier = earlier.files.get(name);
                earlier.is_none_or(|earlier| {
                    !Arc::ptr_eq(earlier, file) && earlier.config != file.config
                })
            })
    }

    /// The files that are not in use as they are, and why; and the directory, if it cannot be listed.
    pub fn problems(&self) -> BTreeMap<String, String> {
        let files = self
            .files
            .iter()
            .filter_map(|(name, file)| Some((name.clone(), file.problem.clone()?)));
        let unlisted = self.unlisted.iter();
        let unlisted = unlisted.map(|problem| (self.path.display().to_string(), problem.clone()));
        files.chain(unlisted).collect()
    }

    /// Logs the problems that an earlier state does not have.
    pub fn log_problems(&self, earlier: Option<&Self>) {
        let known = earlier.map(Self::problems).unwrap_or_default();
        for (file, problem) in self.problems() {
            if known.get(&file) == Some(&problem) {
                continue;
            }
            let Some(known) = self.files.get(&file) else {
                tracing::error!(
                    reason = problem,
                    "--config.dir cannot be listed, so the workspaces stay as they are"
                );
                continue;
            };
            if known.config.is_some() {
                tracing::error!(
                    file,
                    reason = problem,
                    "a file of --config.dir cannot be used, so its last valid settings stay in use"
                );
            } else {
                tracing::error!(
                    file,
                    reason = problem,
                    "a file of --config.dir cannot be used, so its workspace is not read"
                );
            }
        }
    }

    /// Numbers for the exporter's own metrics.
    pub fn stats(&self) -> WorkspaceFileStats {
        let problems = self.problems();
        let invalid = self.files.values().filter(|file| file.problem.is_some());
        let invalid = invalid.count() as u64;
        WorkspaceFileStats {
            valid: self.files.len() as u64 - invalid,
            invalid,
            reads: self.reads,
            first_invalid: problems.into_keys().take(MAX_SHOWN_FILES).collect(),
        }
    }
}

impl WorkspaceFile {
    /// What follows from the content of a file; where it is wrong, the settings of `known` stay.
    fn new(
        stamp: FileStamp,
        parsed: Result<ParsedFile, String>,
        known: Option<&Arc<WorkspaceFile>>,
    ) -> Self {
        match parsed {
            Ok((config, has_settings)) => {
                // The same object, so that comparing all workspaces takes no time.
                let known = known.and_then(|known| known.config.clone());
                let known = known.filter(|known| **known == config);
                Self {
                    stamp,
                    config: Some(known.unwrap_or_else(|| Arc::new(config))),
                    has_settings,
                    problem: None,
                }
            }
            Err(problem) => Self {
                stamp,
                config: known.and_then(|known| known.config.clone()),
                has_settings: known.is_some_and(|known| known.has_settings),
                problem: Some(problem),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    use super::*;

    const NUMBER: usize = 500;

    fn common() -> WorkspaceOptions {
        yaml::parse(b"mongodb: {uri-file: '/secrets/{name}/mongo-uri'}").expect("it is valid")
    }

    /// Writes a file that was not changed recently.
    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::write(&path, text).expect("the file can be written");
        let file = File::options().write(true).open(&path);
        let past = SystemTime::now() - Duration::from_mins(1);
        file.and_then(|file| file.set_modified(past))
            .expect("the time can be set");
    }

    fn settings(number: usize) -> String {
        format!("mongodb: {{uri: 'mongodb://db{number}'}}\n")
    }

    #[test]
    fn change_of_one_file_reads_one() {
        let folder = tempfile::tempdir().expect("a directory can be created");
        for number in 0..NUMBER {
            write(folder.path(), &format!("w{number}.yml"), &settings(number));
        }
        let all = WorkspaceFolder::open(folder.path(), None, &common(), |_| None);
        let all = all.expect("the directory can be read");
        assert_eq!((all.reads, all.workspaces().len()), (500, NUMBER));

        write(folder.path(), "added.yml", &settings(0));
        let added = all.refresh(|_| None);
        assert_eq!((added.reads, added.workspaces().len()), (501, NUMBER + 1));
        assert!(added.differs_from(&all));

        write(folder.path(), "w7.yml", &settings(8000));
        let changed = added.refresh(|_| None);
        assert_eq!(changed.reads, 502);
        assert!(changed.differs_from(&added));

        fs::remove_file(folder.path().join("w8.yml")).expect("the file can be removed");
        let removed = changed.refresh(|_| None);
        assert_eq!((removed.reads, removed.workspaces().len()), (502, NUMBER));
        assert!(!removed.refresh(|_| None).differs_from(&removed));
    }

    #[test]
    fn wrong_file_keeps_the_last_valid_settings() {
        let folder = tempfile::tempdir().expect("a directory can be created");
        write(folder.path(), "a.yml", &settings(1));
        write(folder.path(), "b.yml", "mongodb: {");
        write(folder.path(), "a b.yml", &settings(1));
        write(folder.path(), "c.yaml", &settings(1));
        write(folder.path(), ".hidden.yml", "[");
        write(folder.path(), "README.txt", "[");
        let first = WorkspaceFolder::open(folder.path(), None, &common(), |_| None);
        let first = first.expect("the directory can be read");
        assert_eq!(first.workspaces().into_keys().collect::<Vec<_>>(), ["a"]);
        let problems: Vec<_> = first.problems().into_keys().collect();
        assert_eq!(problems, ["a b.yml", "b.yml", "c.yaml"]);

        for text in ["mongodb: {uri: x}", "", "unknown: 1"] {
            write(folder.path(), "a.yml", text);
            let wrong = first.refresh(|_| None);
            assert_eq!(wrong.workspaces(), first.workspaces(), "{text}");
            assert!(wrong.problems().contains_key("a.yml"), "{text}");
        }
        write(folder.path(), "a.yml", &settings(2));
        let corrected = first.refresh(|_| None);
        assert!(!corrected.problems().contains_key("a.yml"));
        assert_ne!(corrected.workspaces(), first.workspaces());
    }

    #[test]
    fn emptied_or_missing_directory_removes_no_workspace() {
        let folder = tempfile::tempdir().expect("a directory can be created");
        let path = folder.path().join("workspaces");
        fs::create_dir(&path).expect("a directory can be created");
        write(&path, "a.yml", &settings(1));
        let first = WorkspaceFolder::open(&path, None, &common(), |_| None);
        let first = first.expect("the directory can be read");
        fs::remove_file(path.join("a.yml")).expect("the file can be removed");
        for _ in 0..2 {
            let empty = first.refresh(|_| None);
            assert_eq!(empty.workspaces(), first.workspaces());
            assert_eq!(empty.problems().len(), 1, "{:?}", empty.problems());
            fs::remove_dir(&path).ok();
        }
    }

    #[test]
    fn name_of_the_workspace_is_inserted_into_paths() {
        let folder = tempfile::tempdir().expect("a directory can be created");
        let secrets = folder.path().join("secrets/acme");
        fs::create_dir_all(&secrets).expect("a directory can be created");
        fs::write(secrets.join("mongo-uri"), "mongodb://acme-db").expect("it can be written");
        let pattern = format!("{}/secrets/{{name}}/mongo-uri", folder.path().display());
        let common = format!("mongodb: {{uri-file: '{pattern}'}}");
        let common = yaml::parse(common.as_bytes()).expect("it is valid");
        write(folder.path(), "acme.yml", "");
        write(folder.path(), "other.yml", "");
        let all = WorkspaceFolder::open(folder.path(), None, &common, |_| None);
        let all = all.expect("the directory can be read");
        assert_eq!(all.workspaces()["acme"].mongo.address(), "acme-db:27017");
        // The secret that is missing appears.
        assert!(all.problems()["other.yml"].contains("secrets/other/mongo-uri"));
        let secrets = folder.path().join("secrets/other");
        fs::create_dir_all(&secrets).expect("a directory can be created");
        fs::write(secrets.join("mongo-uri"), "mongodb://other-db").expect("it can be written");
        assert_eq!(all.refresh(|_| None).workspaces().len(), 2);
    }
}

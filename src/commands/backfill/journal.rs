//! What was read so far, beside the file that is to be written: the samples of each series in a file of their own, and
//! a state that says how much of them counts and where to go on.
//!
//! The state is replaced in one step, after what it counts is on the disk. So whatever ends the program, and be it the
//! machine, the next run begins with a whole number of documents.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::files;
use super::rule::{Extract, Extracted};
use super::series::BACKFILL_SERIES;
use crate::catalogue::Timestamp;

/// What decides about the content of the file; a run goes on only with what another one of the same settings began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Version of this program, which decides what is read.
    pub program: String,
    /// The connection string without its user.
    pub server: String,
    /// `--mongodb.database`.
    pub database: Option<String>,
    /// `--workspace`.
    pub workspace: Option<String>,
    /// `--label`.
    pub labels: Vec<(String, String)>,
    /// `--from`, in milliseconds since 1970.
    pub from: Option<i64>,
    /// `--until`, in milliseconds since 1970.
    pub until: Option<i64>,
    /// `--step`, in seconds.
    pub step: Option<u64>,
    /// `--fill`, in seconds.
    pub fill: Option<u64>,
}

/// How far the reading is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    settings: Settings,
    /// Where the reading ends, in milliseconds since 1970: of the first run where nothing was asked for.
    pub until: i64,
    /// Documents from here on are still to be read.
    pub next: i64,
    /// Whether all were read.
    pub is_read: bool,
    /// Documents that were read.
    pub read: u64,
    /// Dates of the first and of the last document that was kept.
    pub kept: Option<(i64, i64)>,
    /// Documents that were kept.
    pub documents: u64,
    /// Documents that `--step` left out.
    pub thinned: u64,
    /// Documents of the same date as the one before.
    pub repeated: u64,
    /// Documents without a version that can be read.
    pub without_version: u64,
    /// What some of them have in its place, and how many; see [`FOUND`].
    #[serde(default)]
    pub found_versions: BTreeMap<String, u64>,
    /// Documents whose value at a path is none.
    pub odd: BTreeMap<String, u64>,
    series: Vec<Stored>,
}

/// A series, and how many samples of it count.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    metric: String,
    labels: Vec<String>,
    samples: u64,
}

/// The directory with everything that was read.
#[derive(Debug)]
pub struct Parts {
    folder: PathBuf,
    // Held as long as this run works here.
    _lock: File,
    pub state: State,
    /// Samples that are in no file yet.
    pending: Vec<Vec<u8>>,
    /// Where series stand, by metric and labels.
    places: HashMap<(String, Vec<String>), usize>,
    /// The same for the rows of the catalogue whose labels are known.
    rows: Vec<Option<usize>>,
    labelled: usize,
}

/// Why nothing can be kept.
#[derive(Debug, Error)]
pub enum PartsError {
    /// Something cannot be read or written.
    #[error("cannot write `{}`: {reason}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file is to be where nothing is.
    #[error("--output: the directory `{}` does not exist; make it, or choose another", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// What is there was put there by another user, or is no directory.
    #[error(
        "`{}` is {what}, so it is not written to; remove it, or choose another --output", path.display()
    )]
    Foreign {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Another run works there.
    #[error("another process is writing `{}`", path.display())]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// What is there belongs to another command.
    #[error(
        "`{}` was begun with other settings (or another version of this program); give the same ones to go on, or remove it to begin anew", path.display()
    )]
    OtherSettings {
        /// The directory.
        path: PathBuf,
    },
    /// What is there is not what was written.
    #[error("`{}` is damaged: {reason}; remove it to begin anew", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A date in milliseconds and a number, both in eight bytes.
const SAMPLE: usize = 16;

/// Different texts in the place of a version that are told; of more there are only numbers.
pub const FOUND: usize = 10;

/// Different values of labels that are read from documents, such as versions: more are not believed.
const MOST_LABELLED: usize = 1000;

/// Makes the directory of the parts, for this user alone, unless it is there.
fn make_folder(folder: &Path) -> Result<(), PartsError> {
    let path = folder.to_path_buf();
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    let reason = match made {
        Ok(()) => return Ok(()),
        Err(reason) => reason,
    };
    if reason.kind() == io::ErrorKind::NotFound {
        let parent = folder.parent().unwrap_or(folder).to_path_buf();
        return Err(PartsError::NoDirectory { path: parent });
    }
    if reason.kind() != io::ErrorKind::AlreadyExists {
        return Err(PartsError::Unwritable { path, reason });
    }
    let what = match fs::symlink_metadata(folder) {
        Err(reason) => return Err(PartsError::Unwritable { path, reason }),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(metadata) if !metadata.is_dir() => "not a directory",
        Ok(metadata) if metadata.uid() != rustix::process::geteuid().as_raw() => {
            "a directory of another user"
        }
        Ok(_) => return Ok(()),
    };
    Err(PartsError::Foreign { path, what })
}

impl Parts {
    /// What an earlier run of the same settings left, or an empty directory that will end at `until`.
    pub fn open(folder: &Path, settings: Settings, until: Timestamp) -> Result<Self, PartsError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |reason| PartsError::Unwritable { path, reason }
        };
        make_folder(folder)?;
        let lock = folder.join("lock");
        let lock_file = files::open(&lock, OpenOptions::new().write(true).create(true));
        let lock_file = lock_file.map_err(at(&lock))?;
        match lock_file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PartsError::Busy {
                    path: folder.to_path_buf(),
                });
            }
            Err(TryLockError::Error(reason)) => return Err(at(&lock)(reason)),
        }
        let damaged = |reason: String| PartsError::Damaged {
            path: folder.to_path_buf(),
            reason,
        };
        let state = folder.join("state.json");
        let state = match files::read(&state) {
            Ok(text) => {
                let state: State =
                    serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
                if state.settings != settings {
                    return Err(PartsError::OtherSettings {
                        path: folder.to_path_buf(),
                    });
                }
                state
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::new(settings, until),
            Err(reason) => return Err(at(&state)(reason)),
        };
        let mut parts = Self {
            folder: folder.to_path_buf(),
            _lock: lock_file,
            pending: vec![Vec::new(); state.series.len()],
            places: HashMap::new(),
            rows: vec![None; BACKFILL_SERIES.len()],
            labelled: 0,
            state,
        };
        parts.cut().map_err(|(path, reason)| match reason.kind() {
            io::ErrorKind::UnexpectedEof => damaged(format!("`{}` is too short", path.display())),
            _ => PartsError::Unwritable { path, reason },
        })?;
        Ok(parts)
    }

    /// Takes away what was written after the state, and finds out which series there are.
    fn cut(&mut self) -> Result<(), (PathBuf, io::Error)> {
        for (place, series) in self.state.series.iter().enumerate() {
            let path = self.path(place);
            let length = series.samples * SAMPLE as u64;
            let cut = || {
                let file = files::open(&path, OpenOptions::new().write(true))?;
                if file.metadata()?.len() < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                file.set_len(length)
            };
            cut().map_err(|reason| (path.clone(), reason))?;
            let name = (series.metric.clone(), series.labels.clone());
            let has_known_labels = BACKFILL_SERIES
                .iter()
                .any(|row| row.metric == series.metric && !matches!(row.from, Extract::Labels(_)));
            self.labelled += usize::from(!has_known_labels);
            self.places.insert(name, place);
        }
        Ok(())
    }

    /// Takes what a document says about the row of a number. Answers the path of what is no value.
    pub fn take(&mut self, row: usize, said: Extracted, at: Timestamp) -> Option<&'static str> {
        let told = &BACKFILL_SERIES[row];
        let (place, value) = match said {
            Extracted::Nothing => return None,
            Extracted::Odd(path) => return Some(path),
            Extracted::Number(value) => {
                let place = if let Some(place) = self.rows[row] {
                    place
                } else {
                    let labels = told.labels.iter().map(ToString::to_string).collect();
                    let place = self.place(told.metric, labels);
                    self.rows[row] = Some(place);
                    place
                };
                (place, value)
            }
            Extracted::Labels(labels) => {
                let name = (told.metric.to_owned(), labels);
                let place = match self.places.get(&name) {
                    Some(place) => *place,
                    None if self.labelled == MOST_LABELLED => {
                        return told.paths().first().copied();
                    }
                    None => {
                        self.labelled += 1;
                        self.place(told.metric, name.1)
                    }
                };
                (place, 1.0)
            }
        };
        self.state.series[place].samples += 1;
        let pending = &mut self.pending[place];
        pending.extend(at.0.to_le_bytes());
        pending.extend(value.to_le_bytes());
        None
    }

    fn place(&mut self, metric: &str, labels: Vec<String>) -> usize {
        let name = (metric.to_owned(), labels);
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        let place = self.state.series.len();
        self.state.series.push(Stored {
            metric: name.0.clone(),
            labels: name.1.clone(),
            samples: 0,
        });
        self.pending.push(Vec::new());
        self.places.insert(name, place);
        place
    }

    /// Puts what was taken into the files.
    pub fn flush(&mut self) -> Result<(), PartsError> {
        for place in 0..self.pending.len() {
            if self.pending[place].is_empty() {
                continue;
            }
            let path = self.path(place);
            // What an interrupted run wrote into a file that the state does not know is not to be kept.
            let is_new = self.pending[place].len() as u64
                == self.state.series[place].samples * SAMPLE as u64;
            let mut options = OpenOptions::new();
            if is_new {
                options.write(true).truncate(true);
            } else {
                options.append(true);
            }
            files::open(&path, options.create(true))
                .and_then(|mut file| file.write_all(&self.pending[place]))
                .map_err(|reason| PartsError::Unwritable { path, reason })?;
            self.pending[place].clear();
        }
        Ok(())
    }

    /// Makes sure that the next run goes on from here.
    pub fn save(&mut self) -> Result<(), PartsError> {
        self.flush()?;
        for place in 0..self.state.series.len() {
            let path = self.path(place);
            files::open(&path, OpenOptions::new().read(true))
                .and_then(|file| file.sync_data())
                .map_err(|reason| PartsError::Unwritable { path, reason })?;
        }
        let path = self.folder.join("state.json");
        let write = || {
            let new = self.folder.join("state.json.new");
            let mut file = files::create(&new)?;
            file.write_all(&serde_json::to_vec(&self.state)?)?;
            file.sync_data()?;
            fs::rename(new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|reason| PartsError::Unwritable {
            path: path.clone(),
            reason,
        })
    }

    /// The series of a metric, as values of its labels, and their samples, oldest first.
    pub fn of<'a>(
        &'a self,
        metric: &'a str,
    ) -> impl Iterator<Item = (Vec<Cow<'static, str>>, io::Result<Samples>)> + 'a {
        let series = self.state.series.iter().enumerate();
        series
            .filter(move |(_, series)| series.metric == metric && series.samples > 0)
            .map(|(place, series)| {
                let labels = series.labels.iter().cloned().map(Cow::Owned).collect();
                let file = files::open(&self.path(place), OpenOptions::new().read(true));
                let file = file.map(|file| Samples {
                    file: BufReader::with_capacity(64 * 1024, file),
                    left: series.samples,
                });
                (labels, file)
            })
    }

    /// A place for what is made of the parts.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes everything; what somebody else put there stays.
    pub fn remove(self) {
        for place in 0..self.state.series.len() {
            drop(fs::remove_file(self.path(place)));
        }
        for name in ["state.json", "lock"] {
            drop(fs::remove_file(self.folder.join(name)));
        }
        if let Err(error) = fs::remove_dir(&self.folder) {
            tracing::warn!(
                directory = %self.folder.display(),
                %error,
                "cannot remove what is no longer needed"
            );
        }
    }

    fn path(&self, place: usize) -> PathBuf {
        self.folder.join(format!("{place}.part"))
    }
}

impl State {
    fn new(settings: Settings, until: Timestamp) -> Self {
        Self {
            until: until.0,
            next: settings.from.unwrap_or(0),
            settings,
            is_read: false,
            read: 0,
            kept: None,
            documents: 0,
            thinned: 0,
            repeated: 0,
            without_version: 0,
            found_versions: BTreeMap::new(),
            odd: BTreeMap::new(),
            series: Vec::new(),
        }
    }

    /// Series that have samples.
    pub fn series(&self) -> usize {
        self.series.len()
    }
}

/// The samples of a series.
#[derive(Debug)]
pub struct Samples {
    file: BufReader<File>,
    left: u64,
}

impl Iterator for Samples {
    type Item = io::Result<(Timestamp, f64)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut at = [0; SAMPLE / 2];
        let mut value = [0; SAMPLE / 2];
        let read = self.file.read_exact(&mut at);
        Some(read.and_then(|()| {
            self.file.read_exact(&mut value)?;
            Ok((Timestamp(i64::from_le_bytes(at)), f64::from_le_bytes(value)))
        }))
    }
}

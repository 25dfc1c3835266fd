//! Remembers which files were read, and detects their changes.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use sha2::{Digest, Sha256};

use crate::small_file;

/// A file that was written so recently may change again without a change of its timestamps, so it is read again.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// The files that were read.
#[derive(Debug)]
pub struct TrackedFiles {
    files: Vec<(PathBuf, FileStamp)>,
    /// A digest of their contents.
    pub digest: [u8; 32],
}

impl TrackedFiles {
    /// Whether one of the files may have changed.
    pub fn is_outdated(&self) -> bool {
        let now = SystemTime::now();
        self.files.iter().any(|(path, stamp)| {
            !stamp.is_settled || FileStamp::of(path, now).identity != stamp.identity
        })
    }
}

/// The metadata by which a change is noticed.
#[derive(Debug)]
struct FileStamp {
    /// `None` if there is no such file.
    identity: Option<FileIdentity>,
    is_settled: bool,
}

/// Device, inode, size, mtime and ctime.
type FileIdentity = (u64, u64, u64, (i64, i64), (i64, i64));

impl FileStamp {
    fn of(path: &Path, now: SystemTime) -> Self {
        let Ok(metadata) = fs::metadata(path) else {
            return Self {
                identity: None,
                is_settled: true,
            };
        };
        let modified = metadata.modified().ok();
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        Self {
            identity: Some((
                metadata.dev(),
                metadata.ino(),
                metadata.size(),
                (metadata.mtime(), metadata.mtime_nsec()),
                (metadata.ctime(), metadata.ctime_nsec()),
            )),
            // A timestamp in the future counts as settled.
            is_settled: age.is_none_or(|age| age > SETTLE_TIME),
        }
    }
}

/// Reads files, and remembers their metadata.
#[derive(Default)]
pub struct FileTracker {
    files: Vec<(PathBuf, FileStamp)>,
    digest: Sha256,
}

impl FileTracker {
    /// Reads a file.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // The stamp comes first, so that a change during the read is noticed.
        let stamp = FileStamp::of(path, SystemTime::now());
        let content = small_file::read(path);
        self.files.push((path.to_owned(), stamp));
        match &content {
            Ok(content) => {
                self.digest.update(content.len().to_le_bytes());
                self.digest.update(content);
            }
            Err(error) => self.digest.update(error.to_string()),
        }
        content
    }

    /// The files that were read.
    pub fn finish(self) -> TrackedFiles {
        TrackedFiles {
            files: self.files,
            digest: self.digest.finalize().into(),
        }
    }
}

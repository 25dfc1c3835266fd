//! The files that were read, and whether they are still as they were.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use sha2::{Digest, Sha256};

use crate::small_file;

/// A file that was written so recently may be written once more without a change of its times, so it is read again.
const SETTLING: Duration = Duration::from_secs(2);

/// What was looked at last.
#[derive(Debug)]
pub struct Seen {
    files: Vec<(PathBuf, Stamp)>,
    pub digest: [u8; 32],
}

impl Seen {
    /// Whether one of the files may have changed.
    pub fn is_outdated(&self) -> bool {
        let now = SystemTime::now();
        self.files.iter().any(|(path, stamp)| {
            !stamp.is_settled || Stamp::of(path, now).identity != stamp.identity
        })
    }
}

/// By what it is seen that a file has changed.
#[derive(Debug)]
struct Stamp {
    /// `None` when there is no such file.
    identity: Option<Identity>,
    is_settled: bool,
}

/// Device, number, size, and the times of the last changes of content and of anything.
type Identity = (u64, u64, u64, (i64, i64), (i64, i64));

impl Stamp {
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
            // A time that lies ahead never settles, and is not waited for.
            is_settled: age.is_none_or(|age| age > SETTLING),
        }
    }
}

/// Reads files and remembers which, as they were.
#[derive(Default)]
pub struct Reader {
    files: Vec<(PathBuf, Stamp)>,
    digest: Sha256,
}

impl Reader {
    /// The content of a file.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // The stamp is taken first: what changes while the file is read is then read again.
        let stamp = Stamp::of(path, SystemTime::now());
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

    /// The files as they were read.
    pub fn seen(self) -> Seen {
        Seen {
            files: self.files,
            digest: self.digest.finalize().into(),
        }
    }
}

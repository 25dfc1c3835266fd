//! Remembers which files were read, and detects their changes.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::file_stamp::FileStamp;
use crate::small_file;

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
        self.files
            .iter()
            .any(|(path, stamp)| stamp.is_outdated(path))
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
        let stamp = FileStamp::of(path);
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

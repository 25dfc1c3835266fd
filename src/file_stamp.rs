//! Detects that a file has changed, without reading it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file that was written so recently may change again without a change of its timestamps, so it is read again.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// The metadata by which a change is noticed.
#[derive(Debug, Clone)]
pub struct FileStamp {
    /// `None` if there is no such file.
    identity: Option<FileIdentity>,
    is_settled: bool,
}

/// Device, inode, size, mtime and ctime.
type FileIdentity = (u64, u64, u64, (i64, i64), (i64, i64));

impl FileStamp {
    /// The stamp of the file at a path. To notice a change during a read, take it before.
    pub fn of(path: &Path) -> Self {
        let now = SystemTime::now();
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

    /// Whether the file may have changed since.
    pub fn is_outdated(&self, path: &Path) -> bool {
        !self.is_settled || Self::of(path).identity != self.identity
    }
}

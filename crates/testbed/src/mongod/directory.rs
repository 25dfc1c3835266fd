//! The directory with a server's data, its log and the key file of its replica set.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Storage;

/// A file system in memory, where writes do not wait for a disk.
const MEMORY: &str = "/dev/shm";

/// The minimum size of that file system; containers often have only 64 MB.
const MIN_MEMORY: u64 = 4 << 30;

/// A temporary directory, removed on drop.
#[derive(Debug)]
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    pub(super) fn create(port: u16, storage: Storage) -> Result<Self> {
        let name = format!("rocketchat-exporter-mongod-{}-{port}", std::process::id());
        let directory = Self(parent(storage).join(name));
        let path = &directory.0;
        fs::create_dir_all(path.join("data"))
            .with_context(|| format!("cannot create `{}`", path.display()))?;
        write_secret(&path.join("key"), "members+of+one+set+only")?;
        Ok(directory)
    }
}

fn parent(storage: Storage) -> PathBuf {
    let has_room = rustix::fs::statvfs(MEMORY)
        .is_ok_and(|memory| memory.f_bavail.saturating_mul(memory.f_frsize) >= MIN_MEMORY);
    if has_room && storage == Storage::Memory {
        PathBuf::from(MEMORY)
    } else {
        std::env::temp_dir()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // The shell may have removed it first.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Writes a file that only its owner may read, as mongod requires of a key file.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}

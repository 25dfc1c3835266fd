//! Where a server keeps its data, its log and the key of its replica set.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Storage;

/// Memory of the machine as a file system: nothing is waited for there that a disk would have to write.
const MEMORY: &str = "/dev/shm";

/// A folder in memory smaller than this is left alone, such as that of a container, 64 MB.
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
        // the shell may have been faster.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// mongod refuses a key file that others may read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}

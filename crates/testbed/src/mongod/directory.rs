//! Where a server keeps its data, its log and the key of its replica set.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A temporary directory, removed on drop.
#[derive(Debug)]
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    pub(super) fn create(port: u16) -> Result<Self> {
        let name = format!("rocketchat-exporter-mongod-{}-{port}", std::process::id());
        let directory = Self(std::env::temp_dir().join(name));
        let path = &directory.0;
        fs::create_dir_all(path.join("data"))
            .with_context(|| format!("cannot create `{}`", path.display()))?;
        write_secret(&path.join("key"), "members+of+one+set+only")?;
        Ok(directory)
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

//! The file with the token of the exporter's probe. It is in memory, so that nothing is left when the demo is killed.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::fs::{MemfdFlags, memfd_create};
use testbed::workspace::Account;

/// A file that exists as long as this does.
pub(super) struct TokenFile(File);

impl TokenFile {
    pub(super) fn new(account: &Account) -> Result<Self> {
        let descriptor = memfd_create("rocketchat.token", MemfdFlags::CLOEXEC);
        let mut file = File::from(descriptor.context("cannot create a file in memory")?);
        writeln!(file, "{} {}", account.user_id, account.token)
            .context("cannot write a file in memory")?;
        Ok(Self(file))
    }

    /// Its path for other processes of the user.
    pub(super) fn path(&self) -> PathBuf {
        let (process, descriptor) = (std::process::id(), self.0.as_raw_fd());
        PathBuf::from(format!("/proc/{process}/fd/{descriptor}"))
    }
}

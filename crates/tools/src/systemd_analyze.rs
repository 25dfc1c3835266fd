//! systemd-analyze, which knows what systemd accepts in a unit. Every Debian that runs systemd has it; a container may
//! not.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{apt_get, is_root, on_path};

/// A systemd-analyze that is already here.
pub fn find() -> Result<PathBuf> {
    on_path("systemd-analyze").context(
        "no systemd-analyze here; run `cargo xtask test` once as root, or install Debian's package systemd",
    )
}

/// systemd-analyze, installed if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    if !is_root() || on_path("apt-get").is_none() {
        bail!(
            "no systemd-analyze here; install Debian's package systemd, or run this once as root"
        );
    }
    apt_get(|command| {
        command.args(["install", "-q", "-y", "--no-install-recommends", "systemd"]);
    })
    .context("cannot install the package systemd; install it by hand")?;
    find()
}

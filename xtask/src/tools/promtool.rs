//! promtool, which knows what Prometheus accepts. It comes from Debian's package `prometheus`, which needs not be
//! installed for it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{apt_get, directory, install, on_path, output_of};

const NAME: &str = "prometheus";
const PROGRAM: &str = "usr/bin/promtool";

/// A promtool that is already here.
pub fn find() -> Result<PathBuf> {
    let downloaded = directory().join(NAME).join(PROGRAM);
    match on_path("promtool") {
        Some(path) => Ok(path),
        None if downloaded.exists() => Ok(downloaded),
        None => bail!("no promtool here; run `cargo xtask test` once, or put promtool on PATH"),
    }
}

/// promtool, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    if on_path("apt-get").is_none() {
        bail!(
            "no promtool here, and no apt-get to download it; put promtool of Prometheus on PATH"
        );
    }
    let folder = install(NAME, |staging| {
        apt_get(|command| {
            command
                .args(["-q", "download", "prometheus"])
                .current_dir(staging);
        })
        .context(
            "cannot download the package prometheus; run `apt-get update`, or put promtool on PATH",
        )?;
        let package = std::fs::read_dir(staging)?
            .next()
            .context("apt-get left no package")??
            .path();
        output_of(Command::new("dpkg").arg("-x").arg(&package).arg(staging))?;
        std::fs::remove_file(package)?;
        output_of(Command::new(staging.join(PROGRAM)).arg("--version")).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

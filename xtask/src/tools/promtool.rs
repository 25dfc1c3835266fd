//! promtool, which knows what Prometheus accepts. It comes from Debian's package `prometheus`, which needs not be
//! installed for it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, on_path, output_of};

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
        debian::unpack(&["prometheus"], staging)?;
        output_of(Command::new(staging.join(PROGRAM)).arg("--version")).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

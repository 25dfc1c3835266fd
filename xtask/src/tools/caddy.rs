//! Caddy, the reverse proxy. It comes from Debian's package, which needs not be installed for it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, on_path, output_of};

const NAME: &str = "caddy";
const PROGRAM: &str = "usr/bin/caddy";

/// A Caddy that is already here.
pub fn find() -> Result<PathBuf> {
    let downloaded = directory().join(NAME).join(PROGRAM);
    match on_path("caddy") {
        Some(path) => Ok(path),
        None if downloaded.exists() => Ok(downloaded),
        None => bail!("no caddy here; run `cargo xtask test` once, or put caddy on PATH"),
    }
}

/// Caddy, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    let folder = install(NAME, |staging| {
        debian::unpack(&["caddy"], staging)?;
        output_of(Command::new(staging.join(PROGRAM)).arg("version")).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

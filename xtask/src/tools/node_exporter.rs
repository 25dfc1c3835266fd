//! Prometheus's node_exporter, the exporter that everybody knows and so the one to be compared with. It comes from
//! Debian's package, which needs not be installed for it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, on_path, output_of};

const NAME: &str = "prometheus-node-exporter";
const PROGRAM: &str = "usr/bin/prometheus-node-exporter";

/// A node_exporter that is already here.
pub fn find() -> Result<PathBuf> {
    let downloaded = directory().join(NAME).join(PROGRAM);
    match on_path(NAME) {
        Some(path) => Ok(path),
        None if downloaded.exists() => Ok(downloaded),
        None => bail!("no {NAME} here; run `cargo xtask bench` once, or put it on PATH"),
    }
}

/// node_exporter, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    let folder = install(NAME, |staging| {
        debian::unpack(&[NAME], staging)?;
        output_of(Command::new(staging.join(PROGRAM)).arg("--version")).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

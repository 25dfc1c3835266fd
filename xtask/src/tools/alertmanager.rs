//! Alertmanager with its amtool, which knows what Alertmanager accepts. Both come from Debian's package, which needs not
//! be installed for it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, on_path, output_of};

const NAME: &str = "prometheus-alertmanager";
const SERVER: &str = "usr/bin/prometheus-alertmanager";
const AMTOOL: &str = "amtool";

/// An Alertmanager that is already here; amtool lies beside it.
pub fn find() -> Result<PathBuf> {
    let path = directory().join(NAME).join(SERVER);
    if !path.exists() {
        bail!(
            "no `{}`; run `cargo xtask test` once, on Debian",
            path.display()
        );
    }
    Ok(path)
}

/// The amtool that belongs to it.
pub fn find_amtool() -> Result<PathBuf> {
    Ok(find()?.with_file_name(AMTOOL))
}

/// Alertmanager, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    if on_path("apt-get").is_none() {
        bail!("no {NAME} here, and no apt-get to download it; run this on Debian");
    }
    let folder = install(NAME, |staging| {
        debian::unpack(&[NAME], staging)?;
        let server = staging.join(SERVER);
        output_of(Command::new(&server).arg("--version"))?;
        output_of(Command::new(server.with_file_name(AMTOOL)).arg("--version")).map(drop)
    })?;
    Ok(folder.join(SERVER))
}

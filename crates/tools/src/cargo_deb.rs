//! cargo-deb, which makes a Debian package of what Cargo.toml says. It is built from crates.io, which takes some minutes
//! the first time.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{install, output_of};
use crate::cargo::cargo;

const NAME: &str = "cargo-deb-3.8.0";
const VERSION: &str = "3.8.0";
const PROGRAM: &str = "bin/cargo-deb";

/// cargo-deb, built if need be.
pub fn fetch() -> Result<PathBuf> {
    let folder = install(NAME, |staging| {
        let status = cargo()
            .args(["install", "--locked", "--version", VERSION, "--root"])
            .arg(staging)
            .arg("cargo-deb")
            .status()
            .context("cannot run cargo")?;
        ensure!(status.success(), "cargo-deb cannot be built: {status}");
        output_of(Command::new(staging.join(PROGRAM)).arg("--version")).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

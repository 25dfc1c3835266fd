//! docker compose, which knows what a compose file may say. It comes from Debian's package `docker-compose` of the suite after
//! this machine's, which is a program in Go that needs nothing else and is not installed for it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, output_of};

const NAME: &str = "docker-compose-trixie";
const SUITE: &str = "trixie";
const PROGRAM: &str = "usr/libexec/docker/cli-plugins/docker-compose";

/// A docker-compose that is already here.
pub fn find() -> Result<PathBuf> {
    let program = directory().join(NAME).join(PROGRAM);
    if !program.exists() {
        bail!(
            "no `{}`; run `cargo xtask test` once, on Debian",
            program.display()
        );
    }
    Ok(program)
}

/// docker-compose, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    if let Ok(path) = find() {
        return Ok(path);
    }
    let folder = install(NAME, |staging| {
        debian::unpack_from_suite(SUITE, &["docker-compose"], staging)?;
        output_of(Command::new(staging.join(PROGRAM)).args(["version"])).map(drop)
    })?;
    Ok(folder.join(PROGRAM))
}

//! docker compose, which knows what a compose file may say. It comes from Debian's package `docker-compose` of the suite after
//! this machine's, which is a program in Go that needs nothing else and is not installed for it.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::Package;
use super::output_of;

const PACKAGE: Package = Package {
    folder: "docker-compose-trixie",
    program: "usr/libexec/docker/cli-plugins/docker-compose",
    on_path: None,
    suite: Some("trixie"),
    packages: &["docker-compose"],
    command: "test",
};

/// A docker-compose that is already here.
pub fn find() -> Result<PathBuf> {
    Ok(PACKAGE.find()?.path().to_owned())
}

/// docker-compose, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    let program = PACKAGE.fetch(|it| output_of(it.command().args(["version"])).map(drop))?;
    Ok(program.path().to_owned())
}

//! kubectl, for the kustomize in it. It comes from Debian's package `kubectl` of the suite after
//! this machine's, which is a program in Go that needs nothing else and is not installed for it.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::Package;
use super::output_of;

const PACKAGE: Package = Package {
    folder: "kubectl-trixie",
    program: "usr/bin/kubectl",
    on_path: None,
    suite: Some("trixie"),
    packages: &["kubectl"],
    command: "test",
};

/// A kubectl that is already here.
pub fn find() -> Result<PathBuf> {
    Ok(PACKAGE.find()?.path().to_owned())
}

/// kubectl, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    let program =
        PACKAGE.fetch(|it| output_of(it.command().args(["version", "--client"])).map(drop))?;
    Ok(program.path().to_owned())
}

//! Caddy, the reverse proxy. It comes from Debian's package, which needs not be installed for it.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::Package;
use super::output_of;

const PACKAGE: Package = Package {
    folder: "caddy",
    program: "usr/bin/caddy",
    on_path: Some("caddy"),
    suite: None,
    packages: &["caddy"],
    command: "test",
};

/// A Caddy that is already here.
pub fn find() -> Result<PathBuf> {
    Ok(PACKAGE.find()?.path().to_owned())
}

/// Caddy, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    let program = PACKAGE.fetch(|it| output_of(it.command().args(["version"])).map(drop))?;
    Ok(program.path().to_owned())
}

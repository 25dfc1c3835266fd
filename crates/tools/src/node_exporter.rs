//! Prometheus's node_exporter, the exporter that everybody knows and so the one to be compared with. It comes from
//! Debian's package, which needs not be installed for it.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::Package;
use super::output_of;

const PACKAGE: Package = Package {
    folder: "prometheus-node-exporter",
    program: "usr/bin/prometheus-node-exporter",
    on_path: Some("prometheus-node-exporter"),
    suite: None,
    packages: &["prometheus-node-exporter"],
    command: "bench",
};

/// A node_exporter that is already here.
pub fn find() -> Result<PathBuf> {
    Ok(PACKAGE.find()?.path().to_owned())
}

/// node_exporter, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    let program = PACKAGE.fetch(|it| output_of(it.command().args(["--version"])).map(drop))?;
    Ok(program.path().to_owned())
}

//! promtool, which knows what Prometheus accepts. It comes with Debian's Prometheus.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{PrometheusVersion, on_path, prometheus};

const PROGRAM: &str = "promtool";

/// A promtool that is already here.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = on_path(PROGRAM) {
        return Ok(path);
    }
    match prometheus::find(PrometheusVersion::V2) {
        Ok(prometheus) => Ok(prometheus.with_file_name(PROGRAM)),
        Err(_) => bail!("no promtool here; run `cargo xtask test` once, or put promtool on PATH"),
    }
}

/// promtool, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    match find() {
        Ok(path) => Ok(path),
        Err(_) => Ok(prometheus::fetch(PrometheusVersion::V2)?.with_file_name(PROGRAM)),
    }
}

//! Prometheus's client library for Python, whose OpenMetrics parser is the strictest there is outside of Prometheus.

use std::path::PathBuf;

use anyhow::Result;

use super::pip::{Package, Wheel};

const PACKAGE: Package = Package {
    name: "prometheus-client",
    folder: "python",
    wheels: &[Wheel::native("prometheus-client==0.26.0")],
    module: "prometheus_client.openmetrics.parser",
    command: "test",
};

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find() -> Result<PathBuf> {
    PACKAGE.find()
}

/// The folder to name in PYTHONPATH, filled if need be.
pub fn fetch() -> Result<PathBuf> {
    PACKAGE.fetch()
}

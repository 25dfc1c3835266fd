//! Prometheus's client library for Python, whose OpenMetrics parser is the strictest there is outside of Prometheus.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::pip::{self, Wheel};
use super::{directory, install, output_of};

const NAME: &str = "python";
const WHEEL: Wheel = Wheel {
    requirement: "prometheus-client==0.26.0",
    selection: &[],
};

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find() -> Result<PathBuf> {
    let folder = directory().join(NAME);
    if !folder.exists() {
        bail!(
            "the Python package prometheus-client is not in `{}`; run `cargo xtask test` once",
            folder.display()
        );
    }
    Ok(folder)
}

/// The folder to name in PYTHONPATH, filled if need be.
pub fn fetch() -> Result<PathBuf> {
    find().or_else(|_| {
        install(NAME, |staging| {
            pip::unpack(&WHEEL, staging)?;
            let import = ["-c", "import prometheus_client.openmetrics.parser"];
            output_of(
                Command::new("python3")
                    .env("PYTHONPATH", staging)
                    .args(import),
            )
            .map(drop)
        })
    })
}

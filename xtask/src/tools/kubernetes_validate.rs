//! kubernetes-validate, which compares manifests with the schemas of Kubernetes itself. It comes from PyPI, with the schemas
//! and with all that it needs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::pip::{self, Wheel};
use super::{directory, install, output_of};

const NAME: &str = "python-kubernetes-validate-1.37.0";

/// Some have compiled parts, so they are those of this machine's Python.
const WHEELS: [Wheel; 10] = [
    wheel("kubernetes-validate==1.37.0"),
    wheel("attrs==26.1.0"),
    wheel("importlib-resources==7.1.0"),
    wheel("jsonschema==4.26.0"),
    wheel("jsonschema-specifications==2025.9.1"),
    wheel("packaging==26.3"),
    wheel("pyyaml==6.0.3"),
    wheel("referencing==0.37.0"),
    wheel("rpds-py==2026.9.1"),
    wheel("typing-extensions==4.16.0"),
];

const fn wheel(requirement: &'static str) -> Wheel {
    Wheel {
        requirement,
        selection: &[],
    }
}

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find() -> Result<PathBuf> {
    let folder = directory().join(NAME);
    if !folder.exists() {
        bail!(
            "the Python package kubernetes-validate is not in `{}`; run `cargo xtask test` once",
            folder.display()
        );
    }
    Ok(folder)
}

/// The folder to name in PYTHONPATH, filled if need be.
pub fn fetch() -> Result<PathBuf> {
    find().or_else(|_| {
        install(NAME, |staging| {
            for wheel in &WHEELS {
                pip::unpack(wheel, staging)?;
            }
            let import = ["-c", "import kubernetes_validate.__main__"];
            output_of(
                Command::new("python3")
                    .env("PYTHONPATH", staging)
                    .args(import),
            )
            .map(drop)
        })
    })
}

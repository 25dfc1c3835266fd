//! Grafana's own models of its dashboards in Python, which the dashboards are made and checked with: of the oldest Grafana
//! that they are for, and the newest there is.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::pip::{self, Wheel};
use super::{directory, install, output_of};

/// Which Grafana the models are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrafanaSdk {
    /// 10.1; later ones read what it writes.
    Oldest,
    /// The models that are not bound to a release, newer than 11.6.
    Newest,
}

impl GrafanaSdk {
    /// Every one that is used.
    pub const ALL: &'static [Self] = &[Self::Oldest, Self::Newest];

    /// The folder's name, and the wheel.
    fn source(self) -> (&'static str, Wheel) {
        let (name, requirement) = match self {
            Self::Oldest => (
                "python-grafana-sdk-10.1.0",
                "grafana-foundation-sdk==1769699998!10.1.0",
            ),
            Self::Newest => (
                "python-grafana-sdk-1769699241",
                "grafana-foundation-sdk==1769699241",
            ),
        };
        let selection = &[];
        let wheel = Wheel {
            requirement,
            selection,
        };
        (name, wheel)
    }
}

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find(sdk: GrafanaSdk) -> Result<PathBuf> {
    let folder = directory().join(sdk.source().0);
    if !folder.exists() {
        bail!(
            "the Python package grafana-foundation-sdk is not in `{}`; run `cargo xtask dashboards` once",
            folder.display()
        );
    }
    Ok(folder)
}

/// The folder to name in PYTHONPATH, filled if need be.
pub fn fetch(sdk: GrafanaSdk) -> Result<PathBuf> {
    find(sdk).or_else(|_| {
        let (name, wheel) = sdk.source();
        install(name, |staging| {
            pip::unpack(&wheel, staging)?;
            let import = ["-c", "import grafana_foundation_sdk.cog.plugins"];
            output_of(
                Command::new("python3")
                    .env("PYTHONPATH", staging)
                    .args(import),
            )
            .map(drop)
        })
    })
}

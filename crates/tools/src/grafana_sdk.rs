//! Grafana's own models of its dashboards in Python, which the dashboards are made and checked with: of the oldest Grafana
//! that they are for, and the newest there is.

use std::path::PathBuf;

use anyhow::Result;

use super::pip::{Package, Wheel};

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

    fn package(self) -> &'static Package {
        match self {
            Self::Oldest => &OLDEST,
            Self::Newest => &NEWEST,
        }
    }
}

const OLDEST: Package = Package {
    name: "grafana-foundation-sdk",
    folder: "python-grafana-sdk-10.1.0",
    wheels: &[Wheel::native("grafana-foundation-sdk==1769699998!10.1.0")],
    module: "grafana_foundation_sdk.cog.plugins",
    command: "dashboards",
};

const NEWEST: Package = Package {
    folder: "python-grafana-sdk-1769699241",
    wheels: &[Wheel::native("grafana-foundation-sdk==1769699241")],
    ..OLDEST
};

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find(sdk: GrafanaSdk) -> Result<PathBuf> {
    sdk.package().find()
}

/// The folder to name in PYTHONPATH, filled if need be.
pub fn fetch(sdk: GrafanaSdk) -> Result<PathBuf> {
    sdk.package().fetch()
}

//! Prometheus itself: the version of Debian 12, which is the oldest that is still in wide use, and one of the present
//! line, 3.x. Both come from Debian's packages, which need not be installed for it.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use super::debian::Package;
use super::{on_path, output_of};

/// Which Prometheus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrometheusVersion {
    /// That of this machine's Debian: 2.42 in Debian 12.
    #[default]
    V2,
    /// 3.x, from a newer suite.
    V3,
}

/// The suite that has 3.x; its programs in Go run on Debian 12 as they are.
const NEWER_SUITE: &str = "forky";

impl PrometheusVersion {
    /// Every version that is used.
    pub const ALL: &'static [Self] = &[Self::V2, Self::V3];

    fn package(self) -> &'static Package {
        match self {
            Self::V2 => &V2,
            Self::V3 => &V3,
        }
    }
}

impl fmt::Display for PrometheusVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.package().folder)
    }
}

const V2: Package = Package {
    folder: "prometheus",
    program: "usr/bin/prometheus",
    on_path: None,
    suite: None,
    packages: &["prometheus"],
    command: "test",
};

const V3: Package = Package {
    folder: "prometheus-3",
    suite: Some(NEWER_SUITE),
    ..V2
};

/// A Prometheus that is already here.
pub fn find(version: PrometheusVersion) -> Result<PathBuf> {
    Ok(version.package().find()?.path().to_owned())
}

/// Prometheus, downloaded if need be.
pub fn fetch(version: PrometheusVersion) -> Result<PathBuf> {
    if let Ok(path) = find(version) {
        return Ok(path);
    }
    if on_path("apt-get").is_none() {
        bail!("no {version} here, and no apt-get to download it; run this on Debian");
    }
    let prometheus = version.package().fetch(|it| {
        let said = output_of(it.command().arg("--version"))?;
        ensure!(
            version == PrometheusVersion::V2 || said.contains("version 3."),
            "Debian's suite {NEWER_SUITE} has another Prometheus than 3.x: {said}"
        );
        Ok(())
    })?;
    Ok(prometheus.path().to_owned())
}

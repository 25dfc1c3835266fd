//! `rocketchat_API`, the client library for Rocket.Chat that Python programs use, with all that it needs.

use std::path::PathBuf;

use anyhow::Result;

use super::pip::{Package, Wheel};

const PACKAGE: Package = Package {
    name: "rocketchat_API",
    folder: "python-rocketchat-api-3.7.1",
    wheels: &[
        Wheel::pure("rocketchat-API==3.7.1"),
        Wheel::pure("requests==2.34.2"),
        Wheel::pure("urllib3==2.8.0"),
        Wheel::pure("idna==3.20"),
        Wheel::pure("certifi==2026.10.18"),
        Wheel::pure("packaging==26.3"),
        Wheel::pure("charset-normalizer==3.5.2"),
    ],
    module: "rocketchat_API.rocketchat",
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

//! `rocketchat_API`, the client library for Rocket.Chat that Python programs use, with all that it needs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::pip::{self, Wheel};
use super::{directory, install, output_of};

const NAME: &str = "python-rocketchat-api-3.7.1";

/// Without compiled parts, so that any Python 3 can import them.
const WHEELS: [Wheel; 7] = [
    pure("rocketchat-API==3.7.1"),
    pure("requests==2.34.2"),
    pure("urllib3==2.8.0"),
    pure("idna==3.20"),
    pure("certifi==2026.10.18"),
    pure("packaging==26.3"),
    pure("charset-normalizer==3.5.2"),
];

const fn pure(requirement: &'static str) -> Wheel {
    Wheel {
        requirement,
        selection: &["--platform=any", "--implementation=py", "--abi=none"],
    }
}

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find() -> Result<PathBuf> {
    let folder = directory().join(NAME);
    if !folder.exists() {
        bail!(
            "the Python package rocketchat_API is not in `{}`; run `cargo xtask test` once",
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
            let import = ["-c", "import rocketchat_API.rocketchat"];
            output_of(
                Command::new("python3")
                    .env("PYTHONPATH", staging)
                    .args(import),
            )
            .map(drop)
        })
    })
}

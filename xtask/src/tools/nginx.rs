//! nginx, the reverse proxy. It comes from Debian's package, which needs not be installed for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, on_path, output_of};

const NAME: &str = "nginx";
const PROGRAM: &str = "usr/sbin/nginx";
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// An nginx that can be started.
#[derive(Clone, Debug)]
pub struct Nginx {
    path: PathBuf,
    libraries: Option<PathBuf>,
}

impl Nginx {
    /// The program, to be given arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn installed_in(folder: &Path) -> Self {
        Self {
            path: folder.join(PROGRAM),
            libraries: Some(folder.join(LIBRARIES)),
        }
    }
}

/// An nginx that is already here.
pub fn find() -> Result<Nginx> {
    let folder = directory().join(NAME);
    match on_path("nginx") {
        Some(path) => Ok(Nginx {
            path,
            libraries: None,
        }),
        None if folder.exists() => Ok(Nginx::installed_in(&folder)),
        None => bail!("no nginx here; run `cargo xtask test` once, or put nginx on PATH"),
    }
}

/// nginx, downloaded if need be.
pub fn fetch() -> Result<Nginx> {
    if let Ok(nginx) = find() {
        return Ok(nginx);
    }
    let folder = install(NAME, |staging| {
        debian::unpack(&["nginx", "libpcre2-8-0", "libssl3"], staging)?;
        output_of(Nginx::installed_in(staging).command().arg("-v")).map(drop)
    })?;
    Ok(Nginx::installed_in(&folder))
}

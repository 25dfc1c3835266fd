//! wrk, which asks one address as fast as it can and measures how long each answer takes. It comes from Debian's package,
//! which needs not be installed for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, directory, install, on_path, output_of};

const NAME: &str = "wrk";
const PROGRAM: &str = "usr/bin/wrk";
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// A wrk that can be started.
#[derive(Clone, Debug)]
pub struct Wrk {
    path: PathBuf,
    libraries: Option<PathBuf>,
}

impl Wrk {
    /// The program, to be given arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    fn installed_in(folder: &Path) -> Self {
        Self {
            path: folder.join(PROGRAM),
            libraries: Some(folder.join(LIBRARIES)),
        }
    }
}

/// A wrk that is already here.
pub fn find() -> Result<Wrk> {
    let folder = directory().join(NAME);
    match on_path("wrk") {
        Some(path) => Ok(Wrk {
            path,
            libraries: None,
        }),
        None if folder.exists() => Ok(Wrk::installed_in(&folder)),
        None => bail!("no wrk here; run `cargo xtask bench` once, or put wrk on PATH"),
    }
}

/// wrk, downloaded if need be.
pub fn fetch() -> Result<Wrk> {
    if let Ok(wrk) = find() {
        return Ok(wrk);
    }
    let folder = install(NAME, |staging| {
        debian::unpack(&["wrk", "libluajit-5.1-2"], staging)?;
        // It has no option that only tells its version: one request to nowhere ends at once and tells it.
        let mut trial = Wrk::installed_in(staging).command();
        output_of(trial.args(["-d1", "-c1", "-t1", "http://127.0.0.1:9/"])).map_or_else(
            |error| match format!("{error:#}") {
                text if text.contains("unable to connect") => Ok(()),
                _ => Err(error),
            },
            |_| Ok(()),
        )
    })?;
    Ok(Wrk::installed_in(&folder))
}

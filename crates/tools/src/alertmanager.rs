//! Alertmanager with its amtool, which knows what Alertmanager accepts. Both come from Debian's package, which is not
//! installed for it: installing would start a service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{debian, directory, install, on_path, output_of};

const NAME: &str = "prometheus-alertmanager";
const SERVER: &str = "usr/bin/prometheus-alertmanager";
const AMTOOL: &str = "usr/bin/amtool";

/// Where Debian's build looks for its templates, and the same as a path below the working directory, as long as that.
const DATA: &[u8] = b"/usr/share/prometheus/alertmanager";
const DATA_HERE: &[u8] = b"usr/share/prometheus//alertmanager";

/// An Alertmanager that can be started.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    folder: PathBuf,
}

impl Alertmanager {
    /// The server, to be given arguments. It works in its own folder, so files are to be named by whole paths.
    #[must_use]
    pub fn command(&self) -> Command {
        // Not by the command's own working directory, which whoever guards the process does not pass on.
        let mut command = Command::new("env");
        command.arg("-C").arg(&self.folder).arg(SERVER);
        command
    }

    /// Its amtool.
    #[must_use]
    pub fn amtool(&self) -> PathBuf {
        self.folder.join(AMTOOL)
    }
}

/// An Alertmanager that is already here.
pub fn find() -> Result<Alertmanager> {
    let folder = directory().join(NAME);
    if !folder.exists() {
        bail!(
            "no `{}`; run `cargo xtask test` once, on Debian",
            folder.display()
        );
    }
    Ok(Alertmanager { folder })
}

/// Alertmanager, downloaded if need be.
pub fn fetch() -> Result<Alertmanager> {
    if let Ok(alertmanager) = find() {
        return Ok(alertmanager);
    }
    if on_path("apt-get").is_none() {
        bail!("no {NAME} here, and no apt-get to download it; run this on Debian");
    }
    let folder = install(NAME, |staging| {
        debian::unpack(&[NAME], staging)?;
        relocate(&staging.join(SERVER))?;
        let alertmanager = Alertmanager {
            folder: staging.to_owned(),
        };
        output_of(alertmanager.command().arg("--version"))?;
        output_of(Command::new(alertmanager.amtool()).arg("--version")).map(drop)
    })?;
    Ok(Alertmanager { folder })
}

/// Lets the program find its templates below its working directory.
fn relocate(program: &Path) -> Result<()> {
    let mut bytes =
        fs::read(program).with_context(|| format!("cannot read `{}`", program.display()))?;
    let places: Vec<usize> = bytes
        .windows(DATA.len())
        .enumerate()
        .filter_map(|(place, found)| (found == DATA).then_some(place))
        .collect();
    ensure!(
        !places.is_empty(),
        "`{}` does not look for its templates where Debian keeps them",
        program.display()
    );
    for place in places {
        bytes[place..place + DATA.len()].copy_from_slice(DATA_HERE);
    }
    Ok(fs::write(program, bytes)?)
}

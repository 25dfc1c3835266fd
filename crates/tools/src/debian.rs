//! Debian packages as a way to fetch programs: apt-get downloads them without being root, and dpkg unpacks them without
//! installing them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{apt_get, directory, install, on_path, output_of};

/// Where a package's libraries are.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// A program of Debian's packages, which are unpacked below `target/tools`.
pub(super) struct Package {
    /// The folder below `target/tools`.
    pub(super) folder: &'static str,
    /// The program in that folder.
    pub(super) program: &'static str,
    /// Under which name one on the PATH serves as well; `None` where it does not.
    pub(super) on_path: Option<&'static str>,
    /// Another suite than this machine's.
    pub(super) suite: Option<&'static str>,
    /// The package that has it, and those with libraries that it needs.
    pub(super) packages: &'static [&'static str],
    /// The command of `cargo xtask` that fetches it.
    pub(super) command: &'static str,
}

/// A program that can be started.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    libraries: Option<PathBuf>,
}

impl Program {
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
}

impl Package {
    /// One that is already here.
    pub(super) fn find(&self) -> Result<Program> {
        let folder = directory().join(self.folder);
        if let Some(path) = self.on_path.and_then(on_path) {
            return Ok(Program {
                path,
                libraries: None,
            });
        }
        if folder.exists() {
            return Ok(self.unpacked_in(&folder));
        }
        let command = self.command;
        match self.on_path {
            Some(name) => {
                bail!("no {name} here; run `cargo xtask {command}` once, or put {name} on PATH")
            }
            None => bail!(
                "no `{}`; run `cargo xtask {command}` once, on Debian",
                folder.join(self.program).display()
            ),
        }
    }

    /// The program, downloaded if need be, and tried out before it counts as there.
    pub(super) fn fetch(&self, try_out: impl FnOnce(&Program) -> Result<()>) -> Result<Program> {
        if let Ok(program) = self.find() {
            return Ok(program);
        }
        let folder = install(self.folder, |staging| {
            match self.suite {
                None => unpack(self.packages, staging)?,
                Some(suite) => unpack_from_suite(suite, self.packages, staging)?,
            }
            try_out(&self.unpacked_in(staging))
        })?;
        Ok(self.unpacked_in(&folder))
    }

    fn unpacked_in(&self, folder: &Path) -> Program {
        Program {
            path: folder.join(self.program),
            libraries: Some(folder.join(LIBRARIES)).filter(|it| it.exists()),
        }
    }
}

/// Downloads packages and unpacks them into `destination`.
pub(super) fn unpack(packages: &[&str], destination: &Path) -> Result<()> {
    let downloads = destination.join(DOWNLOADS);
    fs::create_dir(&downloads)?;
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
    unpack_downloads(&downloads, destination)
}

/// Downloads packages of another suite than this machine's and unpacks them into `destination`.
///
/// apt-get works on a state of its own, so that this machine's lists and installed packages stay as they are: with the
/// same mirror, proxy and keys, but another suite.
pub(super) fn unpack_from_suite(suite: &str, packages: &[&str], destination: &Path) -> Result<()> {
    let downloads = destination.join(DOWNLOADS);
    let state = downloads.join("state");
    for folder in ["lists/partial", "cache/archives/partial", "sources"] {
        fs::create_dir_all(state.join(folder))?;
    }
    let source = format!("deb [signed-by={KEYS}] {} {suite} main\n", mirror()?);
    fs::write(state.join("sources/suite.list"), source)?;
    let settings = state.join("apt.conf");
    fs::write(&settings, private_settings(&state)?)?;
    for arguments in [&["-q", "update"][..], &["-q", "download"]] {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("APT_CONFIG", &settings)
            .current_dir(&downloads);
        if arguments.contains(&"download") {
            command.args(packages);
        }
        output_of(&mut command).with_context(|| {
            format!("cannot download {} of Debian {suite}", packages.join(", "))
        })?;
    }
    fs::remove_dir_all(&state)?;
    unpack_downloads(&downloads, destination)
}

const DOWNLOADS: &str = "packages";

/// The keys that Debian signs its suites with, from the package debian-archive-keyring.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where this machine gets Debian from.
fn mirror() -> Result<String> {
    if let Some(mirror) = known_mirror()? {
        return Ok(mirror);
    }
    // A fresh Debian has no lists, and then apt-get tells of no source.
    output_of(Command::new("apt-get").args(["-q", "update"]))?;
    known_mirror()?.context("apt-get has no source of a suite of Debian")
}

fn known_mirror() -> Result<Option<String>> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)"]);
    let targets = output_of(command.arg("Created-By: Packages"))?;
    let addresses = targets.lines().filter_map(|line| line.split_once(' '));
    // Updates and fixes have names such as bookworm-security, and may be elsewhere.
    let mut of_suites = addresses.filter(|(suite, _)| !suite.contains('-'));
    Ok(of_suites.next().map(|(_, address)| address.to_owned()))
}

/// What apt-get is to use instead of /etc/apt, with the proxies that stand there.
fn private_settings(state: &Path) -> Result<String> {
    let state = state.display();
    let settings = output_of(Command::new("apt-config").arg("dump"))?;
    let proxies = settings
        .lines()
        .filter(|line| line.starts_with("Acquire::http"))
        .map(|line| format!("{line}\n"));
    Ok(format!(
        r#"Dir::State::lists "{state}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{state}/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{state}/sources";
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
{}"#,
        proxies.collect::<String>()
    ))
}

fn unpack_downloads(downloads: &Path, destination: &Path) -> Result<()> {
    for entry in fs::read_dir(downloads)? {
        let package = entry?.path();
        output_of(
            Command::new("dpkg")
                .arg("-x")
                .arg(&package)
                .arg(destination),
        )?;
    }
    Ok(fs::remove_dir_all(downloads)?)
}

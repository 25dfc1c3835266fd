//! Debian packages: apt-get downloads them without root, and dpkg unpacks them without installing them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::command::output_of;
use crate::progress::{self, Heartbeat};

/// Downloads packages of a suite and unpacks them into `destination`.
///
/// The suite need not be that of this machine, so that every machine has the same versions, and the same names of packages.
/// apt-get uses its own state directory, so that this machine's lists and packages do not change. Mirror, proxy and keys are
/// those of the machine.
pub(crate) fn unpack(suite: &str, packages: &[&str], destination: &Path) -> Result<()> {
    let downloads = destination.join("packages");
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
    for entry in fs::read_dir(&downloads)? {
        let package = entry?.path();
        output_of(
            Command::new("dpkg")
                .arg("-x")
                .arg(&package)
                .arg(destination),
        )?;
    }
    Ok(fs::remove_dir_all(&downloads)?)
}

/// The keys that sign Debian's suites, from the package debian-archive-keyring.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The Debian mirror of this machine.
fn mirror() -> Result<String> {
    if let Some(mirror) = known_mirror()? {
        return Ok(mirror);
    }
    // Without package lists, as on a fresh Debian, apt-get shows no sources.
    let _running = APT_GET.lock().unwrap_or_else(PoisonError::into_inner);
    output_of(Command::new("apt-get").args(["-q", "update"]))?;
    known_mirror()?.context("apt-get has no source of a suite of Debian")
}

fn known_mirror() -> Result<Option<String>> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)"]);
    let targets = output_of(command.arg("Created-By: Packages"))?;
    let addresses = targets.lines().filter_map(|line| line.split_once(' '));
    // Suites such as bookworm-security may have another mirror.
    let mut of_suites = addresses.filter(|(suite, _)| !suite.contains('-'));
    Ok(of_suites.next().map(|(_, address)| address.to_owned()))
}

/// The apt-get settings that replace those in /etc/apt, with its proxies.
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

/// Fails for a user that is not root, with the command that installs the packages.
pub(crate) fn ensure_may_install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    ensure!(
        is_root(),
        "Debian's packages {names} are missing; run `apt-get install {names}` as root"
    );
    Ok(())
}

/// Installs packages, which needs root.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    ensure_may_install(packages)?;
    let names = packages.join(" ");
    let text = format!("installing Debian's {names}");
    progress::error_line(&text);
    let _heartbeat = Heartbeat::start(move || text.clone());
    apt_get_install(packages).with_context(|| {
        format!("cannot install Debian's packages {names}; run `apt-get install {names}`")
    })
}

fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).is_ok_and(|identity| identity.trim() == "0")
}

/// Held by the running apt-get: it locks the package lists and the installed packages, and does not wait for a lock.
static APT_GET: Mutex<()> = Mutex::new(());

/// Runs `apt-get install`, and if it fails once more after `apt-get update`, because a fresh Debian has no package lists.
fn apt_get_install(packages: &[&str]) -> Result<()> {
    let mut install = Command::new("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(packages);
    let _running = APT_GET.lock().unwrap_or_else(PoisonError::into_inner);
    if output_of(&mut install).is_err() {
        output_of(Command::new("apt-get").args(["-q", "update"]))?;
        output_of(&mut install)?;
    }
    Ok(())
}

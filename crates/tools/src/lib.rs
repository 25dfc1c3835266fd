//! The real tools that tests, demo and bench run: mongod, Prometheus with promtool, its Python parser, Rocket.Chat's Python
//! client, Alertmanager, Grafana's models of dashboards, systemd-analyze, Chromium, axe-core, wrk, node_exporter, and those
//! that read what is below `deploy/`.
//!
//! Each has `find`, which never downloads and is for tests, and `fetch`, which downloads what is absent and is for the
//! commands. Downloads live in `target/tools` of the workspace, whatever CARGO_TARGET_DIR says, so that every build
//! shares them. A tool appears there in one rename, complete and tried out, or not at all.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error here is for the person at the terminal, and its text is its documentation"
)]

pub mod alertmanager;
pub mod axe;
pub mod caddy;
pub mod cargo;
pub mod cargo_deb;
pub mod chromium;
pub mod compose;
pub mod dashboards;
mod debian;
pub mod grafana_sdk;
pub mod hadolint;
pub mod kubectl;
pub mod kubernetes_validate;
pub mod mongod;
pub mod nginx;
pub mod node_exporter;
pub mod package_tools;
mod pip;
pub mod prometheus;
pub mod prometheus_client;
pub mod promtool;
pub mod rocketchat_api;
pub mod systemd_analyze;
pub mod wrk;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub use debian::Program;
pub use grafana_sdk::GrafanaSdk;
pub use mongod::{MongodBinary, MongodVersion};
pub use prometheus::PrometheusVersion;

/// The root of the Cargo workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// Where downloaded tools are kept.
#[must_use]
pub fn directory() -> PathBuf {
    workspace_root().join("target/tools")
}

/// Fills `target/tools/<name>` by letting `unpack` work in a directory beside it, then renaming that directory.
fn install(name: &str, unpack: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let destination = directory().join(name);
    if destination.exists() {
        return Ok(destination);
    }
    remove_leftovers();
    let staging = directory().join(format!("{PARTIAL}{}-{name}", std::process::id()));
    fs::create_dir_all(&staging)
        .with_context(|| format!("cannot create `{}`", staging.display()))?;
    let outcome = unpack(&staging)
        .with_context(|| format!("cannot install {name} into `{}`", directory().display()));
    if let Err(error) = outcome {
        remove(&staging);
        return Err(error);
    }
    match fs::rename(&staging, &destination) {
        Ok(()) => Ok(destination),
        // Another run was faster, and its copy is as good as ours.
        Err(_) if destination.exists() => {
            remove(&staging);
            Ok(destination)
        }
        Err(error) => Err(error).with_context(|| format!("cannot rename `{}`", staging.display())),
    }
}

const PARTIAL: &str = ".partial-";

/// Removes what interrupted runs left behind: staging directories whose process no longer exists.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(directory()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PARTIAL)?.split('-').next());
        if owner.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(&entry.path());
        }
    }
}

/// Removes a directory; one that cannot be removed only costs space and is tried again by the next run.
fn remove(directory: &Path) {
    drop(fs::remove_dir_all(directory));
}

/// The first executable of this name on PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Runs a command and returns its standard output; the error holds the command and what it said.
pub fn output_of(command: &mut Command) -> Result<String> {
    let text = describe(command);
    let output = command
        .output()
        .with_context(|| format!("cannot run `{text}`"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "`{text}` failed with {}: {}",
            output.status,
            last_lines(&String::from_utf8_lossy(&said))
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as one would type it.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The end of a tool's output, which is where tools say what went wrong.
#[must_use]
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// Whether this process may install Debian packages.
fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).is_ok_and(|identity| identity.trim() == "0")
}

/// Runs apt-get, and once more after `apt-get update` when it failed and we may update: a fresh Debian has no lists.
fn apt_get(configure: impl Fn(&mut Command)) -> Result<()> {
    let run = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        configure(&mut command);
        output_of(&mut command)
    };
    match run() {
        Ok(_) => Ok(()),
        Err(error) if !is_root() => Err(error),
        Err(_) => {
            output_of(Command::new("apt-get").args(["-q", "update"]))?;
            run().map(drop)
        }
    }
}

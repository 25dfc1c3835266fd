//! Runs cargo from a program that cargo started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::workspace_root;

/// Prefixes of variables that cargo sets for the package that it runs. Some build scripts watch them, such as ring's, so a
/// nested cargo with them would rebuild half of the dependencies.
const PACKAGE_VARIABLES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// The cargo that runs this program, without the variables that it sets.
#[must_use]
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if PACKAGE_VARIABLES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// Builds the exporter in release mode and returns the path of its executable.
pub fn build_exporter() -> Result<PathBuf> {
    let [path] = build(
        &["--release", "--package=rocketchat-exporter"],
        ["rocketchat-exporter"],
    )?;
    Ok(path)
}

/// Runs `cargo build` with these arguments and returns the paths of programs that it builds. Cargo's progress is shown.
pub fn build<const N: usize>(arguments: &[&str], programs: [&str; N]) -> Result<[PathBuf; N]> {
    let fixed = ["build", "--message-format=json-render-diagnostics"];
    let arguments = [&fixed, arguments].concat();
    let output = cargo()
        .args(&arguments)
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "`cargo {}` failed with {}",
        arguments.join(" "),
        output.status
    );
    let messages = String::from_utf8_lossy(&output.stdout);
    // Only binaries have an executable; for libraries it is null.
    let executables: Vec<PathBuf> = messages
        .split("\"executable\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(PathBuf::from)
        .collect();
    let mut paths = programs.map(|_| PathBuf::new());
    for (path, program) in paths.iter_mut().zip(programs) {
        let built = executables
            .iter()
            .find(|executable| executable.ends_with(program));
        path.clone_from(built.with_context(|| format!("cargo built no program `{program}`"))?);
    }
    Ok(paths)
}

/// Builds a program of crates.io into `bin/` of a directory.
pub(crate) fn install(name: &str, version: &str, folder: &Path) -> Result<()> {
    let status = cargo()
        .args(["install", "--locked", "--version", version, "--root"])
        .arg(folder)
        .arg(name)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo install failed with {status}");
    Ok(())
}

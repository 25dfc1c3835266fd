//! Runs cargo from a program that cargo started.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};

use crate::command::describe;
use crate::progress::Heartbeat;
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
        &["--release"],
        [("rocketchat-exporter", "rocketchat-exporter")],
    )?;
    Ok(path)
}

/// Builds programs, each a package and a binary of it, in one run of cargo, and returns the paths of the executables. Cargo's
/// output is shown, and in a log file, where cargo shows no progress bar, also how many crates are built.
pub fn build<const N: usize>(
    options: &[&str],
    programs: [(&str, &str); N],
) -> Result<[PathBuf; N]> {
    let selected = programs.map(|(package, _)| format!("--package={package}"));
    let binaries = programs.map(|(_, binary)| format!("--bin={binary}"));
    let total = count_packages(&selected)?;
    let mut command = cargo();
    command
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(options)
        .args(&selected)
        .args(binaries)
        .current_dir(workspace_root())
        .stdout(Stdio::piped());
    let built = Arc::new(AtomicUsize::new(0));
    let _progress = (!stderr().is_terminal()).then(|| progress(built.clone(), total));
    let mut process = command.spawn().context("cannot run cargo")?;
    let output = process
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut packages = HashSet::new();
    let mut executables = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read the output of cargo")?;
        if line.starts_with(r#"{"reason":"compiler-artifact""#) {
            packages.extend(member(&line, "package_id").map(str::to_owned));
            built.store(packages.len(), Ordering::Relaxed);
            // Only binaries have an executable; for libraries it is null.
            executables.extend(member(&line, "executable").map(PathBuf::from));
        }
    }
    let status = process.wait().context("cannot wait for cargo")?;
    ensure!(
        status.success(),
        "`{}` failed with {status}",
        describe(&command)
    );
    let mut paths = programs.map(|_| PathBuf::new());
    for (path, (_, program)) in paths.iter_mut().zip(programs) {
        let executable = executables
            .iter()
            .find(|executable| executable.ends_with(program));
        path.clone_from(executable.with_context(|| format!("cargo built no program `{program}`"))?);
    }
    Ok(paths)
}

/// The first member of this name in a line of JSON, if it is a string.
fn member<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(r#""{name}":""#))?;
    rest.split('"').next()
}

/// Prints how many of the crates are built.
fn progress(built: Arc<AtomicUsize>, total: usize) -> Heartbeat {
    Heartbeat::start(move || {
        let built = built.load(Ordering::Relaxed);
        format!("building: {built} of {total} crates")
    })
}

/// The number of packages in a build. Cargo downloads those that are missing, and shows it.
fn count_packages(selected: &[String]) -> Result<usize> {
    let output = cargo()
        .args(["tree", "--edges=normal,build", "--prefix=none"])
        .args(selected)
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "`cargo tree` failed with {}",
        output.status
    );
    let tree = String::from_utf8_lossy(&output.stdout);
    // Repeated packages are marked.
    let packages = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    Ok(packages.collect::<HashSet<_>>().len())
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

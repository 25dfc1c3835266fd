//! `cargo xtask package`: builds the Debian package, checks it with lintian, and tries it on a minimal Debian booted by
//! systemd. It needs root and Debian, and takes a few minutes, so it is not part of the tests.

mod contents;
mod machine;
mod trial;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tools::cargo::build_exporter;
use tools::workspace_root;

/// Builds, checks and tries the package; stops at the first error.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run(no_try: bool) -> Result<()> {
    let cargo_deb = tools::CARGO_DEB.fetch()?;
    tools::DPKG_SHLIBDEPS.fetch()?;
    tools::LINTIAN.fetch()?;
    let program = build_exporter()?;
    contents::make(&program)?;
    let package = build(cargo_deb.path())?;
    println!("package: {}", package.display());
    run_lintian(&package)?;
    println!("lintian: no complaint");
    if !no_try {
        for tool in [tools::MMDEBSTRAP, tools::SYSTEMD_NSPAWN, tools::NSENTER] {
            tool.fetch()?;
        }
        trial::run(&package)?;
    }
    Ok(())
}

fn build(cargo_deb: &Path) -> Result<PathBuf> {
    let output = Command::new(cargo_deb)
        // The program is already built and stripped.
        .args(["--no-build", "--no-strip", "--package=rocketchat-exporter"])
        .current_dir(workspace_root())
        .output()
        .context("cannot run cargo-deb")?;
    let messages = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo-deb failed: {messages}");
    ensure!(
        !messages.contains("warning:"),
        "cargo-deb warns: {messages}"
    );
    let path = String::from_utf8_lossy(&output.stdout);
    let path = path.lines().last().context("cargo-deb names no package")?;
    Ok(path.into())
}

/// Fails on lintian's errors and warnings. deploy/debian/lintian-overrides has the exceptions and their reasons.
fn run_lintian(package: &Path) -> Result<()> {
    let output = Command::new("lintian")
        .args(["--allow-root", "--info", "--fail-on=error,warning"])
        .arg(package)
        .output()
        .context("cannot run lintian")?;
    ensure!(
        output.status.success(),
        "lintian complains:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

//! `cargo xtask package`: builds the Debian package, checks it with lintian, and tries it on minimal Debians booted by
//! systemd. It needs root and Debian, and takes a few minutes, so it is not part of the tests.

mod contents;
mod machine;
mod trial;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tools::cargo::build_exporter;
use tools::workspace_root;

use crate::source_date::source_date;

/// Builds, checks and tries the package; stops at the first error.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run(program: Option<&Path>, no_try: bool) -> Result<()> {
    let package = make(program, &source_date()?)?;
    println!("package: {}", package.display());
    println!("lintian: no complaint");
    if !no_try {
        for tool in [tools::MMDEBSTRAP, tools::SYSTEMD_NSPAWN, tools::NSENTER] {
            tool.fetch()?;
        }
        trial::run(&package)?;
    }
    Ok(())
}

/// Builds the package, whose files bear this date, and checks it. Returns its path. Without a program it builds one.
pub(crate) fn make(program: Option<&Path>, date: &str) -> Result<PathBuf> {
    let cargo_deb = tools::CARGO_DEB.fetch()?;
    tools::DPKG_SHLIBDEPS.fetch()?;
    tools::LINTIAN.fetch()?;
    let program = match program {
        Some(program) => program.to_owned(),
        None => build_exporter()?,
    };
    contents::make(&program, &workspace_root().join("target/package"))?;
    let package = build(cargo_deb.path(), date)?;
    run_lintian(&package)?;
    Ok(package)
}

fn build(cargo_deb: &Path, date: &str) -> Result<PathBuf> {
    let output = Command::new(cargo_deb)
        // The program is already built and stripped.
        .args(["--no-build", "--no-strip", "--package=rocketchat-exporter"])
        .env("SOURCE_DATE_EPOCH", date)
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

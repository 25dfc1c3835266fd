//! The software bill of materials: the crates that are in the program, in the format of `CycloneDX`.
//!
//! Syft lists the packages of a Cargo.lock. The project's own has also what only tests, commands and other platforms need;
//! so syft reads one with the crates that cargo links into the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tools::cargo::cargo;
use tools::command::output_of;
use tools::workspace_root;

use crate::shipped::write;

/// Writes the list to `file`.
pub(super) fn make(target: &str, file: &Path) -> Result<PathBuf> {
    let linked = linked_crates(target)?;
    let lock = workspace_root().join("Cargo.lock");
    let lock =
        fs::read_to_string(&lock).with_context(|| format!("cannot read `{}`", lock.display()))?;
    let lock = only(&linked, &lock)?;
    let folder = workspace_root().join("target/sbom").join(target);
    write(&folder.join("Cargo.lock"), lock.as_bytes())?;
    output_of(
        tools::SYFT
            .find()?
            .command()
            .env("SYFT_CHECK_FOR_APP_UPDATE", "false")
            .args(["scan", "--quiet"])
            .arg(format!("file:{}", folder.join("Cargo.lock").display()))
            .args(["--source-name", "rocketchat-exporter"])
            .args(["--source-version", env!("CARGO_PKG_VERSION")])
            .arg("--output")
            .arg(format!("cyclonedx-json={}", file.display())),
    )?;
    Ok(file.to_owned())
}

/// Names and versions of the crates that cargo links into the program.
fn linked_crates(target: &str) -> Result<BTreeSet<(String, String)>> {
    let tree = output_of(
        cargo()
            .args(["tree", "--locked", "--package=rocketchat-exporter"])
            .args(["--edges=normal,no-proc-macro", "--target", target])
            .args(["--prefix=none", "--no-dedupe", "--format={p}"])
            .current_dir(workspace_root()),
    )?;
    tree.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let version = words.next().and_then(|version| version.strip_prefix('v'));
            let version = version.with_context(|| format!("cargo tree prints `{line}`"))?;
            Ok((name.to_owned(), version.to_owned()))
        })
        .collect()
}

/// The lock file with these crates alone.
fn only(crates: &BTreeSet<(String, String)>, lock: &str) -> Result<String> {
    let start = "[[package]]\n";
    let mut packages = lock.split(start);
    let mut text = packages.next().unwrap_or_default().to_owned();
    let mut count = 0;
    for package in packages {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned())
        };
        let known = value("name").zip(value("version"));
        let known = known.with_context(|| format!("Cargo.lock has a package:\n{package}"))?;
        if crates.contains(&known) {
            text.push_str(start);
            text.push_str(package);
            count += 1;
        }
    }
    ensure!(
        count == crates.len(),
        "Cargo.lock has {count} of the {} crates in the program",
        crates.len()
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"oak\"\nversion = \"1.0.0\"\n\n\
                        [[package]]\nname = \"oak\"\nversion = \"2.0.0\"\ndependencies = [\n \"elm\",\n]\n";

    fn crates(version: &str) -> BTreeSet<(String, String)> {
        BTreeSet::from([("oak".to_owned(), version.to_owned())])
    }

    #[test]
    fn lock_file_keeps_the_crates_of_the_program() {
        assert_eq!(
            only(&crates("1.0.0"), LOCK).expect("it has the crate"),
            "version = 4\n\n[[package]]\nname = \"oak\"\nversion = \"1.0.0\"\n\n"
        );
    }

    #[test]
    fn crate_that_the_lock_file_lacks_is_an_error() {
        let error = only(&crates("3.0.0"), LOCK).err();
        let error = error.expect("there is no such version").to_string();
        assert_eq!(error, "Cargo.lock has 0 of the 1 crates in the program");
    }
}

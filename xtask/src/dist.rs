//! `cargo xtask dist`: makes what a release consists of: the archive with the static program, the Debian package, the list
//! of the crates in the program, and checksums.

mod sbom;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tools::cargo::build;
use tools::command::output_of;

use crate::shipped::{self, Places};
use crate::source_date::source_date;
use crate::{package, printed};

const PROGRAM: &str = "rocketchat-exporter";
const CHECKSUMS: &str = "SHA256SUMS";

/// The archive has the project's own layout.
const PLACES: Places = &[
    ("README.md", Some("README.md")),
    ("CHANGELOG.md", Some("CHANGELOG.md")),
    ("LICENSE", Some("LICENSE")),
    ("docs", Some("docs")),
    ("deploy/README.md", Some("deploy/README.md")),
    ("deploy/prometheus/tests", None),
    ("deploy/prometheus", Some("deploy/prometheus")),
    ("dashboards/source", None),
    ("dashboards", Some("dashboards")),
    ("systemd", Some("systemd")),
];

/// What to make.
pub(crate) struct Options {
    /// The target that the program is for; by default this machine's.
    pub(crate) target: Option<String>,
    /// A program that is built already.
    pub(crate) program: Option<PathBuf>,
    /// The folder for the files.
    pub(crate) output: PathBuf,
}

/// Makes the files, and prints their paths.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run(options: &Options) -> Result<()> {
    tools::SYFT.fetch()?;
    let host = host_target()?;
    let target = options.target.as_ref().unwrap_or(&host);
    let date = source_date()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build_static(target)?,
    };
    let output = &options.output;
    shipped::empty(output)?;
    let name = format!("{PROGRAM}-{}-{target}", env!("CARGO_PKG_VERSION"));
    let mut files = vec![archive(&program, target, &name, &date, output)?];
    files.push(sbom::make(
        target,
        &output.join(format!("{name}.cdx.json")),
    )?);
    if options.program.is_some() {
        println!("without a Debian package: it has a program of its own, which is not static");
    } else if *target != host {
        println!("without a Debian package: it is made on a machine of its own architecture");
    } else {
        let package = package::make(None, &date)?;
        let file = package.file_name().context("the package has a name")?;
        let copy = output.join(file);
        fs::copy(&package, &copy)
            .with_context(|| format!("cannot copy to `{}`", copy.display()))?;
        files.push(copy);
    }
    files.push(checksums(&files, output)?);
    for file in files {
        println!("{}", file.display());
    }
    Ok(())
}

/// The target of this machine.
fn host_target() -> Result<String> {
    let target = output_of(Command::new("rustc").args(["--print", "host-tuple"]))?;
    Ok(target.trim().to_owned())
}

/// Builds the program with the C library in it, so that it runs on every Linux.
fn build_static(target: &str) -> Result<PathBuf> {
    let flags = format!("target.{target}.rustflags=[\"-Ctarget-feature=+crt-static\"]");
    let [program] = build(
        &[
            "--release",
            "--locked",
            // With a target the flags are not for procedural macros, which cannot be static.
            "--target",
            target,
            "--config",
            &flags,
        ],
        [(PROGRAM, PROGRAM)],
    )?;
    Ok(program)
}

/// Packs the program with the project's own files.
fn archive(program: &Path, target: &str, name: &str, date: &str, output: &Path) -> Result<PathBuf> {
    let folder = output.join(name);
    shipped::copy(PLACES, &folder)?;
    printed::write_all(|| runnable(program, target), &folder)?;
    let copy = folder.join(PROGRAM);
    fs::copy(program, &copy).with_context(|| format!("cannot copy `{}`", program.display()))?;
    let file = output.join(format!("{name}.tar.gz"));
    output_of(
        Command::new("tar")
            .args(["--create", "--format=gnu", "--sort=name"])
            .arg(format!("--mtime=@{date}"))
            .args(["--owner=0", "--group=0", "--numeric-owner"])
            .args([
                "--mode=u=rwX,go=rX",
                "--use-compress-program=gzip --no-name",
            ])
            .arg("--file")
            .arg(&file)
            .arg("--directory")
            .arg(output)
            .arg(name),
    )?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    Ok(file)
}

/// A command of the program. One for another architecture runs in what cargo runs it in, such as `qemu-aarch64`.
fn runnable(program: &Path, target: &str) -> Command {
    let variable = format!(
        "CARGO_TARGET_{}_RUNNER",
        target.to_uppercase().replace('-', "_")
    );
    let runner: OsString = std::env::var_os(variable).unwrap_or_default();
    let runner = runner.to_string_lossy();
    let mut words = runner.split_whitespace();
    match words.next() {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Writes the checksums of all files, by names without a folder.
fn checksums(files: &[PathBuf], output: &Path) -> Result<PathBuf> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = output_of(Command::new("sha256sum").args(names).current_dir(output))?;
    let file = output.join(CHECKSUMS);
    shipped::write(&file, sums.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped::{TemporaryFolder, broken_links};

    #[test]
    fn program_of_this_machine_runs_by_itself() {
        let command = runnable(Path::new("/bin/exporter"), "z80-unknown-none");
        assert_eq!(command.get_program(), "/bin/exporter");
        assert_eq!(command.get_args().count(), 0);
    }

    #[test]
    fn links_in_the_pages_of_the_archive_lead_somewhere() {
        let folder = TemporaryFolder::new("archive-links");
        shipped::copy(PLACES, &folder.path).expect("the files can be copied");
        assert_eq!(broken_links(&folder.path), Vec::<String>::new());
    }
}

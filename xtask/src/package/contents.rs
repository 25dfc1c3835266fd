//! Generated files of the Debian package: output of the program, and the systemd unit with the paths of a package. They are
//! written to `target/package`, where `[package.metadata.deb]` in Cargo.toml expects them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use tools::workspace_root;

/// File names, and the arguments with which the program prints their contents.
const PRINTED: &[(&str, &[&str])] = &[
    ("rocketchat-exporter.1", &["man"]),
    ("rocketchat-exporter.bash", &["completions", "bash"]),
    ("_rocketchat-exporter", &["completions", "zsh"]),
    ("rocketchat-exporter.fish", &["completions", "fish"]),
];

const UNIT: &str = "rocketchat-exporter.service";

/// The paths of a program that an administrator installed, and of one in a package.
const LOCAL: &str = "/usr/local/bin/rocketchat-exporter";
const PACKAGED: &str = "/usr/bin/rocketchat-exporter";

/// Writes all generated files.
pub(super) fn make(program: &Path) -> Result<()> {
    let folder = workspace_root().join("target/package");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    for (file, arguments) in PRINTED {
        let output = Command::new(program)
            .args(*arguments)
            .output()
            .with_context(|| format!("cannot run `{}`", program.display()))?;
        ensure!(output.status.success(), "`{arguments:?}` failed");
        write(&folder.join(file), &output.stdout)?;
    }
    let unit = workspace_root().join("systemd").join(UNIT);
    let unit =
        fs::read_to_string(&unit).with_context(|| format!("cannot read `{}`", unit.display()))?;
    ensure!(
        unit.matches(LOCAL).count() == 2,
        "the unit names `{LOCAL}` in other lines than ExecStart= and ExecPaths="
    );
    write(&folder.join(UNIT), unit.replace(LOCAL, PACKAGED).as_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write `{}`", path.display()))
}

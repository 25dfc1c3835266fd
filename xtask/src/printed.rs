//! Files that the exporter itself prints: its manual page and the completions of shells.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shipped::write;

/// File names, and the arguments with which the program prints their contents.
const PRINTED: &[(&str, &[&str])] = &[
    ("man/rocketchat-exporter.1", &["man"]),
    (
        "completions/rocketchat-exporter.bash",
        &["completions", "bash"],
    ),
    ("completions/_rocketchat-exporter", &["completions", "zsh"]),
    (
        "completions/rocketchat-exporter.fish",
        &["completions", "fish"],
    ),
];

/// Writes the files below a folder. `program` makes a command of the exporter without arguments.
pub(crate) fn write_all(program: impl Fn() -> Command, folder: &Path) -> Result<()> {
    for (file, arguments) in PRINTED {
        let mut command = program();
        let output = command
            .args(*arguments)
            .output()
            .with_context(|| format!("cannot run `{}`", command.get_program().display()))?;
        ensure!(
            output.status.success(),
            "`{} {}` failed: {}",
            command.get_program().display(),
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        write(&folder.join(file), &output.stdout)?;
    }
    Ok(())
}

//! Runs commands whose output matters only if they fail, and ends programs that failed.

use std::ffi::OsStr;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::progress;

/// Runs a command and returns its standard output. The error has the command and the last lines of its output.
pub fn output_of(command: &mut Command) -> Result<String> {
    let text = describe(command);
    let output = command
        .output()
        .with_context(|| format!("cannot run `{text}`"))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!(
            "`{text}` failed with {}: {}",
            output.status,
            last_lines(&String::from_utf8_lossy(&printed))
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The exit code of this program. Prints the reason for a failure.
#[must_use]
pub fn exit_code(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::error_line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A command as typed in a shell.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last eight lines that are not empty, where programs usually print their errors.
#[must_use]
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

//! `cargo xtask test`: installs the tools, then runs all checks, fast ones first.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tools::cargo::cargo;
use tools::workspace_root;

struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        arguments: &["fmt", "--all", "--check"],
        environment: &[],
    },
    Step {
        name: "lints",
        arguments: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        environment: &[],
    },
    Step {
        name: "docs",
        arguments: &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
        environment: &[("RUSTDOCFLAGS", "-Dwarnings")],
    },
    Step {
        name: "tests",
        arguments: &["test", "--workspace", "--locked", "--no-fail-fast"],
        environment: &[],
    },
];

/// Cargo commands that rustup provides, and their components.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Runs all steps; stops at the first failure. The last line has the number of tests that passed and failed.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let mut times = Vec::new();
    let mut counts = TestCounts::default();
    let outcome = run_steps(&mut times, &mut counts);
    let state = outcome.as_ref().map_or("failed", |()| "passed");
    say(&format!(
        "{state} in {} ({}): {} passed, {} failed",
        seconds(begun.elapsed()),
        times.join(", "),
        counts.passed,
        counts.failed
    ));
    outcome
}

fn run_steps(times: &mut Vec<String>, counts: &mut TestCounts) -> Result<()> {
    timed("tools", "what tests run from outside", times, install_tools)?;
    for step in STEPS {
        timed(step.name, &step.text(), times, || step.run(counts))?;
    }
    Ok(())
}

/// The tests of all programs that `cargo test` ran.
#[derive(Debug, Default, PartialEq, Eq)]
struct TestCounts {
    passed: u32,
    failed: u32,
}

impl TestCounts {
    /// Adds the numbers of a line such as `test result: ok. 5 passed; 0 failed; 0 ignored; ...`.
    fn add(&mut self, line: &str) {
        if !line.starts_with("test result: ") {
            return;
        }
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let count = word.parse().unwrap_or(0);
            match words.peek() {
                Some(&"passed;") => self.passed += count,
                Some(&"failed;") => self.failed += count,
                _ => {}
            }
        }
    }
}

/// Runs a step, and prints its name before and its duration after it.
fn timed(
    name: &str,
    text: &str,
    times: &mut Vec<String>,
    step: impl FnOnce() -> Result<()>,
) -> Result<()> {
    say(&format!("{name}: {text}"));
    let begun = Instant::now();
    let outcome = step();
    let time = format!("{name} {}", seconds(begun.elapsed()));
    let state = outcome.as_ref().map_or("failed", |()| "passed");
    say(&format!("{time} {state}"));
    times.push(time);
    outcome
}

#[expect(clippy::print_stdout, reason = "this is the output of a command")]
fn install_tools() -> Result<()> {
    for (command, component) in COMPONENTS {
        let available = cargo().args([command, "--version"]).output();
        if !available.context("cannot run cargo")?.status.success() {
            bail!("`cargo {command}` is missing; run `rustup component add {component}`");
        }
    }
    for tool in tools::OF_TESTS {
        println!("{}: {}", tool.name, tool.fetch()?.path().display());
    }
    Ok(())
}

impl Step {
    /// Runs the command, shows its output, and counts the tests in it.
    #[expect(clippy::print_stdout, reason = "this is the output of a command")]
    fn run(&self, counts: &mut TestCounts) -> Result<()> {
        let text = self.text();
        let mut process = cargo()
            .args(self.arguments)
            .envs(self.environment.iter().copied())
            .current_dir(workspace_root())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{text}`"))?;
        if let Some(output) = process.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line.with_context(|| format!("cannot read the output of `{text}`"))?;
                let line = String::from_utf8_lossy(&line);
                counts.add(&line);
                println!("{line}");
            }
        }
        let status = process.wait()?;
        ensure!(status.success(), "`{text}` failed with {status}");
        Ok(())
    }

    /// The command line of the step.
    fn text(&self) -> String {
        let environment = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value} "));
        let environment: String = environment.collect();
        format!("{environment}cargo {}", self.arguments.join(" "))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

#[expect(clippy::print_stdout, reason = "this is the output of a command")]
fn say(text: &str) {
    println!("\n== {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_programs_are_added() {
        let mut counts = TestCounts::default();
        for line in [
            "test result: FAILED. 263 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 11.38s",
            "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.18s",
            "test live::changes_are_followed ... ok",
            "9 passed; 9 failed;",
        ] {
            counts.add(line);
        }
        assert_eq!(
            counts,
            TestCounts {
                passed: 268,
                failed: 1
            }
        );
    }
}

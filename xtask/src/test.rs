//! `cargo xtask test`: installs the tools, then runs all checks, fast ones first.

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

/// Runs all steps; stops at the first failure.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let mut times = Vec::new();
    timed(
        "tools",
        "what tests run from outside",
        &mut times,
        install_tools,
    )?;
    for step in STEPS {
        timed(step.name, &step.text(), &mut times, || step.run())?;
    }
    say(&format!(
        "passed in {}: {}",
        seconds(begun.elapsed()),
        times.join(", ")
    ));
    Ok(())
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
    fn run(&self) -> Result<()> {
        let text = self.text();
        let status = cargo()
            .args(self.arguments)
            .envs(self.environment.iter().copied())
            .current_dir(workspace_root())
            .status()
            .with_context(|| format!("cannot run `{text}`"))?;
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

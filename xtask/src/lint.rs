//! `cargo xtask lint`: checks the format, and that clippy and rustdoc find nothing.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use tools::cargo::cargo;
use tools::progress::seconds;

use crate::step::{Step, Times, state, title};

/// In the order of duration.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        arguments: &["fmt", "--all", "--check"],
        environment: &[],
    },
    Step {
        name: "clippy",
        arguments: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
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
            "--locked",
            "--no-deps",
            "--document-private-items",
        ],
        environment: &[("RUSTDOCFLAGS", "-Dwarnings")],
    },
];

/// Cargo commands that rustup provides, and their components.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Runs all steps; stops at the first failure.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    ensure_components()?;
    let times = Times::default();
    let outcome = STEPS
        .iter()
        .try_for_each(|step| step.run_with_heartbeat(&times));
    title(&format!(
        "{} in {} ({})",
        state(&outcome),
        seconds(begun.elapsed()),
        times.join()
    ));
    outcome
}

fn ensure_components() -> Result<()> {
    for (command, component) in COMPONENTS {
        let available = cargo().args([command, "--version"]).output();
        if !available.context("cannot run cargo")?.status.success() {
            bail!("`cargo {command}` is missing; run `rustup component add {component}`");
        }
    }
    Ok(())
}

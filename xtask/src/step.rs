//! One cargo command of `cargo xtask lint` or `cargo xtask test`: named before it runs, timed after it.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tools::cargo::cargo;
use tools::progress::{Heartbeat, line, seconds};
use tools::workspace_root;

/// The variable for the number of tests that run at a time.
const THREADS: &str = "RUST_TEST_THREADS";

/// Most tests wait for a server half of the time, so several of them share a core.
const TESTS_PER_CORE: usize = 4;

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

impl Step {
    /// Runs the command and shows its output line by line. `on_line` sees each line of standard output.
    pub(crate) fn run(&self, times: &Times, on_line: impl FnMut(&str)) -> Result<()> {
        let text = self.text();
        times.step(self.name, &text, || {
            let status = tools::progress::run(&mut self.command(), on_line)
                .with_context(|| format!("cannot run `{text}`"))?;
            ensure!(status.success(), "`{text}` failed with {status}");
            Ok(())
        })
    }

    /// As [`Self::run`], with a line whenever cargo is silent for some seconds.
    pub(crate) fn run_with_heartbeat(&self, times: &Times) -> Result<()> {
        let name = self.name;
        let _heartbeat = Heartbeat::start(|| name.to_owned());
        self.run(times, |_| ())
    }

    fn command(&self) -> Command {
        let mut command = cargo();
        command
            .args(self.arguments)
            .envs(self.environment.iter().copied())
            .current_dir(workspace_root());
        if std::env::var_os(THREADS).is_none() {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            command.env(THREADS, (cores * TESTS_PER_CORE).to_string());
        }
        command
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

/// How long the steps took, in the order in which they ended.
#[derive(Default)]
pub(crate) struct Times(Mutex<Vec<String>>);

impl Times {
    /// Runs a step, and prints its name before and its duration after it.
    pub(crate) fn step(
        &self,
        name: &str,
        text: &str,
        step: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        title(&format!("{name}: {text}"));
        let begun = Instant::now();
        let outcome = step();
        let time = format!("{name} {}", seconds(begun.elapsed()));
        title(&format!("{time} {}", state(&outcome)));
        self.lock().push(time);
        outcome
    }

    /// The times in one line.
    pub(crate) fn join(&self) -> String {
        self.lock().join(", ")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn state(outcome: &Result<()>) -> &'static str {
    outcome.as_ref().map_or("failed", |()| "passed")
}

/// Prints a line that stands out.
pub(crate) fn title(text: &str) {
    line(&format!("\n== {text}"));
}

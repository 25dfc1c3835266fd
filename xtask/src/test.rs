//! `cargo xtask test`: installs the tools while cargo checks and builds, then runs the tests and makes the documentation.
//!
//! It is never silent for long: output of cargo and of the tests is shown line by line, and a heartbeat covers the gaps.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tools::cargo::cargo;
use tools::progress::{Heartbeat, line, seconds};
use tools::workspace_root;

struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

/// What needs no tools, in the order of duration.
const CHECKS: &[Step] = &[
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
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
        environment: &[],
    },
    Step {
        name: "build",
        arguments: &["test", "--workspace", "--locked", "--no-run"],
        environment: &[],
    },
];

/// The tests that run programs, which wait half of the time.
const TESTS: Step = Step {
    name: "tests",
    arguments: &[
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--test=exporter",
    ],
    environment: &[],
};

/// What runs beside [`TESTS`]. All programs are built by then: `--workspace` keeps the features of crates the same.
const BESIDE_TESTS: &[Step] = &[
    Step {
        name: "other tests",
        arguments: &[
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--lib",
            "--bin=rocketchat-exporter-bench",
            "--bin=xtask",
            // A pattern, for all but `exporter`.
            "--test=[!e]*",
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

/// The variable for the number of tests that run at a time.
const THREADS: &str = "RUST_TEST_THREADS";

/// Most tests wait for a server half of the time, so several of them share a core.
const TESTS_PER_CORE: usize = 4;

/// Cargo commands that rustup provides, and their components.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Runs all steps; stops at the first failure. The last line has the number of tests that passed and failed.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let times = Mutex::default();
    let counts = Arc::default();
    let outcome = run_steps(&times, &counts);
    let state = outcome.as_ref().map_or("failed", |()| "passed");
    let times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    let counts = lock(&counts);
    title(&format!(
        "{state} in {} ({}): {} passed, {} failed",
        seconds(begun.elapsed()),
        times.join(", "),
        counts.passed,
        counts.failed
    ));
    outcome
}

fn run_steps(times: &Mutex<Vec<String>>, counts: &Arc<Mutex<TestCounts>>) -> Result<()> {
    ensure_components()?;
    thread::scope(|scope| {
        // Downloads wait for the network, cargo for the processor.
        let install = || tools::fetch_all(tools::OF_TESTS);
        let what = "what tests run from outside; the other steps run meanwhile";
        let tools = scope.spawn(move || timed("tools", what, times, install));
        let checked = CHECKS.iter().try_for_each(|step| {
            let _heartbeat = Heartbeat::start(|| step.name.to_owned());
            timed(step.name, &step.text(), times, || step.run(|_| ()))
        });
        let tools = tools.join();
        checked.and(tools.unwrap_or_else(|_| Err(anyhow!("the installation panicked"))))
    })?;
    let so_far = Arc::clone(counts);
    let _heartbeat = Heartbeat::start(move || {
        let counts = lock(&so_far);
        let (passed, failed) = (counts.passed, counts.failed);
        format!("tests: {passed} passed and {failed} failed so far")
    });
    let run = |step: &Step| {
        timed(step.name, &step.text(), times, || {
            step.run(|text| lock(counts).add(text))
        })
    };
    thread::scope(|scope| {
        let tests = scope.spawn(|| run(&TESTS));
        // All of them, also after a failure.
        let beside: Vec<Result<()>> = BESIDE_TESTS.iter().map(run).collect();
        let tests = tests
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the step panicked")));
        beside.into_iter().collect::<Result<()>>().and(tests)
    })
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tests of all programs that `cargo test` ran so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct TestCounts {
    passed: u32,
    failed: u32,
}

impl TestCounts {
    /// Adds the outcome of a line such as `test live::changes_are_followed ... ok`.
    fn add(&mut self, line: &str) {
        match line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        {
            Some((_, "ok")) => self.passed += 1,
            Some((_, "FAILED")) => self.failed += 1,
            _ => {}
        }
    }
}

/// Runs a step, and prints its name before and its duration after it.
fn timed(
    name: &str,
    text: &str,
    times: &Mutex<Vec<String>>,
    step: impl FnOnce() -> Result<()>,
) -> Result<()> {
    title(&format!("{name}: {text}"));
    let begun = Instant::now();
    let outcome = step();
    let time = format!("{name} {}", seconds(begun.elapsed()));
    let state = outcome.as_ref().map_or("failed", |()| "passed");
    title(&format!("{time} {state}"));
    lock(times).push(time);
    outcome
}

impl Step {
    /// Runs the command and shows its output. `on_line` sees each line of standard output.
    fn run(&self, on_line: impl FnMut(&str)) -> Result<()> {
        let text = self.text();
        let status = tools::progress::run(&mut self.command(), on_line)
            .with_context(|| format!("cannot run `{text}`"))?;
        ensure!(status.success(), "`{text}` failed with {status}");
        Ok(())
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

/// Prints a line that stands out.
fn title(text: &str) {
    line(&format!("\n== {text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_of_tests_are_counted() {
        let mut counts = TestCounts::default();
        for line in [
            "test live::changes_are_followed ... ok",
            "test live::changes_are_lost ... FAILED",
            "test a_panic_is_expected - should panic ... ok",
            "test not_here ... ignored, needs a cluster",
            "test slow has been running for over 60 seconds",
            "test result: FAILED. 263 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 11.38s",
            "9 passed ... ok",
        ] {
            counts.add(line);
        }
        assert_eq!(
            counts,
            TestCounts {
                passed: 2,
                failed: 1
            }
        );
    }

    #[test]
    fn every_test_program_is_run() {
        let output = cargo()
            .args(["metadata", "--locked", "--no-deps", "--format-version=1"])
            .current_dir(workspace_root())
            .output()
            .expect("cargo runs");
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("the metadata are JSON");
        let is_run = |kind: &str, name: &str| match kind {
            "lib" => true,
            "test" => name == "exporter" || !name.starts_with('e'),
            _ => BESIDE_TESTS[0]
                .arguments
                .contains(&format!("--{kind}={name}").as_str()),
        };
        let packages = metadata["packages"].as_array().expect("packages");
        let targets = packages
            .iter()
            .flat_map(|package| package["targets"].as_array().expect("targets"));
        let mut programs = 0;
        for target in targets.filter(|target| target["test"] == true) {
            let kind = target["kind"][0].as_str().expect("a kind");
            let name = target["name"].as_str().expect("a name");
            assert!(is_run(kind, name), "{kind} {name}");
            programs += 1;
        }
        assert!(programs > 5, "{programs}");
    }
}

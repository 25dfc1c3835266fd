//! `cargo xtask test`: installs the tools while cargo builds, then runs the tests.
//!
//! It is never silent for long: output of cargo and of the tests is shown line by line, and a heartbeat covers the gaps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use tools::progress::{Heartbeat, seconds};

use crate::step::{Step, Times, state, title};

const BUILD: Step = Step {
    name: "build",
    arguments: &["test", "--workspace", "--locked", "--no-run"],
    environment: &[],
};

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
const OTHER_TESTS: Step = Step {
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
};

/// Runs all steps; stops at the first failure. The last line has the number of tests that passed and failed.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let times = Times::default();
    let counts = Arc::default();
    let outcome = run_steps(&times, &counts);
    let counts = lock(&counts);
    title(&format!(
        "{} in {} ({}): {} passed, {} failed",
        state(&outcome),
        seconds(begun.elapsed()),
        times.join(),
        counts.passed,
        counts.failed
    ));
    outcome
}

fn run_steps(times: &Times, counts: &Arc<Mutex<TestCounts>>) -> Result<()> {
    beside(
        // Downloads wait for the network, cargo for the processor.
        || {
            let what = "what tests run from outside; cargo builds meanwhile";
            times.step("tools", what, || tools::fetch_all(tools::OF_TESTS))
        },
        || BUILD.run_with_heartbeat(times),
    )?;
    let so_far = Arc::clone(counts);
    let _heartbeat = Heartbeat::start(move || {
        let counts = lock(&so_far);
        let (passed, failed) = (counts.passed, counts.failed);
        format!("tests: {passed} passed and {failed} failed so far")
    });
    let run = |step: &Step| step.run(times, |text| lock(counts).add(text));
    beside(|| run(&TESTS), || run(&OTHER_TESTS))
}

/// Runs both, also if one fails.
fn beside(
    one: impl FnOnce() -> Result<()> + Send,
    other: impl FnOnce() -> Result<()>,
) -> Result<()> {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one.join();
        other.and(one.unwrap_or_else(|_| Err(anyhow!("a step panicked"))))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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

#[cfg(test)]
mod tests {
    use tools::cargo::cargo;
    use tools::workspace_root;

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
            _ => OTHER_TESTS
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

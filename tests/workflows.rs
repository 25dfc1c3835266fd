//! GitHub's workflows in `.github/`: two linters accept them, and they use the versions of the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::tools;

use crate::support::files_below;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".github")
}

fn workflows() -> Vec<PathBuf> {
    let workflows = files_below(&folder().join("workflows"));
    assert!(!workflows.is_empty(), "there are no workflows");
    workflows
}

/// Runs a linter, which prints its findings.
fn assert_accepts(command: &mut Command) {
    let output = command.output().expect("the linter runs");
    let findings = [output.stdout, output.stderr].concat();
    let findings = String::from_utf8_lossy(&findings);
    assert!(output.status.success(), "{findings}");
}

#[test]
fn actionlint_and_shellcheck_accept_the_workflows() {
    let actionlint = tools::ACTIONLINT.find().expect("actionlint is installed");
    let shellcheck = tools::SHELLCHECK.find().expect("shellcheck is installed");
    assert_accepts(
        actionlint
            .command()
            .arg("-shellcheck")
            .arg(shellcheck.path())
            .args(["-pyflakes", ""])
            .args(workflows()),
    );
}

#[test]
fn zizmor_finds_nothing_insecure() {
    let zizmor = tools::ZIZMOR.find().expect("zizmor is installed");
    assert_accepts(
        zizmor
            .command()
            .args(["--offline", "--no-progress", "--strict-collection"])
            .arg(folder()),
    );
}

#[test]
fn shellcheck_accepts_the_script_of_ci() {
    let shellcheck = tools::SHELLCHECK.find().expect("shellcheck is installed");
    let script = folder().join("../.ci/run");
    assert_accepts(shellcheck.command().arg(script));
}

#[test]
fn workflows_build_with_the_least_rust_that_is_promised() {
    let image = format!("container: rust:{}.", env!("CARGO_PKG_RUST_VERSION"));
    for name in ["checks.yml", "release.yml"] {
        let file = folder().join("workflows").join(name);
        let text = fs::read_to_string(file).expect("the workflow can be read");
        assert!(text.contains(&image), "{name} has no `{image}`");
    }
}

#[test]
fn release_notes_are_the_section_of_the_version() {
    let file = folder().join("workflows/release.yml");
    let workflow = fs::read_to_string(file).expect("the workflow can be read");
    let command = workflow
        .lines()
        .find_map(|line| line.trim().strip_suffix("> target/notes.md"))
        .expect("the workflow writes the notes");
    let output = Command::new("sh")
        .args(["-euc", command])
        .env("GITHUB_REF_NAME", concat!("v", env!("CARGO_PKG_VERSION")))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the shell runs");
    let notes = String::from_utf8(output.stdout).expect("the notes are UTF-8");
    assert!(notes.contains("\n### Added\n"), "{notes}");
    assert!(!notes.contains("\n## "), "{notes}");
}

/// The action behind `uses:`, if a line has one of another repository.
fn used_action(line: &str) -> Option<&str> {
    let (_, action) = line.split_once("uses: ")?;
    let action = action.split(' ').next()?;
    (!action.starts_with('$')).then_some(action)
}

#[test]
fn every_action_is_pinned_to_a_commit_and_to_the_same_everywhere() {
    let mut pins: Vec<(String, String)> = Vec::new();
    for workflow in workflows() {
        let text = fs::read_to_string(&workflow).expect("the workflow can be read");
        for action in text.lines().filter_map(used_action) {
            let (name, commit) = action.split_once('@').expect("an action has a version");
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{}: {action}", workflow.display());
            pins.push((name.to_owned(), commit.to_owned()));
        }
    }
    pins.sort();
    pins.dedup();
    assert!(!pins.is_empty(), "no workflow uses an action");
    for pair in pins.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "two versions of one action");
    }
}

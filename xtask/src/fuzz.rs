//! `cargo xtask fuzz`: libFuzzer on every parser of external input.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tools::workspace_root;

/// Fuzzes the targets in sequence, and stops at the first input that makes a parser panic. Needs a C++ compiler.
pub(crate) fn run(seconds: u32) -> Result<()> {
    let root = workspace_root();
    let cargo_fuzz = tools::CARGO_FUZZ.fetch()?;
    for target in targets(&root)? {
        let status = cargo_fuzz
            .command()
            .args(["fuzz", "run", &target, "--"])
            .arg(format!("-max_total_time={seconds}"))
            .current_dir(&root)
            // libFuzzer needs unstable flags of rustc.
            .env("RUSTC_BOOTSTRAP", "1")
            .status()
            .context("cargo fuzz cannot be run")?;
        ensure!(
            status.success(),
            "the target {target} ended with {status}; its input is in fuzz/artifacts/{target}"
        );
    }
    Ok(())
}

fn targets(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let path = file?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

//! The generator and the checker of the Grafana dashboards. Both are Python scripts, because Grafana publishes its models
//! of a dashboard for Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::output_of;
use crate::{GRAFANA_SDK_NEWEST, GRAFANA_SDK_OLDEST, Tool, workspace_root};

/// The directory of the committed dashboards.
#[must_use]
pub fn folder() -> PathBuf {
    workspace_root().join("dashboards")
}

/// Generates the dashboards in a directory.
pub fn generate(destination: &Path) -> Result<()> {
    let mut command = python(&GRAFANA_SDK_OLDEST, "generate.py")?;
    output_of(command.arg(destination)).map(drop)
}

/// Fails with every key that Grafana's models do not know: the oldest models must reproduce each file exactly, and the
/// newest must not lose any key.
pub fn check(files: &[PathBuf]) -> Result<()> {
    output_of(python(&GRAFANA_SDK_OLDEST, "check.py")?.args(files))?;
    let mut command = python(&GRAFANA_SDK_NEWEST, "check.py")?;
    output_of(command.arg("--newer").args(files)).map(drop)
}

/// A Python script in the source of the dashboards, with the models in its path.
fn python(sdk: &Tool, script: &str) -> Result<Command> {
    let mut command = Command::new("python3");
    // -B writes no bytecode next to the source.
    command
        .arg("-B")
        .arg(folder().join("source").join(script))
        .env("PYTHONPATH", sdk.find()?.path());
    Ok(command)
}

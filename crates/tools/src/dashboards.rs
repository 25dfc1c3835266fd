//! The generator and the checker of the dashboards for Grafana. Both are Python, the language in which Grafana's own models
//! of a dashboard need no build.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::output_of;
use crate::{GRAFANA_SDK_NEWEST, GRAFANA_SDK_OLDEST, Tool, workspace_root};

/// Where they are kept.
#[must_use]
pub fn folder() -> PathBuf {
    workspace_root().join("dashboards")
}

/// Writes them into a folder.
pub fn generate(destination: &Path) -> Result<()> {
    let mut command = python(&GRAFANA_SDK_OLDEST, "generate.py")?;
    output_of(command.arg(destination)).map(drop)
}

/// Fails with every key of the files that Grafana's models do not know: those of the oldest Grafana have to give each
/// file back as it is, those of the newest must not lose anything of it.
pub fn check(files: &[PathBuf]) -> Result<()> {
    output_of(python(&GRAFANA_SDK_OLDEST, "check.py")?.args(files))?;
    let mut command = python(&GRAFANA_SDK_NEWEST, "check.py")?;
    output_of(command.arg("--newer").args(files)).map(drop)
}

/// A script of the dashboards' source, with the models that it needs.
fn python(sdk: &Tool, script: &str) -> Result<Command> {
    let mut command = Command::new("python3");
    // -B: no compiled files beside the source.
    command
        .arg("-B")
        .arg(folder().join("source").join(script))
        .env("PYTHONPATH", sdk.find()?.path());
    Ok(command)
}

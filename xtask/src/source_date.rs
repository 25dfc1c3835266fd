//! The date of the sources.

use std::process::Command;

use anyhow::{Context, Result};
use tools::command::output_of;
use tools::workspace_root;

/// The seconds since 1970 that all files bear, so that the same sources make the same archive and package.
pub(crate) fn source_date() -> Result<String> {
    if let Ok(date) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(date);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(workspace_root());
    let date = output_of(&mut git).context(
        "the date of the commit is unknown; without git, set SOURCE_DATE_EPOCH to the seconds since 1970",
    )?;
    Ok(date.trim().to_owned())
}

//! External programs and libraries that the tests, the demo, the benchmark and the packaging run.
//!
//! `table.rs` has a row for each tool. Tests use [`Tool::find`], which never downloads; commands use [`Tool::fetch`], which
//! installs a missing tool. Downloads are kept in `target/tools` of the workspace, regardless of `CARGO_TARGET_DIR`, so that
//! every build shares them.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error here is for the person at the terminal, and its text is its documentation"
)]

pub mod cargo;
pub mod command;
pub mod dashboards;
mod debian;
mod npm;
mod pip;
pub mod progress;
mod relocate;
mod table;
mod tool;

use std::path::{Path, PathBuf};

pub use table::*;
pub use tool::{Program, Tool, fetch_all};

/// The root of the Cargo workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

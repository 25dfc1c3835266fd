//! `cargo xtask dashboards`: generates the dashboards for Grafana from their source.

use anyhow::Result;
use tools::{GrafanaSdk, dashboards, grafana_sdk};

/// Writes the dashboards to where they are kept.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run() -> Result<()> {
    for &sdk in GrafanaSdk::ALL {
        grafana_sdk::fetch(sdk)?;
    }
    let folder = dashboards::folder();
    dashboards::generate(&folder)?;
    println!("dashboards: {}", folder.display());
    Ok(())
}

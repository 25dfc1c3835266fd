//! `cargo xtask dashboards`: generates the Grafana dashboards from their source.

use anyhow::Result;
use tools::{GRAFANA_SDK_NEWEST, GRAFANA_SDK_OLDEST, dashboards};

/// Writes the dashboards to `dashboards/`.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run() -> Result<()> {
    for sdk in [GRAFANA_SDK_OLDEST, GRAFANA_SDK_NEWEST] {
        sdk.fetch()?;
    }
    let folder = dashboards::folder();
    dashboards::generate(&folder)?;
    println!("dashboards: {}", folder.display());
    Ok(())
}

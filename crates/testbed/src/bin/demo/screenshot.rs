//! A picture of the Info page.

use std::net::SocketAddr;
use std::path::{Path, absolute};

use anyhow::{Context, Result};
use testbed::tools::CHROMIUM;
use testbed::tools::command::output_of;

/// Writes the picture of the upper part of the page, with a browser that is installed if it is missing.
pub(super) async fn take(exporter: SocketAddr, file: &Path) -> Result<()> {
    let file = absolute(file).with_context(|| format!("`{}` is no file", file.display()))?;
    let browse = move || -> Result<()> {
        let profile = std::env::temp_dir().join(format!(
            "rocketchat-exporter-demo-browser-{}",
            std::process::id()
        ));
        let mut browser = CHROMIUM.fetch()?.command();
        browser
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--hide-scrollbars",
                "--window-size=1280,720",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--screenshot={}", file.display()))
            .arg(format!("http://{exporter}/info"));
        let outcome = output_of(&mut browser).map(drop);
        std::fs::remove_dir_all(&profile)
            .with_context(|| format!("cannot remove `{}`", profile.display()))?;
        outcome
    };
    tokio::task::spawn_blocking(browse).await?
}

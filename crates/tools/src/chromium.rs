//! Chromium, and chromedriver, by which programs use it. Both come from Debian's packages of the same release, which
//! have to be installed: a browser needs half a desktop's libraries.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{apt_get, is_root, on_path, output_of};

/// What the programs are called, in Debian and elsewhere.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DRIVER: &str = "chromedriver";

const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// A browser and what drives it.
#[derive(Clone, Debug)]
pub struct Chromium {
    /// The browser.
    pub browser: PathBuf,
    /// Its chromedriver.
    pub driver: PathBuf,
}

/// A Chromium that is already here.
pub fn find() -> Result<Chromium> {
    let browser = BROWSERS.into_iter().find_map(on_path);
    match (browser, on_path(DRIVER)) {
        (Some(browser), Some(driver)) => Ok(Chromium { browser, driver }),
        (browser, _) => bail!(
            "no {} here; run `cargo xtask test` once as root, or install Debian's packages {}",
            browser.map_or("chromium", |_| DRIVER),
            PACKAGES.join(" and ")
        ),
    }
}

/// Chromium, installed if need be.
pub fn fetch() -> Result<Chromium> {
    if let Ok(chromium) = find() {
        return Ok(chromium);
    }
    if !is_root() || on_path("apt-get").is_none() {
        // What it says is what can be done.
        return find();
    }
    apt_get(|command| {
        command
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(PACKAGES);
    })
    .with_context(|| {
        format!(
            "cannot install the packages {}; install them by hand",
            PACKAGES.join(" and ")
        )
    })?;
    let chromium = find()?;
    output_of(Command::new(&chromium.driver).arg("--version"))?;
    Ok(chromium)
}

//! axe-core, the script that finds what keeps people from using a page: colors without contrast, fields without names
//! and the like. It comes from the wheel of `axe-playwright-python`, which carries it as one file.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::pip::{self, Wheel};
use super::{directory, install};

const NAME: &str = "axe-playwright-python-0.1.8";
const SCRIPT: &str = "axe_playwright_python/axe.min.js";

const WHEEL: Wheel = Wheel::native("axe-playwright-python==0.1.8");

/// The script, if it is already here.
pub fn find() -> Result<PathBuf> {
    let script = directory().join(NAME).join(SCRIPT);
    if !script.exists() {
        bail!(
            "axe-core is not at `{}`; run `cargo xtask test` once",
            script.display()
        );
    }
    Ok(script)
}

/// The script, downloaded if need be.
pub fn fetch() -> Result<PathBuf> {
    find().or_else(|_| {
        let folder = install(NAME, |staging| {
            pip::unpack(&WHEEL, staging)?;
            if !staging.join(SCRIPT).exists() {
                bail!("the wheel has no {SCRIPT}");
            }
            Ok(())
        })?;
        Ok(folder.join(SCRIPT))
    })
}

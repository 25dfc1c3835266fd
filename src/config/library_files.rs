//! Checks the files that libraries read on their own, named by environment variables or by the system: time zones and
//! certificate authorities. The libraries would also read a FIFO or a huge file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::error::ConfigError;
use crate::small_file;

/// The time zone of the system.
const LOCAL_ZONE: &str = "/etc/localtime";

/// Entries of a directory that are checked; there are about two thousand time zones.
const MAX_ENTRIES: usize = 20_000;

/// Checks all of them.
///
/// # Errors
/// When one of them is not a small regular file.
pub fn check(variable: impl Fn(&str) -> Option<OsString>) -> Result<(), ConfigError> {
    check_zone(&variable)?;
    for (setting, name) in [
        ("--rocketchat.timezone: TZDIR", "TZDIR"),
        ("SSL_CERT_FILE", "SSL_CERT_FILE"),
        ("SSL_CERT_DIR", "SSL_CERT_DIR"),
    ] {
        let Some(path) = variable(name).map(PathBuf::from) else {
            continue;
        };
        let checked = if path.is_dir() {
            check_directory(&path, &mut 0)
        } else {
            check_file(&path).map_err(|reason| (path, reason))
        };
        checked.map_err(|(path, reason)| ConfigError::Unreadable {
            setting,
            path,
            reason,
        })?;
    }
    Ok(())
}

/// Checks the default time zone.
fn check_zone(variable: impl Fn(&str) -> Option<OsString>) -> Result<(), ConfigError> {
    let path = match variable("TZ").filter(|zone| !zone.is_empty()) {
        None => PathBuf::from(LOCAL_ZONE),
        Some(zone) => {
            let zone = zone.to_string_lossy();
            PathBuf::from(zone.strip_prefix(':').unwrap_or(&zone))
        }
    };
    check_file(&path).map_err(|reason| ConfigError::Unreadable {
        setting: "--rocketchat.timezone: TZ",
        path,
        reason,
    })
}

/// A missing file is no error: `TZ` may be the name of a zone, and the libraries report what they miss.
fn check_file(path: &Path) -> io::Result<()> {
    match small_file::check(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        checked => checked,
    }
}

fn check_directory(directory: &Path, entries: &mut usize) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |reason| (path, reason)
    };
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.map_err(at(directory))?;
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return Err((directory.to_owned(), io::ErrorKind::FileTooLarge.into()));
        }
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            check_directory(&path, entries)?;
        } else if !path.is_dir() {
            check_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

//! The files of time zones, which jiff reads by itself: looked at before it does, because it reads whatever is there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ConfigError;
use crate::small_file;

/// Where the system's own zone is.
const LOCAL: &str = "/etc/localtime";

/// Entries of a directory of zones, of which there are about two thousand.
const MOST_ENTRIES: usize = 20_000;

/// Looks at the files that `TZ`, `TZDIR` and the system name.
///
/// # Errors
/// When one of them is no small regular file.
pub fn check(variable: impl Fn(&str) -> Option<OsString>) -> Result<(), ConfigError> {
    let own = variable("TZ").filter(|it| !it.is_empty());
    let own = own.map_or_else(
        || PathBuf::from(LOCAL),
        |zone| {
            let zone = zone.to_string_lossy();
            PathBuf::from(zone.strip_prefix(':').unwrap_or(&zone))
        },
    );
    let mut entries = 0;
    let checked = check_file(&own).map_err(|reason| (own, reason));
    checked
        .and_then(|()| match variable("TZDIR") {
            Some(directory) => check_all(Path::new(&directory), &mut entries),
            None => Ok(()),
        })
        .map_err(|(path, reason)| ConfigError::Unreadable {
            setting: "--rocketchat.timezone",
            path,
            reason,
        })
}

/// A name of a zone is no file, which is no mistake.
fn check_file(path: &Path) -> io::Result<()> {
    match small_file::check(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        checked => checked,
    }
}

fn check_all(directory: &Path, entries: &mut usize) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |reason| (path, reason)
    };
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.map_err(at(directory))?;
        *entries += 1;
        if *entries > MOST_ENTRIES {
            return Err((directory.to_owned(), io::ErrorKind::FileTooLarge.into()));
        }
        let path = entry.path();
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            check_all(&path, entries)?;
        } else if !path.is_dir() {
            check_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

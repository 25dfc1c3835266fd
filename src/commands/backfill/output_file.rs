//! The output file: written under a temporary name beside it, and renamed when it is complete.
//!
//! Other users may be able to write to the directory, as in `/tmp`. So no symbolic link is followed, and a leftover
//! temporary file is overwritten only if it is a regular file of this user without a second hard link.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use thiserror::Error;

/// Why the output file cannot be made.
#[derive(Debug, Error)]
pub enum OutputFileError {
    /// The file exists.
    #[error("`{}` exists; remove it, or choose another --output", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The path has no file name.
    #[error("--output: `{}` is not the name of a file", path.display())]
    NoFileName {
        /// The value of `--output`.
        path: PathBuf,
    },
    /// The directory of the file does not exist.
    #[error("--output: the directory `{}` does not exist; create it, or choose another", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The temporary name is taken by something that must not be overwritten.
    #[error("`{}` is {what}, so it is not overwritten; remove it, or choose another --output", path.display())]
    Foreign {
        /// The temporary file.
        path: PathBuf,
        /// What was found there.
        what: &'static str,
    },
    /// Another process writes the same file.
    #[error("another process is writing `{}`", path.display())]
    Busy {
        /// The temporary file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write `{}`: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
}

/// A file that gets its name when it is complete. Dropping it before removes what was written.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    temporary: PathBuf,
    // Locked while it is open.
    file: File,
    is_complete: bool,
}

impl OutputFile {
    /// Creates the temporary file, with the permissions that the umask leaves.
    ///
    /// # Errors
    /// When the output file exists, another process writes it, or the temporary file cannot be created.
    pub fn create(path: &Path) -> Result<Self, OutputFileError> {
        let Some(name) = path.file_name() else {
            return Err(OutputFileError::NoFileName {
                path: path.to_path_buf(),
            });
        };
        let mut name = name.to_os_string();
        name.push(".unfinished");
        let temporary = path.with_file_name(name);
        refuse_existing(path)?;
        let file = open(&temporary)?;
        let unwritable = |reason| OutputFileError::Unwritable {
            path: temporary.clone(),
            reason,
        };
        let busy = || OutputFileError::Busy {
            path: temporary.clone(),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy()),
            Err(TryLockError::Error(reason)) => return Err(unwritable(reason)),
        }
        // The process that held the lock may have renamed or removed the file in the meantime.
        refuse_existing(path)?;
        let id = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let opened = file.metadata().map_err(unwritable)?;
        let is_current =
            fs::symlink_metadata(&temporary).is_ok_and(|current| id(&current) == id(&opened));
        if !is_current {
            return Err(busy());
        }
        file.set_len(0).map_err(unwritable)?;
        Ok(Self {
            path: path.to_path_buf(),
            temporary,
            file,
            is_complete: false,
        })
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name once its content is on disk, and returns its length in bytes.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn commit(mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let length = self.file.metadata()?.len();
        fs::rename(&self.temporary, &self.path)?;
        self.is_complete = true;
        Ok(length)
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        if let Err(error) = fs::remove_file(&self.temporary) {
            tracing::warn!(file = %self.temporary.display(), %error, "cannot remove the unfinished file");
        }
    }
}

/// A symbolic link that leads nowhere counts as an existing file.
fn refuse_existing(path: &Path) -> Result<(), OutputFileError> {
    match path.symlink_metadata() {
        Ok(_) => Err(OutputFileError::Exists {
            path: path.to_path_buf(),
        }),
        Err(_) => Ok(()),
    }
}

fn open(path: &Path) -> Result<File, OutputFileError> {
    let foreign = |what| OutputFileError::Foreign {
        path: path.to_path_buf(),
        what,
    };
    let unwritable = |reason| OutputFileError::Unwritable {
        path: path.to_path_buf(),
        reason,
    };
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::LOOP) => foreign("a symbolic link"),
            Some(Errno::NOENT) => OutputFileError::NoDirectory {
                path: path.parent().unwrap_or(path).to_path_buf(),
            },
            _ => unwritable(error),
        })?;
    let metadata = file.metadata().map_err(unwritable)?;
    if !metadata.is_file() {
        return Err(foreign("not a regular file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(foreign("a file of another user"));
    }
    if metadata.nlink() > 1 {
        return Err(foreign("a file with another hard link"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn file_appears_when_it_is_committed() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("past.om");
        let output = OutputFile::create(&path).expect("the file can be created");
        output.file().write_all(b"all").expect("it can be written");
        assert!(!path.exists());
        assert_eq!(output.commit().ok(), Some(3));
        assert_eq!(fs::read(&path).ok(), Some(b"all".to_vec()));
        let again = OutputFile::create(&path);
        assert!(matches!(again, Err(OutputFileError::Exists { .. })));
        assert_eq!(fs::read_dir(folder.path()).map_or(0, Iterator::count), 1);
    }

    #[test]
    fn dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("past.om");
        let output = OutputFile::create(&path).expect("the file can be created");
        output.file().write_all(b"half").expect("it can be written");
        let second = OutputFile::create(&path);
        assert!(matches!(second, Err(OutputFileError::Busy { .. })));
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).map_or(1, Iterator::count), 0);
    }

    #[test]
    fn leftover_is_overwritten_unless_it_is_another_file_too() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("past.om");
        let leftover = folder.path().join("past.om.unfinished");
        fs::write(&leftover, "a longer leftover").expect("it can be written");
        let linked = folder.path().join("linked");
        fs::hard_link(&leftover, &linked).expect("a link can be made");
        let refused = OutputFile::create(&path);
        assert!(matches!(refused, Err(OutputFileError::Foreign { .. })));
        fs::remove_file(&linked).expect("it can be removed");
        let output = OutputFile::create(&path).expect("the leftover is overwritten");
        output.file().write_all(b"new").expect("it can be written");
        assert_eq!(output.commit().ok(), Some(3));
        assert_eq!(fs::read(&path).ok(), Some(b"new".to_vec()));
    }
}

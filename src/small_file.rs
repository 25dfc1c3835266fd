//! Reads files that an operator names (settings, secrets, certificates), and files of `/proc`.
//!
//! Such a path may not be a small file: a FIFO blocks the thread that opens it, `/dev/zero` never ends, and a huge file takes
//! as much memory. So all of them are read with [`read`].

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use thiserror::Error;

/// The maximum size of a file: 1 MiB. The largest of these files is a bundle of certificates.
pub const MAX_SIZE: u64 = 1024 * 1024;

/// The file is not read.
#[derive(Debug, Error)]
enum UnreadableFile {
    #[error("it is {0}, not a regular file")]
    Kind(&'static str),
    #[error("it is larger than 1 MiB, the maximum for such a file")]
    Size,
}

/// Reads a small regular file; `/dev/null` counts as an empty one. Symbolic links are followed. It takes at most
/// [`MAX_SIZE`] bytes of memory, and never waits for another process.
///
/// # Errors
/// When the file cannot be opened or read, is not a regular file, or has more than [`MAX_SIZE`] bytes.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Also before it is opened, because opening a device may have an effect.
    check(path)?;
    let file = OpenOptions::new()
        .read(true)
        // If a FIFO has replaced the file in the meantime, this does not wait for a writer.
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(path)?;
    check_metadata(&file.metadata()?)?;
    let mut content = Vec::new();
    // Files in /proc have no size, and others may grow during the read.
    file.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE {
        return Err(invalid_input(UnreadableFile::Size));
    }
    Ok(content)
}

/// Reads a small regular file as text; see [`read`].
///
/// # Errors
/// As [`read`], and when the content is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Checks that [`read`] accepts a file that a library reads on its own.
///
/// # Errors
/// When it does not exist, or is not a small regular file.
pub fn check(path: &Path) -> io::Result<()> {
    check_metadata(&fs::metadata(path)?)
}

fn check_metadata(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return if metadata.len() > MAX_SIZE {
            Err(invalid_input(UnreadableFile::Size))
        } else {
            Ok(())
        };
    }
    // The device number of `/dev/null` on Linux.
    if kind.is_char_device() && metadata.rdev() == rustix::fs::makedev(1, 3) {
        return Ok(());
    }
    let name = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(invalid_input(UnreadableFile::Kind(name)))
}

fn invalid_input(reason: UnreadableFile) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn problem(path: &Path) -> String {
        read(path)
            .expect_err("nothing is to be read there")
            .to_string()
    }

    #[test]
    fn file_is_read_up_to_the_limit() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("file");
        for length in [0, 1, MAX_SIZE] {
            let file = File::create(&path).expect("it can be written");
            file.set_len(length).expect("it can be written");
            assert_eq!(read(&path).expect("it is read").len() as u64, length);
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link can be made");
        assert!(read(&link).is_ok(), "links are followed");
    }

    #[test]
    fn large_file_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("file");
        let file = File::create(&path).expect("it can be written");
        // A sparse file: it needs no disk space, but would need much memory.
        file.set_len(1 << 40).expect("it can be written");
        assert!(problem(&path).contains("larger than 1 MiB"));
    }

    #[test]
    fn other_kinds_of_files_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let fifo = folder.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).expect("a FIFO can be made");
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).expect("a socket can be made");
        for (path, kind) in [
            (fifo.as_path(), "a FIFO"),
            (&socket, "a socket"),
            (folder.path(), "a directory"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            assert!(problem(path).contains(kind), "{}", problem(path));
        }
    }

    #[test]
    fn null_device_is_an_empty_file() {
        assert_eq!(read(Path::new("/dev/null")).ok(), Some(Vec::new()));
    }

    #[test]
    fn files_without_a_size_are_read() {
        let status = read_to_string(Path::new("/proc/self/status")).expect("it is read");
        assert!(status.contains("Threads:"));
    }
}

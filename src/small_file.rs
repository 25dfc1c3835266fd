//! Reading the files that an operator names: settings, secrets, certificates, and what `/proc` tells.
//!
//! Every such path may lead to something else than a small file. A FIFO blocks the thread that opens it, `/dev/zero`
//! never ends, and a file of 512 MB takes that much memory. So each of them is read by [`read`], and by nothing else.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use thiserror::Error;

/// The most bytes that a file may have: 1 MiB. The longest of these files is a bundle of certificates.
pub const LARGEST: u64 = 1024 * 1024;

/// A path leads to something that is not read.
#[derive(Debug, Error)]
enum Unfit {
    #[error("it is {0}, not a regular file")]
    Kind(&'static str),
    #[error("it is larger than 1 MiB, the most that such a file may have")]
    Size,
}

/// The content of a small regular file; `/dev/null` is an empty one. Links are followed. It takes no more than [`LARGEST`] bytes of memory, and never
/// waits for another process.
///
/// # Errors
/// When the file cannot be opened or read, is not a regular file, or has more than [`LARGEST`] bytes.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened, too: opening a device may already do something.
    check(path)?;
    let file = OpenOptions::new()
        .read(true)
        // A FIFO that took the file's place in the meantime is opened without a writer.
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(path)?;
    check_metadata(&file.metadata()?)?;
    let mut content = Vec::new();
    // Files below /proc have no size, and others may grow while they are read.
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(refused(Unfit::Size));
    }
    Ok(content)
}

/// The content of a small regular file as text; see [`read`].
///
/// # Errors
/// As [`read`], and when the content is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Whether there is a file that [`read`] takes, for files that a library reads by itself.
///
/// # Errors
/// When there is none, or it is not a small regular file.
pub fn check(path: &Path) -> io::Result<()> {
    check_metadata(&fs::metadata(path)?)
}

fn check_metadata(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return if metadata.len() > LARGEST {
            Err(refused(Unfit::Size))
        } else {
            Ok(())
        };
    }
    // `/dev/null` has this number on every Linux.
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
    Err(refused(Unfit::Kind(name)))
}

fn refused(reason: Unfit) -> io::Error {
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
    fn a_file_is_read_whole_up_to_the_limit() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("file");
        for length in [0, 1, LARGEST] {
            let file = File::create(&path).expect("it can be written");
            file.set_len(length).expect("it can be written");
            assert_eq!(read(&path).expect("it is read").len() as u64, length);
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link can be made");
        assert!(read(&link).is_ok(), "links are followed");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("file");
        let file = File::create(&path).expect("it can be written");
        // A hole: it takes no place on the disk, and would take all of the memory.
        file.set_len(1 << 40).expect("it can be written");
        assert!(problem(&path).contains("larger than 1 MiB"));
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
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
    fn the_null_device_is_an_empty_file() {
        assert_eq!(read(Path::new("/dev/null")).ok(), Some(Vec::new()));
    }

    #[test]
    fn files_without_a_size_are_read() {
        let status = read_to_string(Path::new("/proc/self/status")).expect("it is read");
        assert!(status.contains("Threads:"));
    }
}

//! gzip.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses a whole body.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(plain.len() / 4);
    gzip_to(&mut compressed, |encoder| encoder.write_all(plain))
        .expect("writing into memory cannot fail");
    compressed
}

/// Compresses a body while it is written.
pub fn gzip_to<W: Write>(
    to: W,
    write: impl FnOnce(&mut GzEncoder<W>) -> io::Result<()>,
) -> io::Result<()> {
    // Bodies that are written for each request: the default level takes several times as long.
    let mut encoder = GzEncoder::new(to, Compression::fast());
    write(&mut encoder)?;
    encoder.finish().map(drop)
}

/// A body that is sent in parts while it is written.
#[derive(Debug)]
pub enum StreamedBody {
    /// As it is written.
    Plain(Vec<u8>),
    /// Compressed as it is written.
    Gzip(GzEncoder<Vec<u8>>),
}

impl StreamedBody {
    /// An empty one.
    pub fn new(gzip: bool) -> Self {
        if gzip {
            Self::Gzip(GzEncoder::new(Vec::new(), Compression::default()))
        } else {
            Self::Plain(Vec::new())
        }
    }

    /// Whether it is compressed.
    pub fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// Takes what was written or compressed so far.
    pub fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => std::mem::take(bytes),
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    /// The rest.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Gzip(encoder) => encoder.finish().expect("writing into memory cannot fail"),
        }
    }
}

impl Write for StreamedBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

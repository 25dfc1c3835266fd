//! gzip, including a cached long prefix that is completed by a short end: the prefix is compressed once, and forms one
//! valid member with each end.

use std::io::{self, Write};

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// The header of a member: deflate, no time, no name, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

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
    let mut encoder = GzEncoder::new(to, Compression::default());
    write(&mut encoder)?;
    encoder.finish().map(drop)
}

/// A compressed prefix of a body.
#[derive(Debug)]
pub struct GzipPrefix {
    /// The header and complete blocks, none of which is the final one.
    member: Vec<u8>,
    checksum: Crc,
}

impl GzipPrefix {
    /// Compresses a prefix.
    pub fn new(plain: &[u8]) -> Self {
        let mut member = HEADER.to_vec();
        member.extend(deflate(plain, Write::flush));
        Self {
            member,
            checksum: checksum(plain),
        }
    }

    /// The compressed body with this end, which is compressed on its own.
    pub fn complete(&self, end: &[u8]) -> Vec<u8> {
        let mut whole = self.member.clone();
        whole.extend(deflate(end, DeflateEncoder::try_finish));
        let mut checksum_of_all = Crc::new();
        checksum_of_all.combine(&self.checksum);
        checksum_of_all.combine(&checksum(end));
        whole.extend(checksum_of_all.sum().to_le_bytes());
        whole.extend(checksum_of_all.amount().to_le_bytes());
        whole
    }
}

fn checksum(plain: &[u8]) -> Crc {
    let mut checksum = Crc::new();
    checksum.update(plain);
    checksum
}

/// Deflate blocks that end on a byte boundary.
fn deflate(
    plain: &[u8],
    end: impl FnOnce(&mut DeflateEncoder<Vec<u8>>) -> std::io::Result<()>,
) -> Vec<u8> {
    let room = Vec::with_capacity(plain.len() / 4);
    let mut encoder = DeflateEncoder::new(room, Compression::default());
    encoder
        .write_all(plain)
        .and_then(|()| end(&mut encoder))
        .expect("writing into memory cannot fail");
    std::mem::take(encoder.get_mut())
}

/// A body that is sent in parts while it is written.
#[derive(Debug)]
pub enum StreamedBody {
    /// As it is written.
    Plain(Vec<u8>),
    /// GzipPrefix.
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn prefix_and_end_form_one_member() {
        let long = "rocketchat_users 1\n".repeat(5000);
        for (beginning, end) in [("", ""), ("", "x"), ("x", ""), (&long, "# EOF\n")] {
            let whole = GzipPrefix::new(beginning.as_bytes()).complete(end.as_bytes());
            let mut plain = String::new();
            // This decoder reads one member and leaves the rest.
            let mut decoder = GzDecoder::new(whole.as_slice());
            decoder
                .read_to_string(&mut plain)
                .expect("the member is valid");
            assert_eq!(plain, format!("{beginning}{end}"));
            assert!(decoder.into_inner().is_empty());
        }
    }
}

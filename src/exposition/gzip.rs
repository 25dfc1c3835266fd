//! gzip, also of a body whose long beginning stays the same and whose short end changes: the beginning is compressed
//! once, and one valid member is made of it and each end.

use std::io::{self, Write};

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// What every member begins with: deflate, no time, no name, unknown system.
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

/// The beginning of a body.
#[derive(Debug)]
pub struct Compressed {
    /// The member's header and complete blocks, none of which is the last.
    member: Vec<u8>,
    checksum: Crc,
}

impl Compressed {
    /// Compresses the beginning.
    pub fn beginning(plain: &[u8]) -> Self {
        let mut member = HEADER.to_vec();
        member.extend(deflate(plain, Write::flush));
        Self {
            member,
            checksum: checksum(plain),
        }
    }

    /// The whole body, compressed. The end is compressed without looking back at the beginning.
    pub fn completed_by(&self, end: &[u8]) -> Vec<u8> {
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

/// Blocks of deflate that end on a whole byte.
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

/// A body that is taken away in parts while it is written, compressed or not.
#[derive(Debug)]
pub enum Growing {
    /// As it is written.
    Plain(Vec<u8>),
    /// Compressed.
    Gzip(GzEncoder<Vec<u8>>),
}

impl Growing {
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

    /// Takes what can be taken.
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

impl Write for Growing {
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
    fn a_beginning_and_an_end_are_one_member() {
        let long = "rocketchat_users 1\n".repeat(5000);
        for (beginning, end) in [("", ""), ("", "x"), ("x", ""), (&long, "# EOF\n")] {
            let whole = Compressed::beginning(beginning.as_bytes()).completed_by(end.as_bytes());
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

//! Bytes that are written one after the other and kept in pieces, so that they are never moved as they become more.

use std::io::{self, Write};

/// The length of each piece but the last; small enough that an allocator takes it from what it has.
const PIECE: usize = 64 * 1024;

/// What was written.
#[derive(Debug, Default)]
pub struct Chunks(Vec<Vec<u8>>);

impl Chunks {
    /// The pieces.
    pub fn into_pieces(mut self) -> Vec<Vec<u8>> {
        if let Some(last) = self.0.last_mut() {
            last.shrink_to_fit();
        }
        self.0
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = self.0.last().is_none_or(|last| last.len() == PIECE);
        if full && !bytes.is_empty() {
            self.0.push(Vec::with_capacity(PIECE));
        }
        let Some(last) = self.0.last_mut() else {
            return Ok(0);
        };
        let taken = bytes.len().min(PIECE - last.len());
        last.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_in_the_pieces_in_order() {
        let mut chunks = Chunks::default();
        let mut written = Vec::new();
        for (number, length) in (0_u8..).zip([0, 1, PIECE - 1, 3, 3 * PIECE, 0, 7]) {
            let bytes = vec![number; length];
            chunks.write_all(&bytes).expect("memory takes everything");
            written.extend(bytes);
        }
        let pieces = chunks.into_pieces();
        assert!(
            pieces
                .iter()
                .all(|piece| (1..=PIECE).contains(&piece.len()))
        );
        assert_eq!(pieces.concat(), written);
        assert!(Chunks::default().into_pieces().is_empty());
    }
}

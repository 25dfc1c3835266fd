//! A writer into chunks of memory, so that a growing body is never copied.

use std::io::{self, Write};

/// The size of each chunk but the last; below the threshold at which malloc maps new memory.
const CHUNK_BYTES: usize = 64 * 1024;

/// The chunks so far.
#[derive(Debug, Default)]
pub struct ChunkedWriter(Vec<Vec<u8>>);

impl ChunkedWriter {
    /// The chunks.
    pub fn into_chunks(mut self) -> Vec<Vec<u8>> {
        if let Some(last) = self.0.last_mut() {
            last.shrink_to_fit();
        }
        self.0
    }
}

impl Write for ChunkedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = self.0.last().is_none_or(|last| last.len() == CHUNK_BYTES);
        if full && !bytes.is_empty() {
            self.0.push(Vec::with_capacity(CHUNK_BYTES));
        }
        let Some(last) = self.0.last_mut() else {
            return Ok(0);
        };
        let taken = bytes.len().min(CHUNK_BYTES - last.len());
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
        let mut chunks = ChunkedWriter::default();
        let mut written = Vec::new();
        for (number, length) in (0_u8..).zip([0, 1, CHUNK_BYTES - 1, 3, 3 * CHUNK_BYTES, 0, 7]) {
            let bytes = vec![number; length];
            chunks.write_all(&bytes).expect("memory takes everything");
            written.extend(bytes);
        }
        let chunks = chunks.into_chunks();
        assert!(
            chunks
                .iter()
                .all(|chunk| (1..=CHUNK_BYTES).contains(&chunk.len()))
        );
        assert_eq!(chunks.concat(), written);
        assert!(ChunkedWriter::default().into_chunks().is_empty());
    }
}

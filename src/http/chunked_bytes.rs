//! Bytes in several allocations. A body of many megabytes in a single allocation would make the allocator keep that much
//! memory after every replacement.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A sequence of non-empty chunks. A single chunk, as most bodies are, needs no allocation for the sequence.
#[derive(Debug, Clone, Default)]
pub struct ChunkedBytes {
    first: Bytes,
    rest: VecDeque<Bytes>,
    remaining: usize,
}

impl ChunkedBytes {
    /// The address of the last chunk: the same for all clones, and for nothing else while one of them exists.
    pub fn address(&self) -> usize {
        self.rest.back().unwrap_or(&self.first).as_ptr().addr()
    }
}

impl FromIterator<Bytes> for ChunkedBytes {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty());
        let first = chunks.next().unwrap_or_default();
        let rest: VecDeque<_> = chunks.collect();
        let remaining = first.len() + rest.iter().map(Bytes::len).sum::<usize>();
        Self {
            first,
            rest,
            remaining,
        }
    }
}

impl<T: Into<Bytes>> From<T> for ChunkedBytes {
    fn from(bytes: T) -> Self {
        std::iter::once(bytes.into()).collect()
    }
}

impl Buf for ChunkedBytes {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let chunks = std::iter::once(&self.first).chain(&self.rest);
        let filled = slices
            .iter_mut()
            .zip(chunks.filter(|chunk| !chunk.is_empty()));
        filled
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "cannot advance past the end");
        self.remaining -= count;
        while count >= self.first.len() {
            count -= self.first.len();
            match self.rest.pop_front() {
                Some(next) => self.first = next,
                None => return self.first.clear(),
            }
        }
        self.first.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 7] = ["", "one", "", "", "and two", "!", ""];

    fn chunked() -> ChunkedBytes {
        let chunks = TEXTS.map(|text| Bytes::from_static(text.as_bytes()));
        chunks.into_iter().collect()
    }

    #[test]
    fn chunks_are_read_in_order_at_any_step() {
        let expected = TEXTS.concat();
        for step in 1..=expected.len() {
            let mut bytes = chunked();
            let mut read = String::new();
            while bytes.has_remaining() {
                assert_eq!(bytes.remaining(), expected.len() - read.len());
                assert!(!bytes.chunk().is_empty());
                let part = bytes.copy_to_bytes(step.min(bytes.remaining()));
                read.push_str(std::str::from_utf8(&part).expect("ASCII"));
            }
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn all_chunks_are_written_by_one_system_call() {
        let mut bytes = chunked();
        let vectored = |bytes: &ChunkedBytes, slots| {
            let mut slices = vec![IoSlice::new(&[]); slots];
            let filled = bytes.chunks_vectored(&mut slices);
            let parts = slices[..filled].iter().map(|slice| slice.to_vec());
            String::from_utf8(parts.collect::<Vec<_>>().concat()).expect("ASCII")
        };
        assert_eq!(vectored(&bytes, 9), "oneand two!");
        assert_eq!(vectored(&bytes, 2), "oneand two");
        bytes.advance(5);
        assert_eq!(vectored(&bytes, 9), "d two!");
        bytes.advance(6);
        assert_eq!(vectored(&bytes, 9), "");
    }
}

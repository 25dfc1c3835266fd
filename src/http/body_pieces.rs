//! A body in pieces. One of many megabytes in a single stretch of memory makes the allocator hold on to that much for
//! good, each time that another one takes its place.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// A body in pieces, none of which is empty. Most bodies are one, which is at hand without a list.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    first: Bytes,
    rest: VecDeque<Bytes>,
    remaining: usize,
}

impl Pieces {
    /// Where the last piece begins in memory. It stays there until the body is dropped, so no other body has the same place.
    pub fn place(&self) -> usize {
        self.rest.back().unwrap_or(&self.first).as_ptr().addr()
    }
}

impl FromIterator<Bytes> for Pieces {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces = pieces.into_iter().filter(|it| !it.is_empty());
        let first = pieces.next().unwrap_or_default();
        let rest: VecDeque<_> = pieces.collect();
        let remaining = first.len() + rest.iter().map(Bytes::len).sum::<usize>();
        Self {
            first,
            rest,
            remaining,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Pieces {
    fn from(whole: T) -> Self {
        std::iter::once(whole.into()).collect()
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "nothing is left to advance over");
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

    #[test]
    fn pieces_are_read_one_after_the_other_however_they_are_cut() {
        let texts = ["", "one", "", "", "and two", "!", ""];
        let whole = texts.concat();
        for step in 1..=whole.len() {
            let mut pieces: Pieces = texts
                .map(|it| Bytes::from_static(it.as_bytes()))
                .into_iter()
                .collect();
            let mut read = String::new();
            while pieces.has_remaining() {
                assert_eq!(pieces.remaining(), whole.len() - read.len());
                assert!(!pieces.chunk().is_empty());
                let part = pieces.copy_to_bytes(step.min(pieces.remaining()));
                read.push_str(std::str::from_utf8(&part).expect("ASCII"));
            }
            assert_eq!(read, whole);
        }
    }
}

//! One small row for each document, in 16 bytes: a sorted list, and a little map of what is new.
//!
//! A hash map would hold the same in 20 to 40 bytes, by how full it happens to be.

use std::collections::BTreeMap;

/// Stands for a document by its `_id`.
pub type Key = u64;

/// What is known of a document.
pub type Row = u64;

/// A place in the list whose document is gone. No row is like this.
const GONE: Row = Row::MAX;

/// New rows and gone ones that are let be before the list is made anew.
const LEAST: usize = 1024;

/// The list is made anew when this part of it, the reciprocal, is new or gone.
const PART: usize = 32;

/// Memory of one entry in the map of what is new, roughly: its key, its row, and a node's share.
const NEW_BYTES: usize = 40;

/// Rows by key.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// In the order of the keys.
    rows: Vec<(Key, Row)>,
    /// Keys that are not in the list.
    new: BTreeMap<Key, Row>,
    gone: usize,
}

impl Table {
    /// A table of many rows; of two with the same key the later one counts.
    pub fn of(mut rows: Vec<(Key, Row)>) -> Self {
        rows.reverse();
        rows.sort_by_key(|(key, _)| *key);
        rows.dedup_by_key(|(key, _)| *key);
        rows.shrink_to_fit();
        Self {
            rows,
            ..Self::default()
        }
    }

    /// The row of a key.
    pub fn get(&self, key: Key) -> Option<Row> {
        let listed = self.place(key).map(|place| self.rows[place].1);
        listed
            .filter(|row| *row != GONE)
            .or_else(|| self.new.get(&key).copied())
    }

    /// Puts a row in, and returns the one that was there.
    pub fn insert(&mut self, key: Key, row: Row) -> Option<Row> {
        let Some(place) = self.place(key) else {
            let before = self.new.insert(key, row);
            self.tidy();
            return before;
        };
        let before = std::mem::replace(&mut self.rows[place].1, row);
        if before == GONE {
            self.gone -= 1;
            return None;
        }
        Some(before)
    }

    /// Takes a row out, and returns it.
    pub fn remove(&mut self, key: Key) -> Option<Row> {
        let Some(place) = self.place(key) else {
            return self.new.remove(&key);
        };
        let before = std::mem::replace(&mut self.rows[place].1, GONE);
        if before == GONE {
            return None;
        }
        self.gone += 1;
        self.tidy();
        Some(before)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len() - self.gone + self.new.len()
    }

    /// Memory that they take.
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(Key, Row)>() + self.new.len() * NEW_BYTES
    }

    /// Every row, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Row)> {
        let listed = self.rows.iter().copied().filter(|(_, row)| *row != GONE);
        listed.chain(self.new.iter().map(|(key, row)| (*key, *row)))
    }

    fn place(&self, key: Key) -> Option<usize> {
        self.rows.binary_search_by_key(&key, |(key, _)| *key).ok()
    }

    /// Takes what is new into the list, and what is gone out of it, once that is a notable part of it.
    fn tidy(&mut self) {
        let untidy = self.gone + self.new.len();
        if untidy <= LEAST.max(self.rows.len() / PART) {
            return;
        }
        self.rows.retain(|(_, row)| *row != GONE);
        self.gone = 0;
        // In the order of the keys already, so this merges two runs.
        let new = std::mem::take(&mut self.new);
        self.rows.reserve_exact(new.len());
        self.rows.extend(new);
        self.rows.sort_by_key(|(key, _)| *key);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn it_holds_what_a_map_holds_whatever_is_done_to_both() {
        let seed = fastrand::u64(..);
        eprintln!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut rows = Vec::new();
        let mut expected = HashMap::new();
        for _ in 0..3_000 {
            let (key, row) = (random.u64(..5_000), random.u64(..100));
            rows.push((key, row));
            expected.insert(key, row);
        }
        let mut table = Table::of(rows);
        for _ in 0..50_000 {
            let (key, row) = (random.u64(..20_000), random.u64(..100));
            if random.bool() {
                assert_eq!(table.insert(key, row), expected.insert(key, row));
            } else {
                assert_eq!(table.remove(key), expected.remove(&key));
            }
            assert_eq!(table.len(), expected.len());
        }
        assert_eq!(table.iter().collect::<HashMap<_, _>>(), expected);
        for key in 0..20_000 {
            assert_eq!(table.get(key), expected.get(&key).copied());
        }
    }

    #[test]
    fn a_row_takes_sixteen_bytes_and_little_more() {
        let rows = (0..100_000).map(|key| (key * 7, 1)).collect();
        let mut table = Table::of(rows);
        assert_eq!(table.bytes(), 1_600_000);
        for key in 0..10_000 {
            table.insert(key * 7 + 1, 1);
        }
        assert!(table.bytes() < 110_000 * 18, "{}", table.bytes());
    }
}

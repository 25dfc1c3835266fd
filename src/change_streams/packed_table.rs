//! One row for each document, in 24 bytes: a sorted list, and a small map of new rows.
//!
//! A hash map would take 30 to 60 bytes, depending on how full it is.

use std::collections::BTreeMap;

use super::packed_row::{PackedRow, REMOVED};

/// Stands for a document: a hash of its `_id`.
pub type IdHash = u64;

/// A row and whose it is. Packed, because the compiler would align it to 32 bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(8))]
struct Entry {
    id: IdHash,
    row: PackedRow,
}

const _: () = assert!(
    size_of::<Entry>() == 24,
    "the documentation promises 24 bytes for each document"
);

/// New and removed rows up to this number never cause a rebuild of the list.
const MIN_UNSORTED: usize = 1024;

/// The list is rebuilt when one row in this many is new or removed.
const REBUILD_RATIO: usize = 32;

/// Memory of one entry in the map of new rows, roughly: id, row, and a node's share.
const MAP_ENTRY_BYTES: usize = 50;

/// Rows by id.
#[derive(Debug, Clone, Default)]
pub struct PackedTable {
    /// In the order of the ids.
    sorted: Vec<Entry>,
    /// Rows whose ids are not in the list.
    new: BTreeMap<IdHash, PackedRow>,
    removed: usize,
}

/// Rows in the order in which a full read finds them.
#[derive(Debug, Default)]
pub struct PackedTableBuilder(Vec<Entry>);

impl PackedTableBuilder {
    /// Without rows, and with room for this many.
    pub fn with_capacity(rows: usize) -> Self {
        Self(Vec::with_capacity(rows))
    }

    /// Adds a row; of two with the same id the later one counts.
    pub fn push(&mut self, id: IdHash, row: PackedRow) {
        self.0.push(Entry { id, row });
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The table of these rows.
    pub fn build(self) -> PackedTable {
        let mut sorted = self.0;
        sorted.reverse();
        sorted.sort_by_key(|entry| entry.id);
        sorted.dedup_by_key(|entry| entry.id);
        sorted.shrink_to_fit();
        PackedTable {
            sorted,
            ..PackedTable::default()
        }
    }
}

impl PackedTable {
    /// The row of an id.
    pub fn get(&self, id: IdHash) -> Option<PackedRow> {
        let sorted = self.position(id).map(|position| self.sorted[position].row);
        sorted
            .filter(|row| *row != REMOVED)
            .or_else(|| self.new.get(&id).copied())
    }

    /// Puts a row in, and returns the one before it.
    pub fn insert(&mut self, id: IdHash, row: PackedRow) -> Option<PackedRow> {
        let Some(position) = self.position(id) else {
            let before = self.new.insert(id, row);
            self.rebuild_if_due();
            return before;
        };
        let before = self.replace(position, row);
        if before == REMOVED {
            self.removed -= 1;
            return None;
        }
        Some(before)
    }

    /// Takes a row out, and returns it.
    pub fn remove(&mut self, id: IdHash) -> Option<PackedRow> {
        let Some(position) = self.position(id) else {
            return self.new.remove(&id);
        };
        let before = self.replace(position, REMOVED);
        if before == REMOVED {
            return None;
        }
        self.removed += 1;
        self.rebuild_if_due();
        Some(before)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.sorted.len() - self.removed + self.new.len()
    }

    /// The memory that they take.
    pub fn bytes(&self) -> usize {
        self.sorted.capacity() * size_of::<Entry>() + self.new.len() * MAP_ENTRY_BYTES
    }

    /// Every row, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (IdHash, PackedRow)> {
        let sorted = self.sorted.iter().map(|entry| (entry.id, entry.row));
        let sorted = sorted.filter(|(_, row)| *row != REMOVED);
        sorted.chain(self.new.iter().map(|(id, row)| (*id, *row)))
    }

    fn position(&self, id: IdHash) -> Option<usize> {
        self.sorted.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    fn replace(&mut self, position: usize, row: PackedRow) -> PackedRow {
        let entry = &mut self.sorted[position];
        let before = entry.row;
        entry.row = row;
        before
    }

    /// Merges new rows into the list and drops removed ones, once they are a notable part of it.
    fn rebuild_if_due(&mut self) {
        let unsorted = self.removed + self.new.len();
        if unsorted <= MIN_UNSORTED.max(self.sorted.len() / REBUILD_RATIO) {
            return;
        }
        self.sorted.retain(|entry| entry.row != REMOVED);
        self.removed = 0;
        // Already in the order of the ids, so the sort merges two runs.
        let new = std::mem::take(&mut self.new);
        self.sorted.reserve_exact(new.len());
        let new = new.into_iter().map(|(id, row)| Entry { id, row });
        self.sorted.extend(new);
        self.sorted.sort_by_key(|entry| entry.id);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn table_agrees_with_a_map_under_random_changes() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut rows = PackedTableBuilder::default();
        let mut expected = HashMap::new();
        for _ in 0..3_000 {
            let (id, row) = (random.u64(..5_000), random.u128(..100));
            rows.push(id, row);
            expected.insert(id, row);
        }
        let mut table = rows.build();
        for _ in 0..50_000 {
            let (id, row) = (random.u64(..20_000), random.u128(..100));
            if random.bool() {
                assert_eq!(table.insert(id, row), expected.insert(id, row));
            } else {
                assert_eq!(table.remove(id), expected.remove(&id));
            }
            assert_eq!(table.len(), expected.len());
        }
        assert_eq!(table.iter().collect::<HashMap<_, _>>(), expected);
        for id in 0..20_000 {
            assert_eq!(table.get(id), expected.get(&id).copied());
        }
    }

    #[test]
    fn row_takes_24_bytes_and_little_more() {
        let mut rows = PackedTableBuilder::default();
        for id in 0..100_000 {
            rows.push(id * 7, 1);
        }
        let mut table = rows.build();
        assert_eq!(table.bytes(), 2_400_000);
        for id in 0..10_000 {
            table.insert(id * 7 + 1, 1);
        }
        assert!(table.bytes() < 110_000 * 26, "{}", table.bytes());
    }
}

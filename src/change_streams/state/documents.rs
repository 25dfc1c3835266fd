//! The documents of one collection: a row of each, and how many there are of each class.

use std::collections::BTreeMap;

use mongodb::bson::{RawBsonRef, RawDocument};

use super::value;
use crate::change_streams::fields::WatchedCollection;
use crate::change_streams::packed_table::{Key, Row, Table};

/// The documents of a collection.
#[derive(Debug, Clone)]
pub struct Documents {
    followed: WatchedCollection,
    /// A row of each document.
    pub rows: Table,
    tallies: BTreeMap<Row, Tally>,
    /// Amounts that do not fit into a row.
    odd: BTreeMap<Key, f64>,
}

/// Documents that are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    documents: u64,
    amount: i128,
}

/// What a document is, as a row; and its amount, where that does not fit into one.
pub fn row(followed: WatchedCollection, document: &RawDocument) -> (Row, Option<f64>) {
    let (mut row, mut odd) = (0, None);
    for field in followed.fields() {
        let packed = (field.pack)(field.mask, value(document, field.name));
        row |= packed.bits;
        odd = odd.or(packed.odd);
    }
    (row, odd)
}

impl Documents {
    /// Those of a full reading, and the amounts that do not fit into a row.
    pub fn of(followed: WatchedCollection, rows: Vec<(Key, Row)>, odd: BTreeMap<Key, f64>) -> Self {
        let mut documents = Self {
            followed,
            rows: Table::default(),
            tallies: BTreeMap::new(),
            odd,
        };
        let rows = Table::of(rows);
        for (_, row) in rows.iter() {
            documents.tally(row);
        }
        documents.rows = rows;
        documents
    }

    fn tally(&mut self, row: Row) {
        let class = row & self.followed.class();
        let tally = self.tallies.entry(class).or_default();
        tally.documents += 1;
        tally.amount += i128::from(self.followed.amount_of(row).unwrap_or_default());
    }

    /// How many of them others know otherwise, or not at all, or alone.
    pub fn differences(&self, others: &Self) -> u64 {
        let (mut known_to_both, mut alike) = (0, 0);
        for (key, row) in self.rows.iter() {
            if let Some(other) = others.rows.get(key) {
                known_to_both += 1;
                let is_alike = row == other && self.odd.get(&key) == others.odd.get(&key);
                alike += usize::from(is_alike);
            }
        }
        (self.rows.len() + others.rows.len() - known_to_both - alike) as u64
    }

    /// Applies an event; false when it alone does not tell what the document is now.
    pub fn apply(&mut self, key: Key, operation: &str, event: &RawDocument) -> bool {
        match operation {
            "insert" | "replace" => {
                let Ok(document) = event.get_document("fullDocument") else {
                    return false;
                };
                let (row, odd) = row(self.followed, document);
                self.set(key, row, odd);
                true
            }
            "delete" => {
                self.remove(key);
                true
            }
            _ => self.change(key, event),
        }
    }

    /// Notes what a document is.
    pub fn set(&mut self, key: Key, row: Row, odd: Option<f64>) {
        let before = self.rows.insert(key, row);
        self.uncount(key, before);
        self.tally(row);
        if let Some(odd) = odd {
            self.odd.insert(key, odd);
        }
    }

    /// Forgets a document.
    pub fn remove(&mut self, key: Key) {
        let before = self.rows.remove(key);
        self.uncount(key, before);
    }

    fn uncount(&mut self, key: Key, before: Option<Row>) {
        let Some(row) = before else {
            return;
        };
        let amount = self.followed.amount_of(row);
        if amount.is_none() {
            self.odd.remove(&key);
        }
        let class = row & self.followed.class();
        if let Some(tally) = self.tallies.get_mut(&class) {
            tally.documents -= 1;
            tally.amount -= i128::from(amount.unwrap_or_default());
            if tally.documents == 0 {
                self.tallies.remove(&class);
            }
        }
    }

    /// Applies an update; false when the event alone does not tell what the document is now.
    fn change(&mut self, key: Key, event: &RawDocument) -> bool {
        let (Some(before), Ok(touched)) = (self.rows.get(key), event.get_array("touched")) else {
            return false;
        };
        let set = event.get_document("set").ok();
        let mut row = before;
        let mut odd = self.odd.get(&key).copied();
        for path in touched.into_iter().flatten() {
            let RawBsonRef::String(path) = path else {
                return false;
            };
            let root = path.split('.').next().unwrap_or(path);
            let fields = self.followed.fields().iter();
            for field in fields.filter(|it| it.root() == root) {
                if root != path {
                    // Only a part of it is told.
                    return false;
                }
                let packed = (field.pack)(field.mask, set.and_then(|it| value(it, field.name)));
                row = row & !field.mask | packed.bits;
                if field.mask & !self.followed.class() != 0 {
                    odd = packed.odd;
                }
            }
        }
        self.set(key, row, odd);
        true
    }

    /// Each class, and how many documents are of it.
    pub fn classes(&self) -> impl Iterator<Item = (Row, u64)> {
        let tallies = self.tallies.iter();
        tallies.map(|(class, tally)| (*class, tally.documents))
    }

    /// Documents of some classes.
    pub fn count(&self, belongs: impl Fn(Row) -> bool) -> u64 {
        let tallies = self.tallies.iter().filter(|(class, _)| belongs(**class));
        tallies.map(|(_, tally)| tally.documents).sum()
    }

    /// The sum of their amounts.
    pub fn amount(&self, belongs: impl Fn(Row) -> bool) -> f64 {
        let tallies = self.tallies.iter().filter(|(class, _)| belongs(**class));
        let whole: i128 = tallies.map(|(_, tally)| tally.amount).sum();
        let odd = self.odd.iter().filter(|(key, _)| {
            let row = self.rows.get(**key);
            row.is_some_and(|row| belongs(row & self.followed.class()))
        });
        whole as f64 + odd.map(|(_, amount)| amount).sum::<f64>()
    }
}

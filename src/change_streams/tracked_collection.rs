//! The documents of one collection: the row of each, and the number of documents that are alike.

use std::collections::BTreeMap;

use mongodb::bson::{RawBsonRef, RawDocument};

use super::followed_collection::FollowedCollection;
use super::followed_field::FollowedField;
use super::packed_row::PackedRow;
use super::packed_table::{IdHash, PackedTable, PackedTableBuilder};

/// The documents of a collection.
#[derive(Debug, Clone)]
pub struct TrackedCollection {
    fields: Vec<&'static FollowedField>,
    amount: Option<&'static FollowedField>,
    class_mask: PackedRow,
    rows: PackedTable,
    /// Documents whose rows differ in nothing but the amount.
    classes: BTreeMap<PackedRow, ClassTotals>,
    /// Amounts that do not fit into a row.
    out_of_range: BTreeMap<IdHash, f64>,
}

/// The totals of documents that are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ClassTotals {
    documents: u64,
    amount: i128,
}

/// A document's row, and its amount where that does not fit into the row.
pub fn pack(fields: &[&FollowedField], document: &RawDocument) -> (PackedRow, Option<f64>) {
    let (mut row, mut out_of_range) = (0, None);
    for field in fields {
        let packed = field.pack(value(document, field.name));
        row |= packed.bits;
        out_of_range = out_of_range.or(packed.out_of_range);
    }
    (row, out_of_range)
}

/// The value of a field; none where the document is malformed.
pub fn value<'a>(document: &'a RawDocument, field: &str) -> Option<RawBsonRef<'a>> {
    document.get(field).ok().flatten()
}

impl TrackedCollection {
    /// The documents that a full read found, and the amounts that do not fit into a row.
    pub fn new(
        definition: &FollowedCollection,
        rows: PackedTableBuilder,
        out_of_range: BTreeMap<IdHash, f64>,
    ) -> Self {
        let mut tracked = Self {
            fields: definition.fields.clone(),
            amount: definition.amount(),
            class_mask: definition.class_mask(),
            rows: PackedTable::default(),
            classes: BTreeMap::new(),
            out_of_range,
        };
        let rows = rows.build();
        for (_, row) in rows.iter() {
            tracked.count_in(row);
        }
        tracked.rows = rows;
        tracked
    }

    fn class(&self, row: PackedRow) -> PackedRow {
        row & self.class_mask
    }

    /// The amount of a row; `None` when it is out of range.
    fn amount_of(&self, row: PackedRow) -> Option<i64> {
        self.amount.map_or(Some(0), |field| field.amount(row))
    }

    fn count_in(&mut self, row: PackedRow) {
        let amount = self.amount_of(row).unwrap_or_default();
        let totals = self.classes.entry(self.class(row)).or_default();
        totals.documents += 1;
        totals.amount += i128::from(amount);
    }

    fn count_out(&mut self, id: IdHash, before: Option<PackedRow>) {
        let Some(row) = before else {
            return;
        };
        let amount = self.amount_of(row);
        if amount.is_none() {
            self.out_of_range.remove(&id);
        }
        let class = self.class(row);
        if let Some(totals) = self.classes.get_mut(&class) {
            totals.documents -= 1;
            totals.amount -= i128::from(amount.unwrap_or_default());
            if totals.documents == 0 {
                self.classes.remove(&class);
            }
        }
    }

    /// The number of documents that differ from those of another full read, or that only one of both has.
    pub fn differences(&self, other: &Self) -> u64 {
        let (mut in_both, mut alike) = (0, 0);
        for (id, row) in self.rows.iter() {
            if let Some(other_row) = other.rows.get(id) {
                in_both += 1;
                let is_alike =
                    row == other_row && self.out_of_range.get(&id) == other.out_of_range.get(&id);
                alike += usize::from(is_alike);
            }
        }
        (self.rows.len() + other.rows.len() - in_both - alike) as u64
    }

    /// Applies an event; false when the document has to be looked up.
    pub fn apply(&mut self, id: IdHash, operation: &str, event: &RawDocument) -> bool {
        match operation {
            "insert" | "replace" => {
                let Ok(document) = event.get_document("set") else {
                    return false;
                };
                self.set(id, document);
                true
            }
            "delete" => {
                self.remove(id);
                true
            }
            _ => self.update(id, event),
        }
    }

    /// Sets a document.
    pub fn set(&mut self, id: IdHash, document: &RawDocument) {
        let (row, out_of_range) = pack(&self.fields, document);
        self.set_row(id, row, out_of_range);
    }

    fn set_row(&mut self, id: IdHash, row: PackedRow, out_of_range: Option<f64>) {
        let before = self.rows.insert(id, row);
        self.count_out(id, before);
        self.count_in(row);
        if let Some(amount) = out_of_range {
            self.out_of_range.insert(id, amount);
        }
    }

    /// Removes a document.
    pub fn remove(&mut self, id: IdHash) {
        let before = self.rows.remove(id);
        self.count_out(id, before);
    }

    /// Applies an update; false when the document has to be looked up.
    fn update(&mut self, id: IdHash, event: &RawDocument) -> bool {
        let (Some(before), Ok(touched)) = (self.rows.get(id), event.get_array("touched")) else {
            return false;
        };
        let set = event.get_document("set").ok();
        let mut row = before;
        let mut out_of_range = self.out_of_range.get(&id).copied();
        for path in touched.into_iter().flatten() {
            let RawBsonRef::String(path) = path else {
                return false;
            };
            let root = path.split('.').next().unwrap_or(path);
            let fields = self.fields.iter();
            for field in fields.filter(|field| field.root() == root) {
                if root != path {
                    // The event has only a part of the field.
                    return false;
                }
                let packed = field.pack(set.and_then(|set| value(set, field.name)));
                row = row & !field.bits.mask() | packed.bits;
                if field.is_amount() {
                    out_of_range = packed.out_of_range;
                }
            }
        }
        self.set_row(id, row, out_of_range);
        true
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The memory that they take.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// The row of a document.
    pub fn row(&self, id: IdHash) -> Option<PackedRow> {
        self.rows.get(id)
    }

    /// Rows without their amounts, and the number of documents that have each.
    pub fn classes(&self) -> impl Iterator<Item = (PackedRow, u64)> {
        let classes = self.classes.iter();
        classes.map(|(class, totals)| (*class, totals.documents))
    }

    /// The number of documents whose rows match.
    pub fn count(&self, matches: impl Fn(PackedRow) -> bool) -> u64 {
        let classes = self.classes.iter().filter(|(class, _)| matches(**class));
        classes.map(|(_, totals)| totals.documents).sum()
    }

    /// The sum of their amounts.
    pub fn sum(&self, matches: impl Fn(PackedRow) -> bool) -> f64 {
        let classes = self.classes.iter().filter(|(class, _)| matches(**class));
        let in_rows: i128 = classes.map(|(_, totals)| totals.amount).sum();
        let beside = self.out_of_range.iter().filter(|(id, _)| {
            let row = self.rows.get(**id);
            row.is_some_and(|row| matches(self.class(row)))
        });
        in_rows as f64 + beside.map(|(_, amount)| amount).sum::<f64>()
    }
}

//! How the fields of a document share the bits of its row.

/// What live mode keeps of one document.
pub type PackedRow = u128;

/// Bits that the fields of a document may use. One is left, so that no row is [`REMOVED`].
const CAPACITY: usize = PackedRow::BITS as usize - 1;

/// Marks a removed row; no document has it.
pub const REMOVED: PackedRow = PackedRow::MAX;

/// Bits of an amount, which is a signed number.
const AMOUNT_WIDTH: usize = i64::BITS as usize;

/// Consecutive bits of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    offset: usize,
    width: usize,
}

impl Bits {
    /// The first bits of a row.
    pub const fn first(width: usize) -> Self {
        Self::at(0, width)
    }

    /// The first bits of a row, for an amount.
    pub const fn amount() -> Self {
        Self::first(AMOUNT_WIDTH)
    }

    /// The bits after these.
    pub const fn next(self, width: usize) -> Self {
        Self::at(self.offset + self.width, width)
    }

    /// The only place that lays bits out: in a constant an overflow is an error of the compiler.
    const fn at(offset: usize, width: usize) -> Self {
        assert!(
            offset + width <= CAPACITY,
            "the fields of a followed collection take more bits than a row has; widen PackedRow in change_streams/packed_row.rs"
        );
        Self { offset, width }
    }

    /// One of these bits.
    pub const fn bit(self, index: usize) -> Self {
        assert!(index < self.width, "there is no such bit");
        Self {
            offset: self.offset + index,
            width: 1,
        }
    }

    /// A row in which only these bits are set.
    pub const fn mask(self) -> PackedRow {
        ((1 << self.width) - 1) << self.offset
    }

    /// The value that these bits of a row hold.
    pub const fn get(self, row: PackedRow) -> PackedRow {
        (row & self.mask()) >> self.offset
    }

    /// A row in which these bits hold a value, and no others are set.
    pub const fn put(self, value: PackedRow) -> PackedRow {
        (value << self.offset) & self.mask()
    }

    /// Whether any of these bits is set in a row.
    pub const fn is_set(self, row: PackedRow) -> bool {
        row & self.mask() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_values_apart() {
        const AMOUNT: Bits = Bits::amount();
        const FLAG: Bits = AMOUNT.next(1);
        const NUMBER: Bits = FLAG.next(CAPACITY - AMOUNT_WIDTH - 1);
        let amount = u128::from((-5_i64).cast_unsigned());
        let row = AMOUNT.put(amount) | FLAG.put(1) | NUMBER.put(7);
        assert_eq!(AMOUNT.get(row), amount);
        assert!(FLAG.is_set(row));
        assert_eq!(NUMBER.get(row), 7);
        assert_eq!(AMOUNT.mask() & FLAG.mask(), 0);
        assert_eq!((AMOUNT.mask() | FLAG.mask()) & NUMBER.mask(), 0);
        let all = AMOUNT.mask() | FLAG.mask() | NUMBER.mask();
        assert_ne!(all, REMOVED, "a row with every bit set is no removed one");
    }

    #[test]
    #[should_panic(expected = "more bits than a row has")]
    fn fields_that_do_not_fit_are_refused() {
        Bits::amount().next(CAPACITY - AMOUNT_WIDTH).next(1);
    }
}

//! A pseudo-random number generator (SplitMix64) that gives the same workspace for the same seed.

const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";

/// A deterministic random number generator.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; zero if there is none.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or_default()
    }

    /// A number from `low` up to, but not including, `high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap_or_default().max(1);
        low + i64::try_from(self.next() % span).unwrap_or_default()
    }

    /// True with this probability in percent.
    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// How often something happens within a second, if it happens so many times a day on average.
    pub(super) fn within_a_second(&mut self, per_day: f64) -> usize {
        /// Seconds of a day, in millionths.
        const MILLIONTHS: f64 = 86_400.0 / 1e6;
        let millionths = (per_day / MILLIONTHS).round().max(0.0);
        // A saturating cast.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole and not negative"
        )]
        let millionths = millionths as usize;
        millionths / 1_000_000 + usize::from(self.below(1_000_000) < millionths % 1_000_000)
    }

    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// `count` distinct numbers below `limit`, or all of them if there are fewer.
    pub(super) fn sample(&mut self, count: usize, limit: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..limit).collect();
        let count = count.min(limit);
        for position in 0..count {
            let other = position + self.below(limit - position);
            numbers.swap(position, other);
        }
        numbers.truncate(count);
        numbers
    }

    /// An id as Meteor generates it: 17 letters and digits without similar ones.
    pub(super) fn id(&mut self) -> String {
        self.text(17)
    }

    /// A random string of the same letters, for tokens.
    pub(super) fn text(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(*self.pick(LETTERS)))
            .collect()
    }

    /// An ObjectId as a string, for collections that do not use Meteor's ids.
    pub(super) fn object_id(&mut self) -> String {
        self.hex(24)
    }

    fn hex(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(*self.pick(b"0123456789abcdef")))
            .collect()
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let variant = char::from(*self.pick(b"89ab"));
        format!(
            "{}-{}-4{}-{variant}{}-{}",
            self.hex(8),
            self.hex(4),
            self.hex(3),
            self.hex(3),
            self.hex(12)
        )
    }
}

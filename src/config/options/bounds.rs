//! The least and the greatest value of each setting that is a number, a duration or an instant.
//!
//! With every value between the two the exporter works, if not always well. A test walks all flags, and fails for one
//! without bounds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::catalogue::Timestamp;

/// What a setting may be, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<T> {
    /// What it is, with its article.
    kind: &'static str,
    least: T,
    greatest: T,
    example: &'static str,
}

/// A value that a text can give.
pub trait Bounded: Copy + PartialOrd {
    /// What the text says.
    fn read(text: &str) -> Option<Self>;

    /// As the text is written.
    fn show(self) -> String;
}

/// Characters of a scalar that a message quotes.
const LONGEST_QUOTE: usize = 100;

const fn durations(least: Duration, greatest: Duration) -> Bounds<Duration> {
    Bounds {
        kind: "a duration",
        least,
        greatest,
        example: "15s",
    }
}

const fn numbers<T: Copy>(least: T, greatest: T, example: &'static str) -> Bounds<T> {
    Bounds {
        kind: "a number",
        least,
        greatest,
        example,
    }
}

/// `--mongodb.query-timeout`. MongoDB counts milliseconds, of which 0 would mean no limit.
pub const QUERY_TIMEOUT: Bounds<Duration> =
    durations(Duration::from_millis(1), Duration::from_hours(1));

/// `--mongodb.connect-timeout`.
pub const CONNECT_TIMEOUT: Bounds<Duration> =
    durations(Duration::from_millis(1), Duration::from_hours(1));

/// `--mongodb.max-connections`.
pub const MAX_CONNECTIONS: Bounds<u32> = numbers(1, 100, "2");

/// `--collection.*-interval`: up to a week.
pub const INTERVAL: Bounds<Duration> =
    durations(Duration::from_millis(10), Duration::from_hours(7 * 24));

/// `--collection.max-share`.
pub const MAX_SHARE: Bounds<f64> = numbers(0.0001, 1.0, "0.01");

/// `--web.max-requests`; 0 means any number.
pub const MAX_REQUESTS: Bounds<usize> = numbers(0, 1_000_000, "40");

/// `--web.header-timeout`.
pub const HEADER_TIMEOUT: Bounds<Duration> =
    durations(Duration::from_millis(10), Duration::from_mins(10));

/// `--web.idle-timeout`.
pub const IDLE_TIMEOUT: Bounds<Duration> =
    durations(Duration::from_millis(10), Duration::from_hours(24));

/// `--debug.now`: days for which dates can be calculated, also those a month before.
pub const NOW: Bounds<Timestamp> = Bounds {
    kind: "an instant",
    least: Timestamp(946_684_800_000),
    greatest: Timestamp(4_102_444_800_000),
    example: "2026-11-21T00:16:51Z",
};

/// `--from` and `--until` of `backfill`: Prometheus does not go back beyond 1970.
pub const DATE: Bounds<Timestamp> = Bounds {
    kind: "a date or an instant",
    least: Timestamp(0),
    greatest: Timestamp(253_370_764_800_000),
    example: "2024-01-31",
};

/// `--step` and `--fill` of `backfill`: up to a year.
pub const STEP: Bounds<Duration> = Bounds {
    kind: "whole seconds",
    least: Duration::from_secs(1),
    greatest: Duration::from_hours(366 * 24),
    example: "1h",
};

/// `--cost` of `hash-password`. Each step doubles the time: at 16 a comparison takes seconds, and at 31 a day.
pub const COST: Bounds<u32> = numbers(4, 16, "10");

impl<T: Bounded> Bounds<T> {
    /// The value that a text gives, when it lies between the bounds.
    ///
    /// # Errors
    /// When it does not, or is no such value; the message names the bounds.
    pub fn parse(self, text: &str) -> Result<T, String> {
        self.check(T::read(text))
    }

    /// A value, when it lies between the bounds.
    ///
    /// # Errors
    /// When it does not; the message names the bounds.
    pub fn check(self, value: Option<T>) -> Result<T, String> {
        value
            .filter(|value| (self.least..=self.greatest).contains(value))
            .ok_or_else(|| format!("expected {self}"))
    }

    /// A scalar of the configuration file, read as the flag is.
    ///
    /// # Errors
    /// As [`Bounds::parse`]; the message quotes the scalar, too.
    pub fn written<'de, D: Deserializer<'de>>(self, scalar: D) -> Result<Option<T>, D::Error> {
        written(scalar, |text| self.parse(text))
    }
}

/// A scalar of the configuration file, read by the parser of the flag.
///
/// # Errors
/// When it cannot be read so; the message quotes it.
pub fn written<'de, D: Deserializer<'de>, T>(
    scalar: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(scalar)?;
    parse(&text).map(Some).map_err(|advice| {
        let (shown, rest) = match text.char_indices().nth(LONGEST_QUOTE) {
            Some((end, _)) => (&text[..end], "..."),
            None => (&*text, ""),
        };
        D::Error::custom(format!("invalid value `{shown}{rest}`: {advice}"))
    })
}

impl<T: Bounded> fmt::Display for Bounds<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, example, .. } = self;
        let (least, greatest) = (self.least.show(), self.greatest.show());
        write!(
            formatter,
            "{kind} from {least} to {greatest}, such as `{example}`"
        )
    }
}

impl Bounded for Duration {
    fn read(text: &str) -> Option<Self> {
        let duration: jiff::SignedDuration = text.parse().ok()?;
        Self::try_from(duration).ok()
    }

    fn show(self) -> String {
        let shown = jiff::SignedDuration::try_from(self);
        shown.map_or_else(|_| format!("{self:?}"), |it| format!("{it:#}"))
    }
}

impl Bounded for Timestamp {
    fn read(text: &str) -> Option<Self> {
        let is_day = text.len() == "2024-01-31".len();
        let instant: jiff::Timestamp = if is_day {
            let day: jiff::civil::Date = text.parse().ok()?;
            day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        } else {
            text.parse().ok()?
        };
        Some(Self(instant.as_millisecond()))
    }

    fn show(self) -> String {
        let shown = jiff::Timestamp::from_millisecond(self.0);
        shown.map_or_else(
            |_| self.0.to_string(),
            |it| it.strftime("%Y-%m-%d").to_string(),
        )
    }
}

macro_rules! bounded_numbers {
    ($($number:ty)*) => {$(
        impl Bounded for $number {
            fn read(text: &str) -> Option<Self> {
                Self::from_str(text).ok()
            }

            fn show(self) -> String {
                self.to_string()
            }
        }
    )*};
}

bounded_numbers!(u32 usize f64);

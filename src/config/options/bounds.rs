//! The minimum and maximum of each setting that is a number, a duration or an instant.
//!
//! The exporter works with every value in between, if not always well. A test fails for a flag without bounds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::catalogue::Timestamp;

/// The values that a setting accepts, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<T> {
    /// What the value is, with its article.
    kind: &'static str,
    min: T,
    max: T,
    example: &'static str,
}

/// A value with bounds.
pub trait Bounded: Copy + PartialOrd {
    /// Parses the value.
    fn parse(text: &str) -> Option<Self>;

    /// Formats the value as `parse` reads it.
    fn format(self) -> String;
}

const fn durations(min: Duration, max: Duration) -> Bounds<Duration> {
    Bounds {
        kind: "a duration",
        min,
        max,
        example: "15s",
    }
}

const fn numbers<T: Copy>(min: T, max: T, example: &'static str) -> Bounds<T> {
    Bounds {
        kind: "a number",
        min,
        max,
        example,
    }
}

/// `--mongodb.query-timeout`. MongoDB takes milliseconds, where 0 means no limit.
pub const QUERY_TIMEOUT: Bounds<Duration> =
    durations(Duration::from_millis(1), Duration::from_hours(1));

/// `--mongodb.connect-timeout`.
pub const CONNECT_TIMEOUT: Bounds<Duration> =
    durations(Duration::from_millis(1), Duration::from_hours(1));

/// `--mongodb.max-connections`.
pub const MAX_CONNECTIONS: Bounds<u32> = numbers(1, 100, "2");

/// `--mongodb.live-max-memory`, in MiB.
pub const LIVE_MAX_MEMORY: Bounds<u32> = numbers(1, 1_000_000, "128");

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

/// `--total-shards`.
pub const TOTAL_SHARDS: Bounds<u32> = numbers(1, 1000, "3");

/// `--debug.now`: dates that can be calculated with, including a month before.
pub const NOW: Bounds<Timestamp> = Bounds {
    kind: "an instant",
    min: Timestamp(946_684_800_000),
    max: Timestamp(4_102_444_800_000),
    example: "2026-11-21T00:16:51Z",
};

/// `--from` and `--until` of `backfill`: Prometheus has no samples before 1970.
pub const DATE: Bounds<Timestamp> = Bounds {
    kind: "a date or an instant",
    min: Timestamp(0),
    max: Timestamp(253_370_764_800_000),
    example: "2024-01-31",
};

/// `--step` and `--fill` of `backfill`: up to a year.
pub const STEP: Bounds<Duration> = Bounds {
    kind: "whole seconds",
    min: Duration::from_secs(1),
    max: Duration::from_hours(366 * 24),
    example: "1h",
};

/// `--cost` of `hash-password`. Each step doubles the time: a comparison takes seconds at 16, and a day at 31.
pub const COST: Bounds<u32> = numbers(4, 16, "10");

/// Parses a database name that MongoDB accepts.
pub fn parse_database_name(text: &str) -> Result<String, String> {
    if (1..=63).contains(&text.len()) && !text.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
        Ok(text.to_owned())
    } else {
        Err(
            "expected the name of a database: from 1 to 63 bytes, without spaces and `/\\.\"$`"
                .to_owned(),
        )
    }
}

impl<T: Bounded> Bounds<T> {
    /// Parses a value.
    ///
    /// # Errors
    /// When the text is not a value between the bounds; the message names them.
    pub fn parse(self, text: &str) -> Result<T, String> {
        self.check(T::parse(text))
    }

    /// Checks a parsed value.
    ///
    /// # Errors
    /// When there is none, or it is not between the bounds; the message names them.
    pub fn check(self, value: Option<T>) -> Result<T, String> {
        value
            .filter(|value| (self.min..=self.max).contains(value))
            .ok_or_else(|| format!("expected {self}"))
    }
}

impl<T: Bounded> fmt::Display for Bounds<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, example, .. } = self;
        let (min, max) = (self.min.format(), self.max.format());
        write!(formatter, "{kind} from {min} to {max}, such as `{example}`")
    }
}

impl Bounded for Duration {
    fn parse(text: &str) -> Option<Self> {
        let duration: jiff::SignedDuration = text.parse().ok()?;
        Self::try_from(duration).ok()
    }

    fn format(self) -> String {
        let shown = jiff::SignedDuration::try_from(self);
        shown.map_or_else(|_| format!("{self:?}"), |duration| format!("{duration:#}"))
    }
}

impl Bounded for Timestamp {
    fn parse(text: &str) -> Option<Self> {
        let is_day = text.len() == "2024-01-31".len();
        let instant: jiff::Timestamp = if is_day {
            let day: jiff::civil::Date = text.parse().ok()?;
            day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        } else {
            text.parse().ok()?
        };
        Some(Self(instant.as_millisecond()))
    }

    fn format(self) -> String {
        let shown = jiff::Timestamp::from_millisecond(self.0);
        shown.map_or_else(
            |_| self.0.to_string(),
            |instant| instant.strftime("%Y-%m-%d").to_string(),
        )
    }
}

macro_rules! bounded_numbers {
    ($($number:ty)*) => {$(
        impl Bounded for $number {
            fn parse(text: &str) -> Option<Self> {
                Self::from_str(text).ok()
            }

            fn format(self) -> String {
                self.to_string()
            }
        }
    )*};
}

bounded_numbers!(u32 usize f64);

//! Values of the statistics document, and timestamps, without types of a library.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in milliseconds since 1970 in UTC, as MongoDB stores dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds since 1970, with milliseconds as the fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// This time minus a duration.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(milliseconds))
    }

    /// The time from `earlier` to this instant; `None` when it lies before `earlier`.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let milliseconds = self.0.checked_sub(earlier.0)?;
        u64::try_from(milliseconds).ok().map(Duration::from_millis)
    }

    /// This time plus a duration.
    pub fn after(self, time: Duration) -> Self {
        let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(milliseconds))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let milliseconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|before| -before),
        };
        Self(milliseconds.unwrap_or(i64::MAX))
    }
}

/// A value of the statistics document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// JavaScript's `undefined`: absent from an answer, and null in a document stored by 7.0 or later.
    Undefined,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; NaN and infinities become null in JSON, as in JavaScript.
    Number(f64),
    /// A string.
    Text(String),
    /// A time, shown as ISO 8601 with milliseconds.
    Date(Timestamp),
    /// A time, shown as JavaScript's `Date.toString()` in the workspace's time zone.
    DateText(Timestamp),
    /// An array.
    List(Vec<Value>),
    /// An object; the order of its keys is kept.
    Object(Vec<(Cow<'static, str>, Value)>),
}

impl Value {
    /// A count.
    pub fn count(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Number(number as f64), Self::Integer)
    }

    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object; entries without a value are left out.
    pub fn object<const N: usize>(entries: [(&'static str, Option<Value>); N]) -> Self {
        Self::Object(
            entries
                .into_iter()
                .filter_map(|(key, value)| value.map(|value| (Cow::Borrowed(key), value)))
                .collect(),
        )
    }

    /// The value below a key of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(entries) => entries
                .iter()
                .find_map(|(name, value)| (name == key).then_some(value)),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

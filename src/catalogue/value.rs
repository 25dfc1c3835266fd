//! Values of the statistics document, and instants, without any library's types.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant as milliseconds since 1970 in UTC, which is how MongoDB stores dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds since 1970, with milliseconds as the fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The instant that lies so long before this one.
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

    /// The instant that comes some time after this one.
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
    /// JSON's null.
    Null,
    /// What JavaScript calls undefined: left out of an answer, and null in one that was stored by 7.0 or later.
    Undefined,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; not-a-number and the infinities become null in JSON, as in JavaScript.
    Number(f64),
    /// A text.
    Text(String),
    /// An instant, shown as ISO 8601 with milliseconds.
    Date(Timestamp),
    /// An instant, shown as JavaScript's `Date.toString()` writes it in the workspace's time zone.
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

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object with keys known beforehand; entries without a value are left out.
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

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

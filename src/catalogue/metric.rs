//! What is exposed: a metric, its kind, and how it is read out of a section.

use std::borrow::Cow;

use super::value::Timestamp;

/// What a number measures: this decides its type, its unit and the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// How many of something there are now.
    Count,
    /// How many times something happened since a start; the name ends in `_total`.
    CountTotal,
    /// A size in bytes; the name ends in `_bytes`.
    Bytes,
    /// Bytes that went somewhere since a start; the name ends in `_bytes_total`.
    BytesTotal,
    /// A length of time; the name ends in `_seconds`.
    Seconds,
    /// Time spent since a start; the name ends in `_seconds_total`.
    SecondsTotal,
    /// An instant as seconds since 1970; the name ends in `_timestamp_seconds`.
    Instant,
    /// A plain number without a unit, such as a load average or a migration number.
    Number,
    /// 1 when something holds, 0 when it does not.
    State,
    /// Identity in labels, with the value 1; the name ends in `_info`.
    Info,
    /// Anything, under a name of the built-in exporter whose ending says nothing about it.
    Untyped,
}

/// The value of one series: the values of the family's labels, in their order, and the number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// One value for each of the family's labels.
    pub labels: Vec<Cow<'static, str>>,
    /// The number itself, in the family's base unit.
    pub value: f64,
}

impl Sample {
    /// A series of a family that has one label.
    pub fn of(label: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self {
            labels: vec![label.into()],
            value,
        }
    }
}

/// How a metric reads its number or numbers out of its section.
pub enum Read<T> {
    /// One series without labels; `None` means unknown, and the series is left out.
    One(fn(&T) -> Option<f64>),
    /// One series for each set of label values.
    By(&'static [&'static str], fn(&T) -> Vec<Sample>),
}

/// One row of a section's metrics.
pub struct Metric<T> {
    /// The whole exposed name, as it is seen in a query.
    pub name: &'static str,
    /// What the number means: the HELP text.
    pub help: &'static str,
    /// Where it is read: collection and filter, command or file.
    pub source: &'static str,
    /// Type, unit and ending of the name.
    pub quantity: Quantity,
    /// How it is read out of the section.
    pub read: Read<T>,
}

impl<T> Metric<T> {
    /// The row without the type of its section.
    pub fn row(&self) -> MetricRow {
        MetricRow {
            name: self.name,
            help: self.help,
            source: self.source,
            quantity: self.quantity,
            labels: match self.read {
                Read::One(_) => &[],
                Read::By(labels, _) => labels,
            },
        }
    }

    /// Its series; those that are unknown are left out.
    pub fn samples(&self, section: &T) -> Vec<Sample> {
        let mut samples = match self.read {
            Read::One(read) => read(section)
                .into_iter()
                .map(|value| Sample {
                    labels: Vec::new(),
                    value,
                })
                .collect(),
            Read::By(_, read) => read(section),
        };
        // Not a number and infinity mean that something is unknown, which is said by leaving the series out.
        samples.retain(|sample| sample.value.is_finite());
        samples
    }
}

/// A metric's row without the type of its section.
#[derive(Debug, Clone, Copy)]
pub struct MetricRow {
    /// The whole exposed name.
    pub name: &'static str,
    /// What the number means.
    pub help: &'static str,
    /// Where it is read.
    pub source: &'static str,
    /// Type, unit and ending of the name.
    pub quantity: Quantity,
    /// Names of the labels.
    pub labels: &'static [&'static str],
}

/// A count as the number of a sample.
pub fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// An instant as the number of a sample: seconds since 1970.
pub fn instant(timestamp: Option<Timestamp>) -> Option<f64> {
    timestamp.map(Timestamp::seconds)
}

/// A state as the number of a sample.
pub fn state(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

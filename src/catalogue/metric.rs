//! A metric: its name, help, quantity, and how its samples are read from a section.

use std::borrow::Cow;

use super::value::Timestamp;

/// What a metric measures: this decides its type, its unit and the suffix of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A current number of things.
    Count,
    /// A counter of events; the name ends in `_total`.
    CountTotal,
    /// A size in bytes; the name ends in `_bytes`.
    Bytes,
    /// A counter of bytes; the name ends in `_bytes_total`.
    BytesTotal,
    /// A duration; the name ends in `_seconds`.
    Seconds,
    /// A counter of time; the name ends in `_seconds_total`.
    SecondsTotal,
    /// A time in seconds since 1970; the name ends in `_timestamp_seconds`.
    Instant,
    /// A number without a unit, such as a load average.
    Number,
    /// 1 for true, 0 for false.
    State,
    /// Information in labels, with the value 1; the name ends in `_info`.
    Info,
    /// A metric of Rocket.Chat's built-in exporter, whose name does not follow these rules.
    Untyped,
}

/// A sample of a metric: its label values, in the order of the metric's labels, and its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// One value for each label of the metric.
    pub labels: Vec<Cow<'static, str>>,
    /// The number, in the metric's base unit.
    pub value: f64,
}

impl Sample {
    /// A sample of a metric with one label.
    pub fn of(label: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self {
            labels: vec![label.into()],
            value,
        }
    }
}

/// How the samples of a metric are read from its section.
pub enum Read<T> {
    /// One sample without labels; `None` is unknown, and the sample is absent.
    One(fn(&T) -> Option<f64>),
    /// The names of the labels, and the samples.
    By(&'static [&'static str], fn(&T) -> Vec<Sample>),
}

/// One row of a section's metrics.
pub struct Metric<T> {
    /// The full name.
    pub name: &'static str,
    /// The HELP text.
    pub help: &'static str,
    /// The source: collection and filter, command or file.
    pub source: &'static str,
    /// What it measures.
    pub quantity: Quantity,
    /// How it is read from the section.
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

    /// Its samples, without those that are not finite.
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
        // NaN and infinity mean unknown, so the sample is absent.
        samples.retain(|sample| sample.value.is_finite());
        samples
    }
}

/// A metric's row without the type of its section.
#[derive(Debug, Clone, Copy)]
pub struct MetricRow {
    /// The full name.
    pub name: &'static str,
    /// The HELP text.
    pub help: &'static str,
    /// The source.
    pub source: &'static str,
    /// What it measures.
    pub quantity: Quantity,
    /// Names of the labels.
    pub labels: &'static [&'static str],
}

/// A count as the number of a sample.
pub fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// A time as the number of a sample: seconds since 1970.
pub fn instant(timestamp: Option<Timestamp>) -> Option<f64> {
    timestamp.map(Timestamp::seconds)
}

/// A state as the number of a sample.
pub fn state(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

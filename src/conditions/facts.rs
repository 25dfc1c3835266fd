//! What a condition is judged by: the values of metrics, by their names.

use super::Moment;
use crate::catalogue::Sample;
use crate::collectors::{READINGS, REPLICATION, SECTIONS, Snapshot};

/// A snapshot and the time at which it is judged.
pub struct Facts<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The time: `time()` of an expression.
    pub now: Moment,
}

impl Facts<'_> {
    /// The samples of a metric.
    pub fn samples(&self, metric: &str) -> Vec<Sample> {
        let of_section = SECTIONS
            .iter()
            .find_map(|section| section.samples_of(self.snapshot, metric));
        of_section.unwrap_or_else(|| {
            let about_readings = READINGS.iter().chain(REPLICATION);
            let row = about_readings.into_iter().find(|row| row.name == metric);
            row.map_or_else(Vec::new, |row| row.samples(self.snapshot))
        })
    }

    /// The value of a metric without labels; `None` where it is absent.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.samples(metric).first().map(|sample| sample.value)
    }

    /// The value of a metric with one label.
    pub fn labelled(&self, metric: &str, label: &str) -> Option<f64> {
        let samples = self.samples(metric);
        let sample = samples.iter().find(|sample| sample.labels[0] == label)?;
        Some(sample.value)
    }

    /// Whether a state is known to be true.
    pub fn is_on(&self, metric: &str) -> bool {
        self.value(metric) == Some(1.0)
    }

    /// Seconds since a time that Rocket.Chat or the database wrote, in a metric.
    pub fn age(&self, metric: &str) -> Option<f64> {
        Some(self.now.database.seconds() - self.value(metric)?)
    }
}

//! What a condition is judged by: the values of metrics, by their names.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Moment;
use crate::catalogue::{Metric, Sample};
use crate::collectors::{READINGS, REPLICATION, SECTIONS, Snapshot};

/// Where the samples of a metric come from.
#[derive(Clone, Copy)]
enum Origin {
    /// The section at this index, and the index of the metric in it.
    Section(usize, usize),
    Snapshot(&'static Metric<Snapshot>),
}

/// The origin of each metric. The conditions look up some hundred metrics of each new snapshot.
static ORIGINS: LazyLock<HashMap<&'static str, Origin>> = LazyLock::new(|| {
    let of_snapshots = READINGS.iter().chain(REPLICATION);
    let of_snapshots = of_snapshots.map(|metric| (metric.name, Origin::Snapshot(metric)));
    let of_sections = SECTIONS.iter().enumerate().flat_map(|(section, table)| {
        let rows = table.metrics().into_iter().enumerate();
        rows.map(move |(index, row)| (row.name, Origin::Section(section, index)))
    });
    of_snapshots.chain(of_sections).collect()
});

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
        match ORIGINS.get(metric) {
            Some(Origin::Section(section, index)) => {
                SECTIONS[*section].samples_at(self.snapshot, *index)
            }
            Some(Origin::Snapshot(metric)) => metric.samples(self.snapshot),
            None => Vec::new(),
        }
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

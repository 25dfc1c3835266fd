//! A section: the tables of its metrics and of its document fields.

use super::collector::Collector;
use super::snapshot::Snapshot;
use crate::catalogue::{Answer, Field, FieldRow, Metric, MetricRow, Origin, Sample, Version};

/// A section's name, its place in the snapshot and its tables.
pub struct Table<T: 'static> {
    /// The collector that fills it.
    pub collector: Collector,
    /// Heading in the reference.
    pub title: &'static str,
    /// Where the snapshot holds it; `None` while its last reading failed or none was made.
    pub find: fn(&Snapshot) -> Option<&T>,
    /// What is exposed.
    pub metrics: &'static [Metric<T>],
    /// What the statistics document says.
    pub fields: &'static [Field<T>],
}

/// A section as the renderers see it: its tables, whatever its type.
pub trait Section: Sync {
    /// The collector that fills it.
    fn collector(&self) -> Collector;
    /// Heading in the reference.
    fn title(&self) -> &'static str;
    /// Rows of its metrics.
    fn metrics(&self) -> Vec<MetricRow>;
    /// Rows of its document fields.
    fn fields(&self) -> Vec<FieldRow>;
    /// Hands each metric that has a value to `visit`; nothing when the section is absent.
    fn visit_samples(&self, snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>));
    /// Hands each field that `version` has to `visit`.
    fn visit_fields(
        &self,
        snapshot: &Snapshot,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, Answer),
    );
}

impl<T: Sync> Section for Table<T> {
    fn collector(&self) -> Collector {
        self.collector
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn metrics(&self) -> Vec<MetricRow> {
        self.metrics.iter().map(Metric::row).collect()
    }

    fn fields(&self) -> Vec<FieldRow> {
        self.fields.iter().map(Field::row).collect()
    }

    fn visit_samples(&self, snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>)) {
        let Some(section) = (self.find)(snapshot) else {
            return;
        };
        for metric in self.metrics {
            let samples = metric.samples(section);
            if !samples.is_empty() {
                visit(metric.row(), samples);
            }
        }
    }

    fn visit_fields(
        &self,
        snapshot: &Snapshot,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, Answer),
    ) {
        let section = (self.find)(snapshot);
        for field in self.fields {
            if !field.versions.contains(version) {
                continue;
            }
            let answer = match (&field.origin, section) {
                (Origin::Stored, _) => Answer::Stored,
                (Origin::StoredIfTrue, _) => Answer::StoredIfTrue,
                (Origin::Withheld, _) => Answer::Fresh(None),
                (Origin::Fresh(read), Some(section)) => Answer::Fresh(read(section)),
                (Origin::FreshElseStored(read), Some(section)) => {
                    read(section).map_or(Answer::Stored, |value| Answer::Fresh(Some(value)))
                }
                (Origin::Either(read), Some(section)) => read(section),
                (Origin::Keyed(read, key), Some(section)) => Answer::Fresh(read(section, key)),
                (_, None) => Answer::Unknown,
            };
            visit(field.row(), answer);
        }
    }
}

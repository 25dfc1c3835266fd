//! The tables of a section: its metrics and its document fields.

use super::document_field::{Answer, Field, FieldRow, Origin};
use super::metric::{Metric, MetricRow, Sample};
use super::version::Version;

/// A section's heading and its tables.
pub struct Table<T: 'static> {
    /// Heading in the reference.
    pub title: &'static str,
    /// What is exposed.
    pub metrics: &'static [Metric<T>],
    /// What the statistics document says.
    pub fields: &'static [Field<T>],
}

impl<T> Table<T> {
    /// Rows of its metrics.
    pub fn metric_rows(&self) -> Vec<MetricRow> {
        self.metrics.iter().map(Metric::row).collect()
    }

    /// Rows of its document fields.
    pub fn field_rows(&self) -> Vec<FieldRow> {
        self.fields.iter().map(Field::row).collect()
    }

    /// Hands each metric that has a value to `visit`; nothing when the section is absent.
    pub fn visit_samples(
        &self,
        section: Option<&T>,
        visit: &mut dyn FnMut(MetricRow, Vec<Sample>),
    ) {
        let Some(section) = section else {
            return;
        };
        for metric in self.metrics {
            let samples = metric.samples(section);
            if !samples.is_empty() {
                visit(metric.row(), samples);
            }
        }
    }

    /// Hands each field that `version` has to `visit`.
    pub fn visit_fields(
        &self,
        section: Option<&T>,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, Answer),
    ) {
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

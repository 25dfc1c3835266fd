//! A section of the catalogue: metrics and document fields of one collector.

use super::document_field::{Field, FieldOrigin, FieldRow, FieldValue};
use super::metric::{Metric, MetricRow, Sample};
use super::version::Version;

/// The title and the tables of a section.
pub struct SectionDefinition<T: 'static> {
    /// Title in the reference.
    pub title: &'static str,
    /// Its metrics.
    pub metrics: &'static [Metric<T>],
    /// Its fields of the statistics document.
    pub fields: &'static [Field<T>],
}

impl<T> SectionDefinition<T> {
    /// Rows of its metrics.
    pub fn metric_rows(&self) -> Vec<MetricRow> {
        self.metrics.iter().map(Metric::row).collect()
    }

    /// Rows of its document fields.
    pub fn field_rows(&self) -> Vec<FieldRow> {
        self.fields.iter().map(Field::row).collect()
    }

    /// Calls `visit` with each metric that has a value; never when the section is absent.
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

    /// Calls `visit` with each field of `version`.
    pub fn visit_fields(
        &self,
        section: Option<&T>,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, FieldValue),
    ) {
        for field in self.fields {
            if !field.versions.contains(version) {
                continue;
            }
            let answer = match (&field.origin, section) {
                (FieldOrigin::Stored, _) => FieldValue::Stored,
                (FieldOrigin::StoredIfTrue, _) => FieldValue::StoredIfTrue,
                (FieldOrigin::Withheld, _) => FieldValue::Fresh(None),
                (FieldOrigin::Fresh(read), Some(section)) => FieldValue::Fresh(read(section)),
                (FieldOrigin::FreshElseStored(read), Some(section)) => {
                    read(section).map_or(FieldValue::Stored, |value| FieldValue::Fresh(Some(value)))
                }
                (FieldOrigin::Either(read), Some(section)) => read(section),
                (FieldOrigin::Keyed(read, key), Some(section)) => {
                    FieldValue::Fresh(read(section, key))
                }
                (_, None) => FieldValue::Unknown,
            };
            visit(field.row(), answer);
        }
    }
}

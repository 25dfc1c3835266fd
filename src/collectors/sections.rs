//! Every section, for those who render it.

use super::collector::Collector;
use super::snapshot::{Reading, Snapshot};
use crate::catalogue::{
    FieldRow, FieldValue, MetricRow, Sample, SectionDefinition, Version, labels,
};

/// A section without its type.
pub trait Section: Sync {
    /// The collector that fills it.
    fn collector(&self) -> Collector;
    /// Title in the reference.
    fn title(&self) -> &'static str;
    /// Rows of its metrics.
    fn metrics(&self) -> Vec<MetricRow>;
    /// Rows of its document fields.
    fn fields(&self) -> Vec<FieldRow>;
    /// Calls `visit` with each metric that has a value; never when the section is absent.
    fn visit_samples(&self, snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>));
    /// The samples of the metric at an index of [`Section::metrics`].
    fn samples_at(&self, snapshot: &Snapshot, index: usize) -> Vec<Sample>;
    /// Calls `visit` with each field of `version`.
    fn visit_fields(
        &self,
        snapshot: &Snapshot,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, FieldValue),
    );
}

/// A section's tables, and its place in the snapshot.
struct TypedSection<T: 'static> {
    collector: Collector,
    find: fn(&Snapshot) -> Option<&T>,
    table: &'static SectionDefinition<T>,
}

impl<T: Sync> Section for TypedSection<T> {
    fn collector(&self) -> Collector {
        self.collector
    }

    fn title(&self) -> &'static str {
        self.table.title
    }

    fn metrics(&self) -> Vec<MetricRow> {
        self.table.metric_rows()
    }

    fn fields(&self) -> Vec<FieldRow> {
        self.table.field_rows()
    }

    fn visit_samples(&self, snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>)) {
        self.table.visit_samples((self.find)(snapshot), visit);
    }

    fn samples_at(&self, snapshot: &Snapshot, index: usize) -> Vec<Sample> {
        match ((self.find)(snapshot), self.table.metrics.get(index)) {
            (Some(section), Some(metric)) => metric.samples(section),
            _ => Vec::new(),
        }
    }

    fn visit_fields(
        &self,
        snapshot: &Snapshot,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, FieldValue),
    ) {
        self.table
            .visit_fields((self.find)(snapshot), version, visit);
    }
}

macro_rules! sections {
    ($($module:ident::$section:ident,)*) => {
        /// Every section, in the order in which the reference and `/metrics` show them.
        pub const SECTIONS: &[&dyn Section] = &[$(
            &TypedSection {
                collector: Collector::$section,
                find: |snapshot| snapshot.$module.as_deref(),
                table: &super::$module::SECTION,
            },
        )*];
    };
}

every_collector!(sections);

/// Stores what a collector read, and counts the series of each metric with a label value that will be changed: once for each
/// reading, not for each scrape.
pub fn store(snapshot: &mut Snapshot, collector: Collector, reading: Reading) {
    snapshot.put(reading);
    let mut changed = Vec::new();
    let sections = SECTIONS.iter();
    for section in sections.filter(|section| section.collector() == collector) {
        section.visit_samples(snapshot, &mut |row, samples| {
            let is_changed = |sample: &&Sample| {
                sample
                    .labels
                    .iter()
                    .any(|label| labels::mended(label).is_some())
            };
            let series = samples.iter().filter(is_changed).count();
            if series > 0 {
                changed.push((row.name, series));
            }
        });
    }
    if changed.is_empty() {
        snapshot.changed_labels.remove(&collector);
    } else {
        snapshot.changed_labels.insert(collector, changed);
    }
}

//! Every section, for those who render it.

use super::collector::Collector;
use super::snapshot::Snapshot;
use crate::catalogue::{FieldRow, FieldValue, MetricRow, Sample, SectionDefinition, Version};

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
    /// The samples of one metric; `None` where the section has no such metric.
    fn samples_of(&self, snapshot: &Snapshot, metric: &str) -> Option<Vec<Sample>>;
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

    fn samples_of(&self, snapshot: &Snapshot, metric: &str) -> Option<Vec<Sample>> {
        let metric = self.table.metrics.iter().find(|row| row.name == metric)?;
        Some((self.find)(snapshot).map_or_else(Vec::new, |section| metric.samples(section)))
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

//! The catalogue: what the exporter knows, and how each number is called.
//!
//! Pure data that imports `std` only. Two faces: a [`Metric`] says what is true today by one documented definition; a
//! [`Field`] imitates what the workspace's own version of Rocket.Chat answers, so one path may have several rows with
//! different versions.

pub mod availability;
pub mod collector_definition;
pub mod document_field;
pub mod growth_point;
pub mod labels;
pub mod metric;
pub mod migrations;
pub mod outcome;
pub mod packed_value;
pub mod replication;
pub mod table;
pub mod value;
pub mod version;

pub use availability::{Availability, ReadState};
pub use collector_definition::{CollectorDefinition, Tier};
pub use document_field::{Answer, Field, FieldRow, Origin};
pub use growth_point::GrowthPoint;
pub use labels::{OTHER, bound_labels};
pub use metric::{Metric, MetricRow, Quantity, Read, Sample, count, instant, state};
pub use migrations::running_version;
pub use outcome::{FailureKind, IndexCheck, Outcome, PoolState, Refusal, SkipReason, Skipped};
pub use packed_value::PackedValue;
pub use replication::{Replication, STALE_AFTER};
pub use table::Table;
pub use value::{Timestamp, Value};
pub use version::{Version, Versions};

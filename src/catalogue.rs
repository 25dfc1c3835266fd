//! The catalogue: what the exporter knows, and how each number is called.
//!
//! Pure data that imports `std` only. Two faces: a [`Metric`] says what is true today by one documented definition; a
//! [`Field`] imitates what the workspace's own version of Rocket.Chat answers, so one path may have several rows with
//! different versions.

pub mod availability;
pub mod builtin_names;
pub mod collector;
pub mod collector_metrics;
pub mod document_field;
pub mod exporter_metrics;
pub mod growth_point;
pub mod labels;
pub mod live_metrics;
pub mod live_state;
pub mod metric;
pub mod migrations;
pub mod outcome;
pub mod packed_value;
pub mod replication;
pub mod replication_metrics;
pub mod section;
pub mod snapshot;
pub mod snapshot_availability;
pub mod value;
pub mod version;

pub use availability::{Availability, ReadState};
pub use builtin_names::{COMPAT, visit_compat_samples};
pub use collector::{COLLECTORS, Collector, Extent, Tier};
pub use collector_metrics::READINGS;
pub use document_field::{Answer, Field, FieldRow, Origin};
pub use exporter_metrics::{OWN, Own, OwnProcess, Reload, Requests};
pub use growth_point::Grown;
pub use labels::{OTHER, bound as bound_labels};
pub use live_metrics::LIVE;
pub use live_state::{Live, LiveCounts, LiveMode, LiveObstacle, LiveState};
pub use metric::{Metric, MetricRow, Quantity, Read, Sample, count, instant, state};
pub use migrations::running_version;
pub use outcome::{FailureKind, IndexCheck, Outcome, PoolState, Refusal, SkipReason, Skipped};
pub use packed_value::PackedValue;
pub use replication::{Replication, STALE_AFTER};
pub use replication_metrics::REPLICATION;
pub use section::{Section, Table};
pub use snapshot::{Reading, Snapshot};
pub use value::{Timestamp, Value};
pub use version::{Version, Versions};

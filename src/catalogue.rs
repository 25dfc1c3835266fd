//! The types of the catalogue: metrics, document fields, and the collectors that fill them.
//!
//! Pure data that imports `std` only. A [`Metric`] has one documented definition. A [`Field`] imitates the workspace's
//! version of Rocket.Chat, so one path can have several rows with different versions.

pub mod availability;
pub mod collector_definition;
pub mod compact_document;
pub mod document_field;
pub mod growth_point;
pub mod hidden_fields;
pub mod labels;
pub mod login_providers;
pub mod metric;
pub mod migrations;
pub mod outcome;
pub mod privilege;
pub mod probe;
pub mod release_lines;
pub mod replication;
pub mod section_definition;
pub mod value;
pub mod version;

pub use availability::{Availability, ReadState};
pub use collector_definition::{CollectorDefinition, Tier, WatchedIndexes};
pub use compact_document::CompactDocument;
pub use document_field::{Field, FieldOrigin, FieldRow, FieldValue, count_field, difference_field};
pub use growth_point::GrowthPoint;
pub use hidden_fields::{HIDDEN_FIELDS, IGNORED_FIELDS, touches_hidden_field};
pub use labels::{OTHER, bound_labels};
pub use login_providers::REMOVED_PROVIDERS;
pub use metric::{Metric, MetricRow, Quantity, Read, Sample, count, instant, state};
pub use migrations::{ReportedVersion, RunningVersion, is_older_than_migration, running_version};
pub use outcome::{FailureKind, IndexCheck, Outcome, PoolState, Refusal, SkipReason, Skipped};
pub use privilege::{Necessity, Privilege};
pub use probe::{CheckFailure, CheckOutcome, ProbeFailure, ServerBuild, TokenStatus};
pub use release_lines::{AS_OF, RELEASE_LINES, release_line};
pub use replication::{Replication, STALE_AFTER};
pub use section_definition::SectionDefinition;
pub use value::{Timestamp, Value};
pub use version::{NamedVersion, Version, Versions};

//! The collectors, a folder each. `mod.rs` holds the struct that one reading fills and, below it, the tables of its metrics
//! and of its document fields; `query.rs` asks MongoDB; `live.rs` says what a change stream tells of it.
//!
//! Everything else is derived from the tables: `/metrics`, the JSON document, the README's reference and the checks of
//! names.

pub mod account_security;
pub mod activity;
pub mod administration;
pub mod apps;
pub mod availability;
pub mod calls;
pub mod collections;
pub mod collector;
pub mod collector_metrics;
pub mod connections;
pub mod contacts;
pub mod dispatch;
pub mod federation;
pub mod host;
pub mod instances;
pub mod integrations;
pub mod jobs;
pub mod license;
pub mod live_metrics;
pub mod live_state;
pub mod message_flags;
pub mod messages;
pub mod omnichannel;
pub mod presence;
pub mod push;
pub mod replication_metrics;
pub mod room_features;
pub mod rooms;
pub mod section;
pub mod server;
pub mod sessions;
pub mod settings;
pub mod snapshot;
pub mod sources;
pub mod stored_document;
pub mod uploads;
pub mod user_features;
pub mod users;
pub mod workspace;

pub use collector::{COLLECTORS, Collector, Extent, Tier};
pub use collector_metrics::READINGS;
pub use live_metrics::LIVE;
pub use live_state::{Live, LiveCounts, LiveMode, LiveObstacle, LiveState};
pub use replication_metrics::REPLICATION;
pub use section::Section;
pub use snapshot::{Reading, Snapshot};
pub use sources::{Read, Sources};

/// Every section, in the order in which the reference and `/metrics` show them.
pub const SECTIONS: &[&dyn Section] = &[
    &workspace::SECTION,
    &license::SECTION,
    &settings::SECTION,
    &server::SECTION,
    &stored_document::SECTION,
    &presence::SECTION,
    &connections::SECTION,
    &users::SECTION,
    &user_features::SECTION,
    &activity::SECTION,
    &account_security::SECTION,
    &rooms::SECTION,
    &room_features::SECTION,
    &messages::SECTION,
    &message_flags::SECTION,
    &uploads::SECTION,
    &collections::SECTION,
    &sessions::SECTION,
    &omnichannel::SECTION,
    &contacts::SECTION,
    &calls::SECTION,
    &federation::SECTION,
    &administration::SECTION,
    &integrations::SECTION,
    &apps::SECTION,
    &push::SECTION,
    &jobs::SECTION,
    &instances::SECTION,
    &host::SECTION,
];

#[cfg(test)]
mod tests;

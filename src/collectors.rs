//! The collectors, a folder each. `mod.rs` has the struct that one reading fills, the collector's name, tier and
//! privileges, and the tables of its metrics and document fields. `query.rs` reads MongoDB. `live.rs`, where there is
//! one, keeps the same numbers up to date from a change stream.
//!
//! Everything else is derived from the tables: switches, `/metrics`, the JSON document, the reference and the role in
//! `docs/`, and `check`.

/// Every collector, in the order in which the reference and `/metrics` show them: its folder, and the struct that it fills.
macro_rules! every_collector {
    ($derived:ident) => {
        $derived! {
            workspace::Workspace,
            license::License,
            settings::Settings,
            server::Server,
            stored_document::StoredDocument,
            presence::Presence,
            connections::Connections,
            users::Users,
            user_features::UserFeatures,
            activity::Activity,
            account_security::AccountSecurity,
            rooms::Rooms,
            room_features::RoomFeatures,
            messages::Messages,
            message_flags::MessageFlags,
            uploads::Uploads,
            collections::Collections,
            sessions::Sessions,
            omnichannel::Omnichannel,
            contacts::Contacts,
            calls::Calls,
            federation::Federation,
            administration::Administration,
            integrations::Integrations,
            apps::Apps,
            push::Push,
            jobs::Jobs,
            instances::Instances,
            probe::Probe,
            host::Host,
        }
    };
}

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
pub mod context;
pub mod dispatch;
pub mod federation;
pub mod host;
pub mod instances;
pub mod integrations;
pub mod jobs;
pub mod license;
pub mod live_definition;
pub mod live_metrics;
pub mod live_sections;
pub mod live_state;
pub mod message_flags;
pub mod messages;
pub mod omnichannel;
pub mod presence;
pub mod probe;
pub mod profile;
pub mod push;
pub mod refreshes;
pub mod replication_metrics;
pub mod required_privileges;
pub mod room_features;
pub mod rooms;
pub mod sections;
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

pub use collector::{COLLECTORS, Collector, RefreshScope};
pub use collector_metrics::READINGS;
pub use dispatch::{CollectedReading, DatabaseSource};
pub use live_metrics::LIVE;
pub use live_state::{LiveCounts, LiveMode, LiveObstacle, LiveState, LiveStatus};
pub use profile::{CollectorProfile, ExposedMetrics, MINIMAL_METRICS};
pub use replication_metrics::REPLICATION;
pub use sections::SECTIONS;
pub use snapshot::{Reading, Snapshot};
pub use sources::Sources;

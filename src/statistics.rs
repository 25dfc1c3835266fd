//! The model and the catalogue: what the exporter knows, and how each number is called.
//!
//! Pure data that imports `std` only. A section file holds the struct that one reading of it fills and, below it,
//! the tables of its metrics and of its document fields. Everything else is derived from these tables: `/metrics`,
//! the JSON document, the README's reference and the checks of names.
//!
//! Two faces: a [`Metric`] says what is true today by one documented definition; a [`Field`] imitates what the
//! workspace's own version of Rocket.Chat answers, so one path may have several rows with different versions.

mod activity;
mod administration;
mod apps;
mod availability;
mod backfill;
mod backfill_series;
mod calls;
mod collections;
mod collector;
mod compat;
mod connections;
mod contacts;
mod document;
mod document_field;
mod federation;
mod growth;
mod history;
mod host;
mod hygiene;
mod instances;
mod integrations;
mod jobs;
mod labels;
mod license;
mod live;
mod marks;
mod messages;
mod metric;
mod migrations;
mod omnichannel;
mod outcome;
mod own;
mod packed;
mod presence;
mod push;
mod readings;
mod replication;
mod room_features;
mod rooms;
mod section;
mod server;
mod sessions;
mod settings;
mod snapshot;
mod stored;
mod uploads;
mod user_features;
mod users;
mod value;
mod version;
mod workspace;

pub use activity::{Activity, Newest};
pub use administration::Administration;
pub use apps::Apps;
pub use availability::{Availability, ReadState};
pub use backfill::{Said, Told, Where, told_by, told_paths};
pub use backfill_series::TOLD;
pub use calls::{CONFERENCES, Calls, VoiceCalls};
pub use collections::{CollectionSize, Collections, WATCHED_COLLECTIONS};
pub use collector::{COLLECTORS, Collector, Extent, Tier};
pub use compat::{COMPAT, visit_compat_samples};
pub use connections::Connections;
pub use contacts::{Contacts, Source, SourceContacts, Verification};
pub use document::TOP_LEVEL_ORDER;
pub use document_field::{Answer, Field, FieldRow, Origin};
pub use federation::{FederatedRoom, Federation};
pub use growth::Grown;
pub use history::{Curve, History};
pub use host::{Cpu, CpuTimes, Host, NodeProcess};
pub use hygiene::Hygiene;
pub use instances::{Instance, Instances, LIVE_FOR, OtherInstances};
pub use integrations::Integrations;
pub use jobs::{JOBS, Job, Jobs, OTHER_JOB};
pub use labels::{OTHER, bound as bound_labels};
pub use license::{
    Grants, HeldLicense, LICENSE_MODULES, License, LicenseContent, LicenseFlaw, LicenseFormat,
    LicenseLimit, LicenseTag, LicenseVoucher, LimitKind,
};
pub use live::{LIVE, Live, LiveCounts, LiveMode, LiveObstacle, LiveState};
pub use marks::{Marked, Marks};
pub use messages::Messages;
pub use metric::{Metric, MetricRow, Quantity, Read, Sample};
use metric::{count, instant, state};
pub use omnichannel::{LicensedOmnichannel, Omnichannel};
pub use outcome::{FailureKind, IndexCheck, Outcome, PoolState, Refusal, SkipReason, Skipped};
pub use own::{OWN, Own, OwnProcess, Reload, Requests};
pub use packed::PackedValue;
pub use presence::{Presence, Presences};
pub use push::Push;
pub use readings::READINGS;
pub use replication::{REPLICATION, Replication, STALE_AFTER};
pub use room_features::{ROOM_FEATURES, RoomFeature, RoomFeatures};
pub use rooms::{RoomGroup, RoomKind, Rooms};
pub use section::{Section, Table};
pub use server::Server;
pub use sessions::{
    Day, DeviceSessions, EarlySessions, OsSessions, PeriodSessions, Sessions, Summaries,
    UserSessions,
};
pub use settings::{NeedsLicense, Setting, Settings, ids as setting_ids};
pub use snapshot::{Reading, Snapshot};
pub use stored::Stored;
pub use uploads::Uploads;
pub use user_features::{CustomOauth, LOGIN_SERVICES, UserFeatures};
pub use users::{AccountKind, AccountState, Accounts, Users};
pub use value::{Timestamp, Value};
pub use version::{Version, Versions, running_version};
pub use workspace::{Migration, Workspace};

/// Every section, in the order in which the reference and `/metrics` show them.
pub const SECTIONS: &[&dyn Section] = &[
    &workspace::SECTION,
    &license::SECTION,
    &settings::SECTION,
    &server::SECTION,
    &stored::SECTION,
    &presence::SECTION,
    &connections::SECTION,
    &users::SECTION,
    &user_features::SECTION,
    &activity::SECTION,
    &hygiene::SECTION,
    &rooms::SECTION,
    &room_features::SECTION,
    &messages::SECTION,
    &marks::SECTION,
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

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
mod migrations;
mod omnichannel;
mod own;
mod packed;
mod presence;
mod push;
mod readings;
mod replication;
mod room_features;
mod rooms;
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

use std::borrow::Cow;

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
pub use omnichannel::{LicensedOmnichannel, Omnichannel};
pub use own::{OWN, Own, OwnProcess, Reload, Requests};
pub use packed::PackedValue;
pub use presence::{Presence, Presences};
pub use push::Push;
pub use readings::READINGS;
pub use replication::{REPLICATION, Replication, STALE_AFTER};
pub use room_features::{ROOM_FEATURES, RoomFeature, RoomFeatures};
pub use rooms::{RoomGroup, RoomKind, Rooms};
pub use server::Server;
pub use sessions::{
    Day, DeviceSessions, EarlySessions, OsSessions, PeriodSessions, Sessions, Summaries,
    UserSessions,
};
pub use settings::{NeedsLicense, Setting, Settings, ids as setting_ids};
pub use snapshot::{
    FailureKind, IndexCheck, Outcome, PoolState, Reading, Refusal, SkipReason, Skipped, Snapshot,
};
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

/// What a number measures: this decides its type, its unit and the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// How many of something there are now.
    Count,
    /// How many times something happened since a start; the name ends in `_total`.
    CountTotal,
    /// A size in bytes; the name ends in `_bytes`.
    Bytes,
    /// Bytes that went somewhere since a start; the name ends in `_bytes_total`.
    BytesTotal,
    /// A length of time; the name ends in `_seconds`.
    Seconds,
    /// Time spent since a start; the name ends in `_seconds_total`.
    SecondsTotal,
    /// An instant as seconds since 1970; the name ends in `_timestamp_seconds`.
    Instant,
    /// A plain number without a unit, such as a load average or a migration number.
    Number,
    /// 1 when something holds, 0 when it does not.
    State,
    /// Identity in labels, with the value 1; the name ends in `_info`.
    Info,
    /// Anything, under a name of the built-in exporter whose ending says nothing about it.
    Untyped,
}

/// The value of one series: the values of the family's labels, in their order, and the number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// One value for each of the family's labels.
    pub labels: Vec<Cow<'static, str>>,
    /// The number itself, in the family's base unit.
    pub value: f64,
}

impl Sample {
    /// A series of a family that has one label.
    pub fn of(label: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self {
            labels: vec![label.into()],
            value,
        }
    }
}

/// How a metric reads its number or numbers out of its section.
pub enum Read<T> {
    /// One series without labels; `None` means unknown, and the series is left out.
    One(fn(&T) -> Option<f64>),
    /// One series for each set of label values.
    By(&'static [&'static str], fn(&T) -> Vec<Sample>),
}

/// One row of a section's metrics.
pub struct Metric<T> {
    /// The whole exposed name, as it is seen in a query.
    pub name: &'static str,
    /// What the number means: the HELP text.
    pub help: &'static str,
    /// Where it is read: collection and filter, command or file.
    pub source: &'static str,
    /// Type, unit and ending of the name.
    pub quantity: Quantity,
    /// How it is read out of the section.
    pub read: Read<T>,
}

/// Where a field of the statistics document comes from.
pub enum Origin<T> {
    /// Read by the exporter; `None` means that the document has no such key.
    Fresh(fn(&T) -> Option<Value>),
    /// Read by the exporter where this workspace tells it, else taken from the newest stored document.
    FreshElseStored(fn(&T) -> Option<Value>),
    /// Read by the exporter, or taken from the newest stored document, as the section says.
    Either(fn(&T) -> Answer),
    /// Read by the exporter from what stands under a key, such as the id of a setting.
    Keyed(fn(&T, &str) -> Option<Value>, &'static str),
    /// Known to Rocket.Chat's process only: taken from the newest stored document.
    Stored,
    /// The same, but the document has no such key unless it is true.
    StoredIfTrue,
    /// A secret or somebody's personal data: never shown.
    Withheld,
}

/// One row of a section's fields in the statistics document.
pub struct Field<T> {
    /// Path in the document; a dot nests.
    pub path: &'static str,
    /// The versions of Rocket.Chat whose document has the field with this definition.
    pub versions: Versions,
    /// The definition, in words: what is counted, with which filter.
    pub meaning: &'static str,
    /// Where the value comes from.
    pub origin: Origin<T>,
}

/// A section's name, its place in the snapshot and its tables.
pub struct Table<T: 'static> {
    /// The collector that fills it.
    pub collector: Collector,
    /// Heading in the reference.
    pub title: &'static str,
    /// Where the snapshot holds it; `None` while its last reading failed or none was made.
    pub find: fn(&Snapshot) -> Option<&T>,
    /// What is exposed.
    pub metrics: &'static [Metric<T>],
    /// What the statistics document says.
    pub fields: &'static [Field<T>],
}

/// A metric's row without the type of its section.
#[derive(Debug, Clone, Copy)]
pub struct MetricRow {
    /// The whole exposed name.
    pub name: &'static str,
    /// What the number means.
    pub help: &'static str,
    /// Where it is read.
    pub source: &'static str,
    /// Type, unit and ending of the name.
    pub quantity: Quantity,
    /// Names of the labels.
    pub labels: &'static [&'static str],
}

/// A field's row without the type of its section.
#[derive(Debug, Clone, Copy)]
pub struct FieldRow {
    /// Path in the document.
    pub path: &'static str,
    /// Versions with this definition.
    pub versions: Versions,
    /// The definition, in words.
    pub meaning: &'static str,
    /// Whether only the stored document knows it.
    pub stored: bool,
    /// Whether it is never shown.
    pub withheld: bool,
    /// What it is read by, such as the id of a setting.
    pub key: Option<&'static str>,
}

/// What a section says about one of its fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The section was read: this is the value, or the document has no such key.
    Fresh(Option<Value>),
    /// The section was not read, so nothing is known.
    Unknown,
    /// The stored document decides.
    Stored,
    /// The stored document decides, but there is no such key unless it is true.
    StoredIfTrue,
}

/// A section as the renderers see it: its tables, whatever its type.
pub trait Section: Sync {
    /// The collector that fills it.
    fn collector(&self) -> Collector;
    /// Heading in the reference.
    fn title(&self) -> &'static str;
    /// Rows of its metrics.
    fn metrics(&self) -> Vec<MetricRow>;
    /// Rows of its document fields.
    fn fields(&self) -> Vec<FieldRow>;
    /// Hands each metric that has a value to `visit`; nothing when the section is absent.
    fn visit_samples(&self, snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>));
    /// Hands each field that `version` has to `visit`.
    fn visit_fields(
        &self,
        snapshot: &Snapshot,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, Answer),
    );
}

impl<T> Metric<T> {
    /// The row without the type of its section.
    pub fn row(&self) -> MetricRow {
        MetricRow {
            name: self.name,
            help: self.help,
            source: self.source,
            quantity: self.quantity,
            labels: match self.read {
                Read::One(_) => &[],
                Read::By(labels, _) => labels,
            },
        }
    }

    /// Its series; those that are unknown are left out.
    pub fn samples(&self, section: &T) -> Vec<Sample> {
        let mut samples = match self.read {
            Read::One(read) => read(section)
                .into_iter()
                .map(|value| Sample {
                    labels: Vec::new(),
                    value,
                })
                .collect(),
            Read::By(_, read) => read(section),
        };
        // Not a number and infinity mean that something is unknown, which is said by leaving the series out.
        samples.retain(|sample| sample.value.is_finite());
        samples
    }
}

impl<T> Field<T> {
    fn row(&self) -> FieldRow {
        FieldRow {
            path: self.path,
            versions: self.versions,
            meaning: self.meaning,
            stored: matches!(self.origin, Origin::Stored | Origin::StoredIfTrue),
            withheld: matches!(self.origin, Origin::Withheld),
            key: match self.origin {
                Origin::Keyed(_, key) => Some(key),
                _ => None,
            },
        }
    }
}

impl<T: Sync> Section for Table<T> {
    fn collector(&self) -> Collector {
        self.collector
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn metrics(&self) -> Vec<MetricRow> {
        self.metrics.iter().map(Metric::row).collect()
    }

    fn fields(&self) -> Vec<FieldRow> {
        self.fields.iter().map(Field::row).collect()
    }

    fn visit_samples(&self, snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>)) {
        let Some(section) = (self.find)(snapshot) else {
            return;
        };
        for metric in self.metrics {
            let samples = metric.samples(section);
            if !samples.is_empty() {
                visit(metric.row(), samples);
            }
        }
    }

    fn visit_fields(
        &self,
        snapshot: &Snapshot,
        version: Version,
        visit: &mut dyn FnMut(FieldRow, Answer),
    ) {
        let section = (self.find)(snapshot);
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

/// A count as the number of a sample.
fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// An instant as the number of a sample: seconds since 1970.
fn instant(timestamp: Option<Timestamp>) -> Option<f64> {
    timestamp.map(Timestamp::seconds)
}

/// A state as the number of a sample.
fn state(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[cfg(test)]
mod tests;

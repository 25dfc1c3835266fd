//! Identity of the workspace, from `rocketchat_settings`, and its migration level, from `migrations`.

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, RunningVersion, Sample,
    SectionDefinition, Tier, Timestamp, Value, Versions, count, instant, state,
};

/// Identity and migration level. Settings can have any type, so those that are only shown are kept as they are.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// Setting `uniqueID`, the deployment ID.
    pub deployment_id: Option<Value>,
    /// `createdAt` of that setting: a date up to 4.5, a string since 4.6.
    pub installed_at: Option<Value>,
    /// The same as a time, if it is valid.
    pub installed: Option<Timestamp>,
    /// Setting `Site_Url`.
    pub site_url: Option<Value>,
    /// The control document of `migrations`.
    pub migration: Option<Migration>,
    /// The running version, if it is known.
    pub version: Option<RunningVersion>,
    /// The day on which the support of its line ends, at 00:00 UTC; `None` where that is not known.
    pub end_of_support: Option<Timestamp>,
}

/// The control document of `migrations`.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Version number of the database schema.
    pub version: Option<u64>,
    /// Whether a migration is running or was interrupted.
    pub locked: bool,
    /// Time when the lock was last acquired.
    pub locked_at: Option<Timestamp>,
    /// The whole document.
    pub document: Value,
}

fn text(value: Option<&Value>) -> String {
    value
        .and_then(Value::as_text)
        .unwrap_or_default()
        .to_owned()
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "workspace",
    tier: Tier::Normal,
    rank: 1,
    is_prerequisite: true,
    privileges: &[
        Privilege::find("migrations"),
        Privilege::find("rocketchat_settings"),
    ],
    minimal_metrics: &["rocketchat_info"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Workspace> = SectionDefinition {
    title: "Workspace",
    metrics: &[
        Metric {
            name: "rocketchat_info",
            help: "Identity of the workspace. The version is the configured one, else the one that Rocket.Chat reports to the probe, else that of the newest stored statistics document, else the first release with the database's migration number.",
            source: "rocketchat_settings uniqueID and Site_Url; GET /api/info; rocketchat_statistics version; migrations control, version",
            quantity: Quantity::Info,
            read: Read::By(&["version", "unique_id", "site_url"], |workspace| {
                let version = workspace.version.as_ref();
                vec![Sample {
                    labels: vec![
                        version
                            .map(|version| version.name.clone())
                            .unwrap_or_default()
                            .into(),
                        text(workspace.deployment_id.as_ref()).into(),
                        text(workspace.site_url.as_ref()).into(),
                    ],
                    value: 1.0,
                }]
            }),
        },
        Metric {
            name: "rocketchat_end_of_support_timestamp_seconds",
            help: "Day on which Rocket.Chat's support of the running release line ends, at 00:00 UTC. Absent for a line that the exporter does not know.",
            source: "the exporter's release lines, by the version",
            quantity: Quantity::Instant,
            read: Read::One(|workspace| instant(workspace.end_of_support)),
        },
        Metric {
            name: "rocketchat_version_newer_than_known",
            help: "Whether the workspace runs a release that the exporter does not know yet, and that it reads and imitates as the newest one that it knows.",
            source: "the version of rocketchat_info; migrations control, version",
            quantity: Quantity::State,
            read: Read::One(|workspace| {
                Some(state(workspace.version.as_ref()?.is_newer_than_known))
            }),
        },
        Metric {
            name: "rocketchat_installed_timestamp_seconds",
            help: "Time when the workspace was installed.",
            source: "rocketchat_settings uniqueID, createdAt",
            quantity: Quantity::Instant,
            read: Read::One(|workspace| instant(workspace.installed)),
        },
        Metric {
            name: "rocketchat_migration_version",
            help: "Version number of the database schema.",
            source: "migrations control, version",
            quantity: Quantity::Number,
            read: Read::One(|workspace| workspace.migration.as_ref()?.version.and_then(count)),
        },
        Metric {
            name: "rocketchat_migration_locked",
            help: "Whether a database migration is running or was interrupted; Rocket.Chat does not start while the lock is held.",
            source: "migrations control, locked",
            quantity: Quantity::State,
            read: Read::One(|workspace| Some(state(workspace.migration.as_ref()?.locked))),
        },
        Metric {
            name: "rocketchat_migration_locked_timestamp_seconds",
            help: "Time when the migration lock was last acquired.",
            source: "migrations control, lockedAt",
            quantity: Quantity::Instant,
            read: Read::One(|workspace| instant(workspace.migration.as_ref()?.locked_at)),
        },
    ],
    fields: &[
        Field {
            path: "uniqueId",
            versions: Versions::since(0, 8, 0),
            meaning: "setting uniqueID, the deployment ID",
            origin: Fresh(|workspace| workspace.deployment_id.clone()),
        },
        Field {
            path: "installedAt",
            versions: Versions::since(0, 40, 0),
            meaning: "creation time of the setting uniqueID",
            origin: Fresh(|workspace| workspace.installed_at.clone()),
        },
        Field {
            path: "migration",
            versions: Versions::since(0, 8, 0),
            meaning: "the control document of migrations: _id, version, locked, lockedAt, buildAt",
            origin: Fresh(|workspace| Some(workspace.migration.as_ref()?.document.clone())),
        },
    ],
};

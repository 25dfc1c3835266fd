//! The workspace itself: its identity, a few settings and its migration level.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Timestamp, Value,
    Versions, count, instant, state,
};

/// Identity and settings, as `rocketchat_settings` holds them, and the control document of `migrations`.
///
/// A setting may have any type, so what is only shown is kept as it was found.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// Setting `uniqueID`, which the Info page calls Deployment ID.
    pub deployment_id: Option<Value>,
    /// When that setting was created: a date up to 4.5, a text from 4.6.
    pub installed_at: Option<Value>,
    /// The same as an instant, when it could be read as one.
    pub installed: Option<Timestamp>,
    /// Setting `Site_Url`.
    pub site_url: Option<Value>,
    /// The control document of `migrations`.
    pub migration: Option<Migration>,
    /// The version that the workspace runs, when it is known.
    pub version: Option<String>,
}

/// The control document of `migrations`.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The database schema's number.
    pub version: Option<u64>,
    /// Whether a migration runs now, or was interrupted.
    pub locked: bool,
    /// When the lock was last taken.
    pub locked_at: Option<Timestamp>,
    /// The document as it is stored.
    pub document: Value,
}

fn text(value: Option<&Value>) -> String {
    value
        .and_then(Value::as_text)
        .unwrap_or_default()
        .to_owned()
}

/// Identity, settings and migration level.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "workspace",
    tier: Tier::Normal,
    rank: 1,
    needs_grants: false,
    tells_version: true,
};

pub const SECTION: Table<Workspace> = Table {
    title: "Workspace",
    metrics: &[
        Metric {
            name: "rocketchat_info",
            help: "Identity of the workspace; the version is the configured one, else the one that the newest stored statistics document names, else the first that has the migration number.",
            source: "rocketchat_settings uniqueID and Site_Url; rocketchat_statistics version; migrations control, version",
            quantity: Quantity::Info,
            read: Read::By(&["version", "unique_id", "site_url"], |workspace| {
                vec![Sample {
                    labels: vec![
                        workspace.version.clone().unwrap_or_default().into(),
                        text(workspace.deployment_id.as_ref()).into(),
                        text(workspace.site_url.as_ref()).into(),
                    ],
                    value: 1.0,
                }]
            }),
        },
        Metric {
            name: "rocketchat_installed_timestamp_seconds",
            help: "When the workspace was installed.",
            source: "rocketchat_settings uniqueID, createdAt",
            quantity: Quantity::Instant,
            read: Read::One(|workspace| instant(workspace.installed)),
        },
        Metric {
            name: "rocketchat_migration_version",
            help: "Number of the database schema; it grows when a newer Rocket.Chat starts.",
            source: "migrations control, version",
            quantity: Quantity::Number,
            read: Read::One(|workspace| workspace.migration.as_ref()?.version.and_then(count)),
        },
        Metric {
            name: "rocketchat_migration_locked",
            help: "Whether a database migration runs or was interrupted; Rocket.Chat does not start while it is locked.",
            source: "migrations control, locked",
            quantity: Quantity::State,
            read: Read::One(|workspace| Some(state(workspace.migration.as_ref()?.locked))),
        },
        Metric {
            name: "rocketchat_migration_locked_timestamp_seconds",
            help: "When the migration lock was last taken.",
            source: "migrations control, lockedAt",
            quantity: Quantity::Instant,
            read: Read::One(|workspace| instant(workspace.migration.as_ref()?.locked_at)),
        },
    ],
    fields: &[
        Field {
            path: "uniqueId",
            versions: Versions::since(0, 8, 0),
            meaning: "setting uniqueID, the Deployment ID",
            origin: Fresh(|workspace| workspace.deployment_id.clone()),
        },
        Field {
            path: "installedAt",
            versions: Versions::since(0, 40, 0),
            meaning: "when the setting uniqueID was created",
            origin: Fresh(|workspace| workspace.installed_at.clone()),
        },
        Field {
            path: "migration",
            versions: Versions::since(0, 8, 0),
            meaning: "the control document of migrations, whole: _id, version, locked, lockedAt, buildAt",
            origin: Fresh(|workspace| Some(workspace.migration.as_ref()?.document.clone())),
        },
    ],
};

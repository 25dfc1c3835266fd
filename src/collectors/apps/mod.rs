//! Apps of the Apps-Engine, by what the database records of them.

pub mod query;

use crate::catalogue::Origin::{Fresh, Stored};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions,
};

/// Installed apps by the status that `rocketchat_apps` records; the engine's own view may differ for moments.
#[derive(Debug, Clone, Default)]
pub struct Apps {
    /// `auto_enabled` or `manually_enabled`.
    pub enabled: u64,
    /// `manually_disabled`.
    pub disabled: u64,
    /// Any other status: the app could not be started.
    pub failed: u64,
    /// Apps of the workspace's own, whatever their status.
    pub private: u64,
    /// Those of them that are enabled.
    pub private_enabled: u64,
}

fn number(value: u64) -> Option<Value> {
    Some(Value::count(value))
}

/// Installed apps.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "apps",
    tier: Tier::Normal,
    rank: 11,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Apps> = Table {
    title: "Apps",
    metrics: &[Metric {
        name: "rocketchat_apps",
        help: "Installed apps by recorded state; failed is neither enabled nor disabled by hand.",
        source: "rocketchat_apps by status",
        quantity: Quantity::Count,
        read: Read::By(&["state"], |apps| {
            vec![
                Sample::of("enabled", apps.enabled as f64),
                Sample::of("disabled", apps.disabled as f64),
                Sample::of("failed", apps.failed as f64),
            ]
        }),
    }],
    fields: &[
        Field {
            path: "apps.engineVersion",
            versions: Versions::since(1, 3, 0),
            meaning: "version of the Apps-Engine",
            origin: Stored,
        },
        Field {
            path: "apps.enabled",
            versions: Versions::since(1, 3, 0).until(6, 0, 0),
            meaning: "whether the Apps framework is enabled",
            origin: Stored,
        },
        Field {
            path: "apps.totalInstalled",
            versions: Versions::since(1, 3, 0),
            meaning: "recorded apps",
            origin: Fresh(|apps| number(apps.enabled + apps.disabled + apps.failed)),
        },
        Field {
            path: "apps.totalActive",
            versions: Versions::since(1, 3, 0),
            meaning: "recorded apps that are enabled",
            origin: Fresh(|apps| number(apps.enabled)),
        },
        Field {
            path: "apps.totalFailed",
            versions: Versions::since(3, 8, 0).until(6, 10, 0),
            meaning: "recorded apps that are neither enabled nor disabled by hand",
            origin: Fresh(|apps| number(apps.failed)),
        },
        Field {
            path: "apps.totalFailed",
            versions: Versions::since(6, 10, 0).until(7, 2, 0),
            meaning: "recorded apps that are disabled by hand: these versions count the wrong ones",
            origin: Fresh(|apps| number(apps.disabled)),
        },
        Field {
            path: "apps.totalFailed",
            versions: Versions::since(7, 2, 0),
            meaning: "recorded apps that are neither enabled nor disabled by hand",
            origin: Fresh(|apps| number(apps.failed)),
        },
        Field {
            path: "apps.totalPrivateApps",
            versions: Versions::since(7, 5, 0),
            meaning: "recorded apps of the workspace's own",
            origin: Fresh(|apps| number(apps.private)),
        },
        Field {
            path: "apps.totalPrivateAppsEnabled",
            versions: Versions::since(7, 5, 0),
            meaning: "those of them that are enabled",
            origin: Fresh(|apps| number(apps.private_enabled)),
        },
    ],
};

//! Apps of the Apps-Engine, from `rocketchat_apps`.

pub mod query;

use crate::catalogue::FieldOrigin::{Fresh, Stored};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Versions, count_field,
};

/// Apps by `status`; the engine's own view can differ for moments.
#[derive(Debug, Clone, Default)]
pub struct Apps {
    /// `auto_enabled` or `manually_enabled`.
    pub enabled: u64,
    /// `manually_disabled`.
    pub disabled: u64,
    /// Any other status: the app did not start.
    pub failed: u64,
    /// Apps with `installationSource` `private`.
    pub private: u64,
    /// The enabled ones among these.
    pub private_enabled: u64,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "apps",
    tier: Tier::Normal,
    rank: 11,
    privileges: &[Privilege::find("rocketchat_apps")],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Apps> = SectionDefinition {
    title: "Apps",
    metrics: &[Metric {
        name: "rocketchat_apps",
        help: "Installed apps by recorded state; failed means neither enabled nor manually disabled.",
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
            origin: Fresh(|apps| count_field(apps.enabled + apps.disabled + apps.failed)),
        },
        Field {
            path: "apps.totalActive",
            versions: Versions::since(1, 3, 0),
            meaning: "recorded apps that are enabled",
            origin: Fresh(|apps| count_field(apps.enabled)),
        },
        Field {
            path: "apps.totalFailed",
            versions: Versions::since(3, 8, 0).until(6, 10, 0),
            meaning: "recorded apps that are neither enabled nor manually disabled",
            origin: Fresh(|apps| count_field(apps.failed)),
        },
        Field {
            path: "apps.totalFailed",
            versions: Versions::since(6, 10, 0).until(7, 2, 0),
            meaning: "recorded apps that are manually disabled (a bug of these versions)",
            origin: Fresh(|apps| count_field(apps.disabled)),
        },
        Field {
            path: "apps.totalFailed",
            versions: Versions::since(7, 2, 0),
            meaning: "recorded apps that are neither enabled nor manually disabled",
            origin: Fresh(|apps| count_field(apps.failed)),
        },
        Field {
            path: "apps.totalPrivateApps",
            versions: Versions::since(7, 5, 0),
            meaning: "recorded private apps",
            origin: Fresh(|apps| count_field(apps.private)),
        },
        Field {
            path: "apps.totalPrivateAppsEnabled",
            versions: Versions::since(7, 5, 0),
            meaning: "recorded private apps that are enabled",
            origin: Fresh(|apps| count_field(apps.private_enabled)),
        },
    ],
};

//! Incoming and outgoing webhooks, from `rocketchat_integrations`.

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Versions, count, count_field,
};

/// Webhooks by direction; enabled means `enabled` true.
#[derive(Debug, Clone, Default)]
pub struct Integrations {
    /// Documents of `rocketchat_integrations`.
    pub total: u64,
    /// Type `webhook-incoming`.
    pub incoming: u64,
    /// The enabled ones among these.
    pub incoming_enabled: u64,
    /// Type `webhook-outgoing`.
    pub outgoing: u64,
    /// The enabled ones among these.
    pub outgoing_enabled: u64,
    /// With `scriptEnabled` true.
    pub with_script: u64,
}

fn sample(direction: &'static str, state: &'static str, value: u64) -> Sample {
    Sample {
        labels: vec![direction.into(), state.into()],
        value: value as f64,
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "integrations",
    tier: Tier::Normal,
    rank: 10,
    privileges: &[Privilege::find("rocketchat_integrations")],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Integrations> = SectionDefinition {
    title: "Integrations",
    metrics: &[
        Metric {
            name: "rocketchat_integrations",
            help: "Webhooks by direction and state.",
            source: "rocketchat_integrations by type and enabled",
            quantity: Quantity::Count,
            read: Read::By(&["direction", "state"], |integrations| {
                vec![
                    sample("incoming", "enabled", integrations.incoming_enabled),
                    sample(
                        "incoming",
                        "disabled",
                        integrations.incoming - integrations.incoming_enabled,
                    ),
                    sample("outgoing", "enabled", integrations.outgoing_enabled),
                    sample(
                        "outgoing",
                        "disabled",
                        integrations.outgoing - integrations.outgoing_enabled,
                    ),
                ]
            }),
        },
        Metric {
            name: "rocketchat_integrations_with_script",
            help: "Webhooks that run a script.",
            source: "rocketchat_integrations with scriptEnabled true",
            quantity: Quantity::Count,
            read: Read::One(|integrations| count(integrations.with_script)),
        },
    ],
    fields: &[
        Field {
            path: "integrations.totalIntegrations",
            versions: Versions::since(1, 3, 0),
            meaning: "all integrations",
            origin: Fresh(|integrations| count_field(integrations.total)),
        },
        Field {
            path: "integrations.totalIncoming",
            versions: Versions::since(1, 3, 0),
            meaning: "incoming webhooks",
            origin: Fresh(|integrations| count_field(integrations.incoming)),
        },
        Field {
            path: "integrations.totalIncomingActive",
            versions: Versions::since(1, 3, 0),
            meaning: "enabled incoming webhooks",
            origin: Fresh(|integrations| count_field(integrations.incoming_enabled)),
        },
        Field {
            path: "integrations.totalOutgoing",
            versions: Versions::since(1, 3, 0),
            meaning: "outgoing webhooks",
            origin: Fresh(|integrations| count_field(integrations.outgoing)),
        },
        Field {
            path: "integrations.totalOutgoingActive",
            versions: Versions::since(1, 3, 0),
            meaning: "enabled outgoing webhooks",
            origin: Fresh(|integrations| count_field(integrations.outgoing_enabled)),
        },
        Field {
            path: "integrations.totalWithScriptEnabled",
            versions: Versions::since(1, 3, 0),
            meaning: "integrations with an enabled script",
            origin: Fresh(|integrations| count_field(integrations.with_script)),
        },
    ],
};

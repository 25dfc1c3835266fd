//! Integrations: incoming and outgoing webhooks.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions, count,
};

/// Webhooks by direction; enabled means that `enabled` is exactly true.
#[derive(Debug, Clone, Default)]
pub struct Integrations {
    /// Documents of `rocketchat_integrations`.
    pub total: u64,
    /// Type `webhook-incoming`.
    pub incoming: u64,
    /// Those of them that are enabled.
    pub incoming_enabled: u64,
    /// Type `webhook-outgoing`.
    pub outgoing: u64,
    /// Those of them that are enabled.
    pub outgoing_enabled: u64,
    /// Those whose `scriptEnabled` is exactly true.
    pub with_script: u64,
}

fn number(value: u64) -> Option<Value> {
    Some(Value::count(value))
}

fn sample(direction: &'static str, state: &'static str, value: u64) -> Sample {
    Sample {
        labels: vec![direction.into(), state.into()],
        value: value as f64,
    }
}

/// Webhooks.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "integrations",
    tier: Tier::Normal,
    rank: 10,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Integrations> = Table {
    title: "Integrations",
    metrics: &[
        Metric {
            name: "rocketchat_integrations",
            help: "Webhooks by direction and state.",
            source: "rocketchat_integrations by type and enabled",
            quantity: Quantity::Count,
            read: Read::By(&["direction", "state"], |it| {
                vec![
                    sample("incoming", "enabled", it.incoming_enabled),
                    sample("incoming", "disabled", it.incoming - it.incoming_enabled),
                    sample("outgoing", "enabled", it.outgoing_enabled),
                    sample("outgoing", "disabled", it.outgoing - it.outgoing_enabled),
                ]
            }),
        },
        Metric {
            name: "rocketchat_integrations_with_script",
            help: "Webhooks that run a script.",
            source: "rocketchat_integrations with scriptEnabled true",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.with_script)),
        },
    ],
    fields: &[
        Field {
            path: "integrations.totalIntegrations",
            versions: Versions::since(1, 3, 0),
            meaning: "all integrations",
            origin: Fresh(|it| number(it.total)),
        },
        Field {
            path: "integrations.totalIncoming",
            versions: Versions::since(1, 3, 0),
            meaning: "incoming webhooks",
            origin: Fresh(|it| number(it.incoming)),
        },
        Field {
            path: "integrations.totalIncomingActive",
            versions: Versions::since(1, 3, 0),
            meaning: "incoming webhooks that are enabled",
            origin: Fresh(|it| number(it.incoming_enabled)),
        },
        Field {
            path: "integrations.totalOutgoing",
            versions: Versions::since(1, 3, 0),
            meaning: "outgoing webhooks",
            origin: Fresh(|it| number(it.outgoing)),
        },
        Field {
            path: "integrations.totalOutgoingActive",
            versions: Versions::since(1, 3, 0),
            meaning: "outgoing webhooks that are enabled",
            origin: Fresh(|it| number(it.outgoing_enabled)),
        },
        Field {
            path: "integrations.totalWithScriptEnabled",
            versions: Versions::since(1, 3, 0),
            meaning: "integrations whose script is enabled",
            origin: Fresh(|it| number(it.with_script)),
        },
    ],
};

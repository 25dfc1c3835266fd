//! Omnichannel: the people who ask and the people who answer.

use super::{
    Collector, Field, Metric, Origin::Fresh, Quantity, Read, Snapshot, Table, Value, Versions,
    count,
};

/// Agents, managers and visitors.
#[derive(Debug, Clone)]
pub struct Omnichannel {
    /// Documents of `rocketchat_livechat_visitor`.
    pub visitors: u64,
    /// Accounts with the role `livechat-agent`; `None` when the index on `roles` is missing.
    pub agents: Option<u64>,
    /// Accounts with the role `livechat-manager`; `None` when the index on `roles` is missing.
    pub managers: Option<u64>,
}

pub(super) const SECTION: Table<Omnichannel> = Table {
    collector: Collector::Omnichannel,
    title: "Omnichannel",
    find: |snapshot: &Snapshot| snapshot.omnichannel.as_deref(),
    metrics: &[
        Metric {
            name: "rocketchat_livechat_visitors",
            help: "Visitors that omnichannel ever registered.",
            source: "rocketchat_livechat_visitor: count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| count(omnichannel.visitors)),
        },
        Metric {
            name: "rocketchat_livechat_agents",
            help: "Accounts that are omnichannel agents, deactivated ones included.",
            source: "users with the role livechat-agent",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.agents.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_managers",
            help: "Accounts that are omnichannel managers, deactivated ones included.",
            source: "users with the role livechat-manager",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.managers.and_then(count)),
        },
    ],
    fields: &[
        Field {
            path: "totalLivechatVisitors",
            versions: Versions::since(0, 70, 0),
            meaning: "omnichannel visitors",
            origin: Fresh(|omnichannel| Some(Value::count(omnichannel.visitors))),
        },
        Field {
            path: "totalLivechatAgents",
            versions: Versions::since(0, 74, 0),
            meaning: "accounts with the role livechat-agent",
            origin: Fresh(|omnichannel| omnichannel.agents.map(Value::count)),
        },
        Field {
            path: "totalLivechatManagers",
            versions: Versions::since(6, 0, 0),
            meaning: "accounts with the role livechat-manager",
            origin: Fresh(|omnichannel| omnichannel.managers.map(Value::count)),
        },
    ],
};

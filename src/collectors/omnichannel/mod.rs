//! Omnichannel: the people who ask and the people who answer.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Timestamp, Value,
    Versions, count, instant,
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
    /// Agents who take conversations now: available, activated and not offline.
    pub agents_available: Option<u64>,
    /// Conversations that are open; `None` when the index on `open` is missing.
    pub open: Option<u64>,
    /// When the oldest of them began.
    pub open_since: Option<Timestamp>,
    /// Contacts of the current month in UTC, as the license limits them; `None` where they cannot be counted.
    pub active_contacts: Option<u64>,
    /// Conversations that wait for an agent.
    pub waiting: u64,
    /// When the one that waits longest began to.
    pub waiting_since: Option<Timestamp>,
    /// Documents of `rocketchat_livechat_department`, business units included.
    pub departments: u64,
    /// Those of them that are archived.
    pub archived_departments: u64,
    /// Those of them that are business units.
    pub business_units: u64,
    /// Triggers of the widget.
    pub triggers: u64,
    /// Custom fields.
    pub custom_fields: u64,
    /// Those of them that visitors may fill in.
    pub public_custom_fields: u64,
    /// Tables of business hours.
    pub business_hours: u64,
    /// What exists only with a license for it.
    pub licensed: Option<LicensedOmnichannel>,
}

/// What omnichannel has with the license module livechat-enterprise.
#[derive(Debug, Clone)]
pub struct LicensedOmnichannel {
    /// Tags for conversations.
    pub tags: u64,
    /// Canned responses.
    pub canned_responses: u64,
    /// Priorities (4.6 to 5.x).
    pub priorities: u64,
    /// Service levels (6.0 and later).
    pub service_levels: u64,
    /// Accounts with the role `livechat-monitor`; `None` when the index on `roles` is missing.
    pub monitors: Option<u64>,
}

fn number(value: u64) -> Option<Value> {
    Some(Value::count(value))
}

fn licensed(
    omnichannel: &Omnichannel,
    read: fn(&LicensedOmnichannel) -> Option<u64>,
) -> Option<Value> {
    omnichannel
        .licensed
        .as_ref()
        .and_then(read)
        .map(Value::count)
}

/// Agents and visitors.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "omnichannel",
    tier: Tier::Normal,
    rank: 7,
    needs_grants: true,
    tells_version: false,
};

pub const SECTION: Table<Omnichannel> = Table {
    title: "Omnichannel",
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
            name: "rocketchat_livechat_agents_available",
            help: "Agents who take conversations now: available for livechat, activated and not offline.",
            source: "users with the role livechat-agent: statusLivechat, active, status",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.agents_available.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_open",
            help: "Omnichannel conversations that are open.",
            source: "rocketchat_room: open true, t l",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.open.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_open_since_timestamp_seconds",
            help: "When the oldest of the omnichannel conversations that are open began; absent when none is.",
            source: "rocketchat_room: earliest ts of open true, t l",
            quantity: Quantity::Instant,
            read: Read::One(|omnichannel| instant(omnichannel.open_since)),
        },
        Metric {
            name: "rocketchat_livechat_active_contacts",
            help: "Omnichannel contacts that were active during the current month in UTC, each counted once, as a license limits them; visitors before 7.0.",
            source: "rocketchat_livechat_contact (rocketchat_livechat_visitor before 7.0): index on activity",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.active_contacts.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_waiting",
            help: "Omnichannel conversations that wait for an agent.",
            source: "rocketchat_livechat_inquiry: status queued or ready",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| count(omnichannel.waiting)),
        },
        Metric {
            name: "rocketchat_livechat_waiting_since_timestamp_seconds",
            help: "When the conversation that waits longest for an agent began to; absent when none waits.",
            source: "rocketchat_livechat_inquiry: earliest ts of those that wait",
            quantity: Quantity::Instant,
            read: Read::One(|omnichannel| instant(omnichannel.waiting_since)),
        },
        Metric {
            name: "rocketchat_livechat_managers",
            help: "Accounts that are omnichannel managers, deactivated ones included.",
            source: "users with the role livechat-manager",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.managers.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_departments",
            help: "Departments of omnichannel by state, without business units.",
            source: "rocketchat_livechat_department by archived and type",
            quantity: Quantity::Count,
            read: Read::By(&["state"], |it| {
                let active = it
                    .departments
                    .saturating_sub(it.archived_departments + it.business_units);
                vec![
                    Sample::of("active", active as f64),
                    Sample::of("archived", it.archived_departments as f64),
                ]
            }),
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
        Field {
            path: "departments",
            versions: Versions::since(4, 6, 0),
            meaning: "departments, business units included",
            origin: Fresh(|it| number(it.departments)),
        },
        Field {
            path: "archivedDepartments",
            versions: Versions::since(6, 0, 0),
            meaning: "archived departments",
            origin: Fresh(|it| number(it.archived_departments)),
        },
        Field {
            path: "totalTriggers",
            versions: Versions::since(6, 0, 0),
            meaning: "triggers of the widget",
            origin: Fresh(|it| number(it.triggers)),
        },
        Field {
            path: "totalCustomFields",
            versions: Versions::since(6, 0, 0),
            meaning: "custom fields of omnichannel",
            origin: Fresh(|it| number(it.custom_fields)),
        },
        Field {
            path: "totalLivechatPublicCustomFields",
            versions: Versions::since(6, 8, 0),
            meaning: "those that visitors may fill in",
            origin: Fresh(|it| number(it.public_custom_fields)),
        },
        Field {
            path: "BusinessHours.total",
            versions: Versions::since(4, 6, 0),
            meaning: "tables of business hours",
            origin: Fresh(|it| number(it.business_hours)),
        },
        Field {
            path: "enterprise.livechatTags",
            versions: Versions::since(4, 6, 0),
            meaning: "tags, where the license grants livechat-enterprise",
            origin: Fresh(|it| licensed(it, |it| Some(it.tags))),
        },
        Field {
            path: "enterprise.cannedResponses",
            versions: Versions::since(4, 6, 0),
            meaning: "canned responses, with the same license",
            origin: Fresh(|it| licensed(it, |it| Some(it.canned_responses))),
        },
        Field {
            path: "enterprise.priorities",
            versions: Versions::since(4, 6, 0).until(6, 0, 0),
            meaning: "priorities, with the same license",
            origin: Fresh(|it| licensed(it, |it| Some(it.priorities))),
        },
        Field {
            path: "enterprise.slas",
            versions: Versions::since(6, 0, 0),
            meaning: "service levels, with the same license",
            origin: Fresh(|it| licensed(it, |it| Some(it.service_levels))),
        },
        Field {
            path: "enterprise.businessUnits",
            versions: Versions::since(4, 6, 0),
            meaning: "business units, with the same license",
            origin: Fresh(|it| it.licensed.as_ref().and_then(|_| number(it.business_units))),
        },
        Field {
            path: "enterprise.livechatMonitors",
            versions: Versions::since(6, 0, 0),
            meaning: "accounts with the role livechat-monitor, with the same license",
            origin: Fresh(|it| licensed(it, |it| it.monitors)),
        },
    ],
};

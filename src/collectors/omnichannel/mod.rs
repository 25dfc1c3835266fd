//! Omnichannel: visitors, agents, conversations, departments, from `rocketchat_livechat_*`, `rocketchat_room` and `users`.

pub mod query;

use super::license::LIVECHAT_ENTERPRISE;
use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Timestamp, Value, Versions, count, count_field, instant,
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
    /// Agents who accept conversations: available, activated and not offline.
    pub agents_available: Option<u64>,
    /// Open conversations; `None` when the index on `open` is missing.
    pub open: Option<u64>,
    /// Start time of the oldest open conversation.
    pub open_since: Option<Timestamp>,
    /// Contacts of the current month (UTC), as the license limits them; `None` if they cannot be counted.
    pub active_contacts: Option<u64>,
    /// `rocketchat_livechat_inquiry` with `status` `queued` or `ready`: conversations waiting for an agent.
    pub waiting: u64,
    /// Start time of the one waiting longest.
    pub waiting_since: Option<Timestamp>,
    /// Documents of `rocketchat_livechat_department`, including business units.
    pub departments: u64,
    /// Archived ones among these.
    pub archived_departments: u64,
    /// Business units among these.
    pub business_units: u64,
    /// Triggers of the livechat widget.
    pub triggers: u64,
    /// Custom fields.
    pub custom_fields: u64,
    /// Custom fields that visitors can fill in.
    pub public_custom_fields: u64,
    /// Business hours.
    pub business_hours: u64,
    /// Licensed features; `None` unless the license grants [`LIVECHAT_ENTERPRISE`].
    pub licensed: Option<LicensedOmnichannel>,
}

/// Features that need the license module [`LIVECHAT_ENTERPRISE`].
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

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "omnichannel",
    tier: Tier::Normal,
    rank: 7,
    depends_on_license: true,
    privileges: &[
        Privilege::find("rocketchat_canned_response").licensed(LIVECHAT_ENTERPRISE),
        Privilege::find("rocketchat_livechat_business_hours"),
        Privilege::find("rocketchat_livechat_contact").optional(),
        Privilege::list_indexes("rocketchat_livechat_contact").optional(),
        Privilege::find("rocketchat_livechat_custom_field"),
        Privilege::find("rocketchat_livechat_department"),
        Privilege::find("rocketchat_livechat_inquiry"),
        Privilege::find("rocketchat_livechat_priority").licensed(LIVECHAT_ENTERPRISE),
        Privilege::find("rocketchat_livechat_tag").licensed(LIVECHAT_ENTERPRISE),
        Privilege::find("rocketchat_livechat_trigger"),
        Privilege::find("rocketchat_livechat_visitor"),
        Privilege::list_indexes("rocketchat_livechat_visitor").optional(),
        Privilege::find("rocketchat_omnichannel_service_level_agreements")
            .licensed(LIVECHAT_ENTERPRISE),
        Privilege::find("rocketchat_room"),
        Privilege::list_indexes("rocketchat_room"),
        Privilege::find("users"),
        Privilege::list_indexes("users"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Omnichannel> = SectionDefinition {
    title: "Omnichannel",
    metrics: &[
        Metric {
            name: "rocketchat_livechat_visitors",
            help: "Visitors ever registered by omnichannel.",
            source: "rocketchat_livechat_visitor: count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| count(omnichannel.visitors)),
        },
        Metric {
            name: "rocketchat_livechat_agents",
            help: "Omnichannel agents, including deactivated accounts.",
            source: "users with the role livechat-agent",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.agents.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_agents_available",
            help: "Agents who accept conversations: available for livechat, activated and not offline.",
            source: "users with the role livechat-agent: statusLivechat, active, status",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.agents_available.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_open",
            help: "Open omnichannel conversations.",
            source: "rocketchat_room: open true, t l",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.open.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_open_since_timestamp_seconds",
            help: "Start time of the oldest open omnichannel conversation; absent when none is open.",
            source: "rocketchat_room: earliest ts of open true, t l",
            quantity: Quantity::Instant,
            read: Read::One(|omnichannel| instant(omnichannel.open_since)),
        },
        Metric {
            name: "rocketchat_livechat_active_contacts",
            help: "Omnichannel contacts active in the current month (UTC), each counted once, as the license limits them; visitors before 7.0.",
            source: "rocketchat_livechat_contact (rocketchat_livechat_visitor before 7.0): index on activity",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.active_contacts.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_waiting",
            help: "Omnichannel conversations waiting for an agent.",
            source: "rocketchat_livechat_inquiry: status queued or ready",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| count(omnichannel.waiting)),
        },
        Metric {
            name: "rocketchat_livechat_waiting_since_timestamp_seconds",
            help: "Start time of the omnichannel conversation that has waited longest for an agent; absent when none is waiting.",
            source: "rocketchat_livechat_inquiry: earliest ts of status queued or ready",
            quantity: Quantity::Instant,
            read: Read::One(|omnichannel| instant(omnichannel.waiting_since)),
        },
        Metric {
            name: "rocketchat_livechat_managers",
            help: "Omnichannel managers, including deactivated accounts.",
            source: "users with the role livechat-manager",
            quantity: Quantity::Count,
            read: Read::One(|omnichannel| omnichannel.managers.and_then(count)),
        },
        Metric {
            name: "rocketchat_livechat_departments",
            help: "Omnichannel departments by state, without business units.",
            source: "rocketchat_livechat_department by archived and type",
            quantity: Quantity::Count,
            read: Read::By(&["state"], |omnichannel| {
                let active = omnichannel
                    .departments
                    .saturating_sub(omnichannel.archived_departments + omnichannel.business_units);
                vec![
                    Sample::of("active", active as f64),
                    Sample::of("archived", omnichannel.archived_departments as f64),
                ]
            }),
        },
    ],
    fields: &[
        Field {
            path: "totalLivechatVisitors",
            versions: Versions::since(0, 70, 0),
            meaning: "omnichannel visitors",
            origin: Fresh(|omnichannel| count_field(omnichannel.visitors)),
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
            meaning: "departments, including business units",
            origin: Fresh(|omnichannel| count_field(omnichannel.departments)),
        },
        Field {
            path: "archivedDepartments",
            versions: Versions::since(6, 0, 0),
            meaning: "archived departments",
            origin: Fresh(|omnichannel| count_field(omnichannel.archived_departments)),
        },
        Field {
            path: "totalTriggers",
            versions: Versions::since(6, 0, 0),
            meaning: "triggers of the livechat widget",
            origin: Fresh(|omnichannel| count_field(omnichannel.triggers)),
        },
        Field {
            path: "totalCustomFields",
            versions: Versions::since(6, 0, 0),
            meaning: "custom fields of omnichannel",
            origin: Fresh(|omnichannel| count_field(omnichannel.custom_fields)),
        },
        Field {
            path: "totalLivechatPublicCustomFields",
            versions: Versions::since(6, 8, 0),
            meaning: "custom fields of omnichannel that visitors can fill in",
            origin: Fresh(|omnichannel| count_field(omnichannel.public_custom_fields)),
        },
        Field {
            path: "BusinessHours.total",
            versions: Versions::since(4, 6, 0),
            meaning: "business hours",
            origin: Fresh(|omnichannel| count_field(omnichannel.business_hours)),
        },
        Field {
            path: "enterprise.livechatTags",
            versions: Versions::since(4, 6, 0),
            meaning: "tags, if the license grants livechat-enterprise",
            origin: Fresh(|omnichannel| licensed(omnichannel, |licensed| Some(licensed.tags))),
        },
        Field {
            path: "enterprise.cannedResponses",
            versions: Versions::since(4, 6, 0),
            meaning: "canned responses, if the license grants livechat-enterprise",
            origin: Fresh(|omnichannel| {
                licensed(omnichannel, |licensed| Some(licensed.canned_responses))
            }),
        },
        Field {
            path: "enterprise.priorities",
            versions: Versions::since(4, 6, 0).until(6, 0, 0),
            meaning: "priorities, if the license grants livechat-enterprise",
            origin: Fresh(|omnichannel| {
                licensed(omnichannel, |licensed| Some(licensed.priorities))
            }),
        },
        Field {
            path: "enterprise.slas",
            versions: Versions::since(6, 0, 0),
            meaning: "service levels, if the license grants livechat-enterprise",
            origin: Fresh(|omnichannel| {
                licensed(omnichannel, |licensed| Some(licensed.service_levels))
            }),
        },
        Field {
            path: "enterprise.businessUnits",
            versions: Versions::since(4, 6, 0),
            meaning: "business units, if the license grants livechat-enterprise",
            origin: Fresh(|omnichannel| {
                omnichannel
                    .licensed
                    .as_ref()
                    .and_then(|_| count_field(omnichannel.business_units))
            }),
        },
        Field {
            path: "enterprise.livechatMonitors",
            versions: Versions::since(6, 0, 0),
            meaning: "accounts with the role livechat-monitor, if the license grants livechat-enterprise",
            origin: Fresh(|omnichannel| licensed(omnichannel, |licensed| licensed.monitors)),
        },
    ],
};

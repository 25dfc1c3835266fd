//! Teams, roles, invite links, mailboxes and attributes, from small collections.

pub mod query;

use super::license::ABAC;
use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, count, count_field,
};

/// Counts of small collections.
#[derive(Debug, Clone, Default)]
pub struct Administration {
    /// Documents of `rocketchat_team`.
    pub teams: u64,
    /// `rocketchat_roles` with `scope` `Subscriptions`, which apply to one room.
    pub subscription_roles: u64,
    /// `rocketchat_roles` with `scope` `Users`, which apply to the whole workspace.
    pub user_roles: u64,
    /// `rocketchat_roles` with `protected` false.
    pub custom_roles: u64,
    /// Documents of `rocketchat_invites`.
    pub invites: u64,
    /// Sum of `uses` of `rocketchat_invites`.
    pub invite_uses: f64,
    /// Documents of `rocketchat_email_inbox`.
    pub email_inboxes: u64,
    /// `count` of `rocketchat_analytics` with `type` `seat-request`.
    pub seat_requests: u64,
    /// Documents of `rocketchat_abac_attributes` and their values; `None` unless the license grants `abac`.
    pub attributes: Option<(u64, u64)>,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "administration",
    tier: Tier::Normal,
    rank: 9,
    depends_on_license: true,
    privileges: &[
        Privilege::find("rocketchat_abac_attributes").licensed(ABAC),
        Privilege::find("rocketchat_analytics"),
        Privilege::find("rocketchat_email_inbox"),
        Privilege::find("rocketchat_invites"),
        Privilege::find("rocketchat_roles"),
        Privilege::find("rocketchat_team"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Administration> = SectionDefinition {
    title: "Administration",
    metrics: &[
        Metric {
            name: "rocketchat_teams",
            help: "Teams (3.13 and later).",
            source: "rocketchat_team: count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|administration| count(administration.teams)),
        },
        Metric {
            name: "rocketchat_roles",
            help: "Roles by scope: the whole workspace (users) or a single room (subscriptions).",
            source: "rocketchat_roles by scope",
            quantity: Quantity::Count,
            read: Read::By(&["scope"], |administration| {
                vec![
                    Sample::of("users", administration.user_roles as f64),
                    Sample::of("subscriptions", administration.subscription_roles as f64),
                ]
            }),
        },
        Metric {
            name: "rocketchat_invites",
            help: "Invite links to rooms.",
            source: "rocketchat_invites",
            quantity: Quantity::Count,
            read: Read::One(|administration| count(administration.invites)),
        },
    ],
    fields: &[
        Field {
            path: "teams.totalTeams",
            versions: Versions::since(3, 13, 0).until(4, 6, 0),
            meaning: "teams",
            origin: Fresh(|administration| count_field(administration.teams)),
        },
        Field {
            path: "teams.totalTeams",
            versions: Versions::since(4, 8, 0),
            meaning: "teams; absent in 4.6 and 4.7",
            origin: Fresh(|administration| count_field(administration.teams)),
        },
        Field {
            path: "totalSubscriptionRoles",
            versions: Versions::since(5, 0, 0),
            meaning: "roles with the scope Subscriptions",
            origin: Fresh(|administration| count_field(administration.subscription_roles)),
        },
        Field {
            path: "totalUserRoles",
            versions: Versions::since(5, 0, 0),
            meaning: "roles with the scope Users",
            origin: Fresh(|administration| count_field(administration.user_roles)),
        },
        Field {
            path: "totalCustomRoles",
            versions: Versions::since(6, 1, 0),
            meaning: "roles with protected false",
            origin: Fresh(|administration| count_field(administration.custom_roles)),
        },
        Field {
            path: "totalLinkInvitation",
            versions: Versions::since(4, 8, 0),
            meaning: "invite links to rooms",
            origin: Fresh(|administration| count_field(administration.invites)),
        },
        Field {
            path: "totalLinkInvitationUses",
            versions: Versions::since(4, 8, 0),
            meaning: "uses of all invite links",
            origin: Fresh(|administration| Some(Value::Number(administration.invite_uses))),
        },
        Field {
            path: "emailInboxes",
            versions: Versions::since(4, 6, 0),
            meaning: "mailboxes of omnichannel",
            origin: Fresh(|administration| count_field(administration.email_inboxes)),
        },
        Field {
            path: "enterprise.seatRequests",
            versions: Versions::since(4, 0, 0),
            meaning: "requests for more seats since the statistics before",
            origin: Fresh(|administration| count_field(administration.seat_requests)),
        },
        Field {
            path: "abacTotalAttributes",
            versions: Versions::since(8, 0, 0),
            meaning: "attributes for access control, if the license grants abac",
            origin: Fresh(|administration| {
                administration
                    .attributes
                    .and_then(|(attributes, _)| count_field(attributes))
            }),
        },
        Field {
            path: "abacTotalAttributeValues",
            versions: Versions::since(8, 0, 0),
            meaning: "values of all attributes for access control, if the license grants abac",
            origin: Fresh(|administration| {
                administration
                    .attributes
                    .and_then(|(_, values)| count_field(values))
            }),
        },
    ],
};

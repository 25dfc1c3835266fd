//! What administrators set up: teams, roles, invitations, mailboxes, attributes.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions, count,
};

/// Counts of small collections.
#[derive(Debug, Clone, Default)]
pub struct Administration {
    /// Documents of `rocketchat_team`.
    pub teams: u64,
    /// Roles of subscriptions: what somebody is within one room.
    pub subscription_roles: u64,
    /// Roles of users: what somebody is everywhere.
    pub user_roles: u64,
    /// Roles that the workspace made.
    pub custom_roles: u64,
    /// Links that invite to a room.
    pub invites: u64,
    /// How many times such links were used.
    pub invite_uses: f64,
    /// Mailboxes that omnichannel reads.
    pub email_inboxes: u64,
    /// Requests for more seats since Rocket.Chat last made statistics.
    pub seat_requests: u64,
    /// Attributes for access control and their values; `None` without a license for them.
    pub attributes: Option<(u64, u64)>,
}

fn number(value: u64) -> Option<Value> {
    Some(Value::count(value))
}

/// Teams, roles, invitations.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "administration",
    tier: Tier::Normal,
    rank: 9,
    needs_grants: true,
    tells_version: false,
};

pub const SECTION: Table<Administration> = Table {
    title: "Administration",
    metrics: &[
        Metric {
            name: "rocketchat_teams",
            help: "Teams (3.13 and later).",
            source: "rocketchat_team: count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.teams)),
        },
        Metric {
            name: "rocketchat_roles",
            help: "Roles by what they are about: all the workspace, or one room.",
            source: "rocketchat_roles by scope",
            quantity: Quantity::Count,
            read: Read::By(&["scope"], |it| {
                vec![
                    Sample::of("users", it.user_roles as f64),
                    Sample::of("subscriptions", it.subscription_roles as f64),
                ]
            }),
        },
        Metric {
            name: "rocketchat_invites",
            help: "Links that invite to a room.",
            source: "rocketchat_invites",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.invites)),
        },
    ],
    fields: &[
        Field {
            path: "teams.totalTeams",
            versions: Versions::since(3, 13, 0).until(4, 6, 0),
            meaning: "teams",
            origin: Fresh(|it| number(it.teams)),
        },
        Field {
            path: "teams.totalTeams",
            versions: Versions::since(4, 8, 0),
            meaning: "teams; 4.6 and 4.7 have none of it",
            origin: Fresh(|it| number(it.teams)),
        },
        Field {
            path: "totalSubscriptionRoles",
            versions: Versions::since(5, 0, 0),
            meaning: "roles of the scope Subscriptions",
            origin: Fresh(|it| number(it.subscription_roles)),
        },
        Field {
            path: "totalUserRoles",
            versions: Versions::since(5, 0, 0),
            meaning: "roles of the scope Users",
            origin: Fresh(|it| number(it.user_roles)),
        },
        Field {
            path: "totalCustomRoles",
            versions: Versions::since(6, 1, 0),
            meaning: "roles whose field protected is false",
            origin: Fresh(|it| number(it.custom_roles)),
        },
        Field {
            path: "totalLinkInvitation",
            versions: Versions::since(4, 8, 0),
            meaning: "links that invite to a room",
            origin: Fresh(|it| number(it.invites)),
        },
        Field {
            path: "totalLinkInvitationUses",
            versions: Versions::since(4, 8, 0),
            meaning: "how many times such links were used",
            origin: Fresh(|it| Some(Value::Number(it.invite_uses))),
        },
        Field {
            path: "emailInboxes",
            versions: Versions::since(4, 6, 0),
            meaning: "mailboxes that omnichannel reads",
            origin: Fresh(|it| number(it.email_inboxes)),
        },
        Field {
            path: "enterprise.seatRequests",
            versions: Versions::since(4, 0, 0),
            meaning: "requests for more seats since Rocket.Chat last made statistics",
            origin: Fresh(|it| number(it.seat_requests)),
        },
        Field {
            path: "abacTotalAttributes",
            versions: Versions::since(8, 0, 0),
            meaning: "attributes for access control, where the license grants abac",
            origin: Fresh(|it| it.attributes.and_then(|(attributes, _)| number(attributes))),
        },
        Field {
            path: "abacTotalAttributeValues",
            versions: Versions::since(8, 0, 0),
            meaning: "their values, where the license grants abac",
            origin: Fresh(|it| it.attributes.and_then(|(_, values)| number(values))),
        },
    ],
};

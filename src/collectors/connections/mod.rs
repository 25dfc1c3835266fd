//! People and accounts connected now, from `usersSessions` (live instances only) and `users`.

pub mod live;
pub mod query;

use crate::catalogue::{
    CollectorDefinition, Metric, Privilege, Quantity, Read, SectionDefinition, Tier, count,
};

/// Connections of live instances; those left behind by a crashed one are not counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Connections {
    /// Distinct accounts with a connection that are neither bots nor apps.
    pub people: u64,
    /// Connections of accounts of every kind.
    pub connections: u64,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "connections",
    tier: Tier::Normal,
    rank: 5,
    privileges: &[
        Privilege::find("instances"),
        Privilege::find("users"),
        Privilege::find("usersSessions"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Connections> = SectionDefinition {
    title: "Connections",
    metrics: &[
        Metric {
            name: "rocketchat_people_connected",
            help: "People connected to a live instance; bots, apps and connections left behind by a crash are not counted.",
            source: "usersSessions with connections to live instances; users whose type is neither bot nor app",
            quantity: Quantity::Count,
            read: Read::One(|connections| count(connections.people)),
        },
        Metric {
            name: "rocketchat_user_connections",
            help: "Connections of logged-in accounts to live instances.",
            source: "usersSessions: connections to live instances",
            quantity: Quantity::Count,
            read: Read::One(|connections| count(connections.connections)),
        },
    ],
    fields: &[],
};

//! Who is connected right now, by the live connections themselves: people, and not bots or apps.

pub mod query;

use crate::catalogue::{CollectorDefinition, Metric, Quantity, Read, Table, Tier, count};

/// Connections that belong to live instances; those that a crashed one left behind do not count.
#[derive(Debug, Clone, PartialEq)]
pub struct Connections {
    /// Different people with a connection: accounts that are neither bots nor apps.
    pub people: u64,
    /// Connections of logged-in accounts of every kind.
    pub connections: u64,
}

/// People with live connections.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "connections",
    tier: Tier::Normal,
    rank: 5,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Connections> = Table {
    title: "Connections",
    metrics: &[
        Metric {
            name: "rocketchat_people_connected",
            help: "People with a connection to a live instance; bots, apps and connections that a crash left behind do not count.",
            source: "usersSessions with connections to live instances, users of no type bot or app",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.people)),
        },
        Metric {
            name: "rocketchat_user_connections",
            help: "Connections of logged-in accounts to live instances.",
            source: "usersSessions: connections to live instances",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.connections)),
        },
    ],
    fields: &[],
};

//! Presence of accounts, from `users`: the visible `status`, and `statusConnection`.

pub mod live;
pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, count_field, difference_field,
};

/// Accounts in each state that is not offline.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Presences {
    /// Online.
    pub online: u64,
    /// Away.
    pub away: u64,
    /// Busy.
    pub busy: u64,
}

/// Presence of all accounts, including bots and apps.
#[derive(Debug, Clone, PartialEq)]
pub struct Presence {
    /// All accounts.
    pub accounts: u64,
    /// By `status`, which others see and the user can choose.
    pub shown: Presences,
    /// By `statusConnection`, the best state of the account's connections.
    pub connected: Presences,
}

impl Presences {
    /// Accounts in the three states.
    pub fn sum(&self) -> u64 {
        self.online + self.away + self.busy
    }
}

impl Presence {
    /// Accounts in none of the three states, computed as a remainder as in Rocket.Chat; `None` where that is negative,
    /// because accounts were removed between the queries or have several states.
    fn offline(&self) -> Option<u64> {
        self.accounts.checked_sub(self.shown.sum())
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "presence",
    tier: Tier::Fast,
    rank: 1,
    privileges: &[Privilege::find("users"), Privilege::list_indexes("users")],
    minimal_metrics: &["rocketchat_users"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Presence> = SectionDefinition {
    title: "Presence",
    metrics: &[
        Metric {
            name: "rocketchat_users",
            help: "Accounts by visible presence, including bots and apps; the values add up to all accounts. Administrators can make users appear offline (9.0 and later).",
            source: "users: index on status; offline is the rest of all accounts",
            quantity: Quantity::Count,
            read: Read::By(&["presence"], |presence| {
                let mut samples = vec![
                    Sample::of("online", presence.shown.online as f64),
                    Sample::of("away", presence.shown.away as f64),
                    Sample::of("busy", presence.shown.busy as f64),
                ];
                let offline = presence.offline();
                samples.extend(offline.map(|offline| Sample::of("offline", offline as f64)));
                samples
            }),
        },
        Metric {
            name: "rocketchat_users_connected",
            help: "Accounts with an open connection, by the best state of their connections; unlike presence this includes invisible users.",
            source: "users: index on statusConnection",
            quantity: Quantity::Count,
            read: Read::By(&["connection"], |presence| {
                vec![
                    Sample::of("online", presence.connected.online as f64),
                    Sample::of("away", presence.connected.away as f64),
                    Sample::of("busy", presence.connected.busy as f64),
                ]
            }),
        },
    ],
    fields: &[
        Field {
            path: "totalUsers",
            versions: Versions::since(0, 8, 0),
            meaning: "accounts of every kind and state",
            origin: Fresh(|presence| count_field(presence.accounts)),
        },
        Field {
            path: "onlineUsers",
            versions: Versions::since(0, 8, 0).until(3, 12, 0),
            meaning: "accounts whose statusConnection is online",
            origin: Fresh(|presence| count_field(presence.connected.online)),
        },
        Field {
            path: "onlineUsers",
            versions: Versions::since(3, 12, 0),
            meaning: "accounts whose status is online",
            origin: Fresh(|presence| count_field(presence.shown.online)),
        },
        Field {
            path: "awayUsers",
            versions: Versions::since(0, 8, 0).until(3, 12, 0),
            meaning: "accounts whose statusConnection is away",
            origin: Fresh(|presence| count_field(presence.connected.away)),
        },
        Field {
            path: "awayUsers",
            versions: Versions::since(3, 12, 0),
            meaning: "accounts whose status is away",
            origin: Fresh(|presence| count_field(presence.shown.away)),
        },
        Field {
            path: "busyUsers",
            versions: Versions::since(3, 11, 0).until(3, 12, 0),
            meaning: "accounts whose statusConnection is busy",
            origin: Fresh(|presence| count_field(presence.connected.busy)),
        },
        Field {
            path: "busyUsers",
            versions: Versions::since(3, 12, 0),
            meaning: "accounts whose status is busy",
            origin: Fresh(|presence| count_field(presence.shown.busy)),
        },
        Field {
            path: "totalConnectedUsers",
            versions: Versions::since(1, 0, 0).until(3, 12, 0),
            meaning: "sum of onlineUsers and awayUsers, without busy ones",
            origin: Fresh(|presence| {
                Some(Value::count(
                    presence.connected.online + presence.connected.away,
                ))
            }),
        },
        Field {
            path: "totalConnectedUsers",
            versions: Versions::since(3, 12, 0),
            meaning: "sum of onlineUsers and awayUsers, without busy ones",
            origin: Fresh(|presence| {
                Some(Value::count(presence.shown.online + presence.shown.away))
            }),
        },
        Field {
            path: "offlineUsers",
            versions: Versions::since(0, 8, 0).until(3, 11, 0),
            meaning: "totalUsers minus onlineUsers and awayUsers",
            origin: Fresh(|presence| {
                let connected = presence.connected;
                difference_field(presence.accounts, connected.online + connected.away)
            }),
        },
        Field {
            path: "offlineUsers",
            versions: Versions::since(3, 11, 0).until(3, 12, 0),
            meaning: "totalUsers minus onlineUsers, awayUsers and busyUsers",
            origin: Fresh(|presence| difference_field(presence.accounts, presence.connected.sum())),
        },
        Field {
            path: "offlineUsers",
            versions: Versions::since(3, 12, 0),
            meaning: "totalUsers minus onlineUsers, awayUsers and busyUsers",
            origin: Fresh(|presence| difference_field(presence.accounts, presence.shown.sum())),
        },
    ],
};

//! When something last happened: a login, a message, a reading.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Table, Tier, Timestamp, Value, Versions,
    instant,
};

/// The newest instants of three kinds.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// Newest `lastLogin` of `users`.
    pub last_login: Newest,
    /// Newest `ts` of `rocketchat_message`, system messages included.
    pub last_message: Newest,
    /// Newest `ls` of `rocketchat_subscription`.
    pub last_seen: Newest,
}

/// The newest of some instants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Newest {
    /// Not looked for, because the index that makes it cheap is missing.
    #[default]
    Unknown,
    /// There is none.
    Never,
    /// This one.
    At(Timestamp),
}

impl Newest {
    fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::At(timestamp) => Some(timestamp),
            Self::Unknown | Self::Never => None,
        }
    }

    /// As a date; undefined when there is none.
    fn date(self) -> Option<Value> {
        match self {
            Self::Unknown => None,
            Self::Never => Some(Value::Undefined),
            Self::At(timestamp) => Some(Value::Date(timestamp)),
        }
    }

    /// The text that newer versions store instead; empty when there is none.
    fn date_text(self) -> Option<Value> {
        match self {
            Self::Unknown => None,
            Self::Never => Some(Value::text("")),
            Self::At(timestamp) => Some(Value::DateText(timestamp)),
        }
    }
}

/// Latest login, message and reading.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "activity",
    tier: Tier::Normal,
    rank: 4,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Activity> = Table {
    title: "Activity",
    metrics: &[
        Metric {
            name: "rocketchat_last_login_timestamp_seconds",
            help: "When somebody last logged in.",
            source: "users: newest lastLogin",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_login.timestamp())),
        },
        Metric {
            name: "rocketchat_last_message_timestamp_seconds",
            help: "When the newest message was sent; system messages count.",
            source: "rocketchat_message: newest ts",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_message.timestamp())),
        },
        Metric {
            name: "rocketchat_last_seen_timestamp_seconds",
            help: "When somebody last read a room.",
            source: "rocketchat_subscription: newest ls",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_seen.timestamp())),
        },
    ],
    fields: &[
        Field {
            path: "lastLogin",
            versions: Versions::since(0, 8, 0).until(6, 2, 0),
            meaning: "newest lastLogin of all accounts",
            origin: Fresh(|activity| activity.last_login.date()),
        },
        Field {
            path: "lastLogin",
            versions: Versions::since(6, 2, 0),
            meaning: "newest lastLogin of all accounts, as JavaScript writes a date, or an empty text",
            origin: Fresh(|activity| activity.last_login.date_text()),
        },
        Field {
            path: "lastMessageSentAt",
            versions: Versions::since(0, 8, 0),
            meaning: "newest ts of all messages, system messages included",
            origin: Fresh(|activity| activity.last_message.date()),
        },
        Field {
            path: "lastSeenSubscription",
            versions: Versions::since(0, 8, 0).until(6, 1, 0),
            meaning: "newest ls of all subscriptions",
            origin: Fresh(|activity| activity.last_seen.date()),
        },
        Field {
            path: "lastSeenSubscription",
            versions: Versions::since(6, 1, 0),
            meaning: "newest ls of all subscriptions, as JavaScript writes a date, or an empty text",
            origin: Fresh(|activity| activity.last_seen.date_text()),
        },
    ],
};

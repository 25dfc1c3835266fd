//! Times of the newest login, message and read room.

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, SectionDefinition, Tier,
    Timestamp, Value, Versions, instant,
};

/// The newest dates of three collections.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// LatestDate `lastLogin` of `users`.
    pub last_login: LatestDate,
    /// LatestDate `ts` of `rocketchat_message`, including system messages.
    pub last_message: LatestDate,
    /// LatestDate `ls` of `rocketchat_subscription`.
    pub last_seen: LatestDate,
}

/// The newest date of a collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LatestDate {
    /// Not read, because the index is missing.
    #[default]
    Unknown,
    /// The collection has none.
    Never,
    /// The date.
    At(Timestamp),
}

impl LatestDate {
    fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::At(timestamp) => Some(timestamp),
            Self::Unknown | Self::Never => None,
        }
    }

    /// As a date; undefined without one.
    fn date(self) -> Option<Value> {
        match self {
            Self::Unknown => None,
            Self::Never => Some(Value::Undefined),
            Self::At(timestamp) => Some(Value::Date(timestamp)),
        }
    }

    /// As the string that newer versions store; empty without a date.
    fn date_text(self) -> Option<Value> {
        match self {
            Self::Unknown => None,
            Self::Never => Some(Value::text("")),
            Self::At(timestamp) => Some(Value::DateText(timestamp)),
        }
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "activity",
    tier: Tier::Normal,
    rank: 4,
    privileges: &[
        Privilege::find("rocketchat_message"),
        Privilege::list_indexes("rocketchat_message"),
        Privilege::find("rocketchat_subscription"),
        Privilege::list_indexes("rocketchat_subscription"),
        Privilege::find("users"),
        Privilege::list_indexes("users"),
    ],
    minimal_metrics: &["rocketchat_last_seen_timestamp_seconds"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Activity> = SectionDefinition {
    title: "Activity",
    metrics: &[
        Metric {
            name: "rocketchat_last_login_timestamp_seconds",
            help: "Time of the newest login.",
            source: "users: newest lastLogin",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_login.timestamp())),
        },
        Metric {
            name: "rocketchat_last_message_timestamp_seconds",
            help: "Time of the newest message, including system messages.",
            source: "rocketchat_message: newest ts",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_message.timestamp())),
        },
        Metric {
            name: "rocketchat_last_seen_timestamp_seconds",
            help: "Time when a user last read a room.",
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
            meaning: "newest lastLogin of all accounts as a JavaScript date string; empty without one",
            origin: Fresh(|activity| activity.last_login.date_text()),
        },
        Field {
            path: "lastMessageSentAt",
            versions: Versions::since(0, 8, 0),
            meaning: "newest ts of all messages, including system messages",
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
            meaning: "newest ls of all subscriptions as a JavaScript date string; empty without one",
            origin: Fresh(|activity| activity.last_seen.date_text()),
        },
    ],
};

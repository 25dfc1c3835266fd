//! When something last happened: a login, a message, a reading.

use super::{
    Collector, Field, Metric, Origin::Fresh, Quantity, Read, Snapshot, Table, Timestamp, Value,
    Versions, instant,
};

/// The newest instants; `None` when there is none, or when the index that makes it cheap is missing.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// Newest `lastLogin` of `users`.
    pub last_login: Option<Timestamp>,
    /// Newest `ts` of `rocketchat_message`, system messages included.
    pub last_message: Option<Timestamp>,
    /// Newest `ls` of `rocketchat_subscription`.
    pub last_seen: Option<Timestamp>,
}

/// The text that newer versions store instead of a date; empty when there is none.
fn date_text(timestamp: Option<Timestamp>) -> Option<Value> {
    Some(timestamp.map_or_else(|| Value::text(""), Value::DateText))
}

pub(super) const SECTION: Table<Activity> = Table {
    collector: Collector::Activity,
    title: "Activity",
    find: |snapshot: &Snapshot| snapshot.activity.as_deref(),
    metrics: &[
        Metric {
            name: "rocketchat_last_login_timestamp_seconds",
            help: "When somebody last logged in.",
            source: "users: newest lastLogin",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_login)),
        },
        Metric {
            name: "rocketchat_last_message_timestamp_seconds",
            help: "When the newest message was sent; system messages count.",
            source: "rocketchat_message: newest ts",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_message)),
        },
        Metric {
            name: "rocketchat_last_seen_timestamp_seconds",
            help: "When somebody last read a room.",
            source: "rocketchat_subscription: newest ls",
            quantity: Quantity::Instant,
            read: Read::One(|activity| instant(activity.last_seen)),
        },
    ],
    fields: &[
        Field {
            path: "lastLogin",
            versions: Versions::since(0, 8, 0).until(6, 2, 0),
            meaning: "newest lastLogin of all accounts",
            origin: Fresh(|activity| activity.last_login.map(Value::Date)),
        },
        Field {
            path: "lastLogin",
            versions: Versions::since(6, 2, 0),
            meaning: "newest lastLogin of all accounts, as JavaScript writes a date, or an empty text",
            origin: Fresh(|activity| date_text(activity.last_login)),
        },
        Field {
            path: "lastMessageSentAt",
            versions: Versions::since(0, 8, 0),
            meaning: "newest ts of all messages, system messages included",
            origin: Fresh(|activity| activity.last_message.map(Value::Date)),
        },
        Field {
            path: "lastSeenSubscription",
            versions: Versions::since(0, 8, 0).until(6, 1, 0),
            meaning: "newest ls of all subscriptions",
            origin: Fresh(|activity| activity.last_seen.map(Value::Date)),
        },
        Field {
            path: "lastSeenSubscription",
            versions: Versions::since(6, 1, 0),
            meaning: "newest ls of all subscriptions, as JavaScript writes a date, or an empty text",
            origin: Fresh(|activity| date_text(activity.last_seen)),
        },
    ],
};

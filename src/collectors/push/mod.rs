//! Notifications that wait to be sent.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Timestamp, Value,
    Versions, count, instant,
};

/// The queue of mobile, desktop and e-mail notifications.
#[derive(Debug, Clone, Default)]
pub struct Push {
    /// Documents of `rocketchat_notification_queue`, which expire after two hours; before 3.2 of `_raix_push_notifications`.
    pub queued: u64,
    /// When the oldest of those came that have not failed.
    pub oldest: Option<Timestamp>,
    /// Those that an instance began to send within five minutes; `None` where that cannot be counted.
    pub sending: Option<u64>,
    /// Those that it began to send before that.
    pub stuck: Option<u64>,
    /// Those that could not be sent.
    pub failed: Option<u64>,
}

/// Notifications that wait to be sent.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "push",
    tier: Tier::Normal,
    rank: 12,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Push> = Table {
    title: "Notifications",
    metrics: &[
        Metric {
            name: "rocketchat_notification_queue",
            help: "Notifications in the queue; entries expire after two hours, so a number that stays high means that sending fails.",
            source: "rocketchat_notification_queue (before 3.2 _raix_push_notifications): count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|push| count(push.queued)),
        },
        Metric {
            name: "rocketchat_notification_queue_oldest_timestamp_seconds",
            help: "When the oldest notification of the queue came, without those that failed; absent while the queue is empty. What waits for hours is lost when it expires.",
            source: "rocketchat_notification_queue: index on ts, earliest without error",
            quantity: Quantity::Instant,
            read: Read::One(|push| instant(push.oldest)),
        },
        Metric {
            name: "rocketchat_notification_queue_with_state",
            help: "Notifications of the queue that are being sent, that are stuck because sending began more than five minutes ago, or that failed and are not tried again.",
            source: "rocketchat_notification_queue: indexes on sending and error",
            quantity: Quantity::Count,
            read: Read::By(&["state"], |push| {
                let counts = [
                    ("sending", push.sending),
                    ("stuck", push.stuck),
                    ("failed", push.failed),
                ];
                counts
                    .into_iter()
                    .filter_map(|(state, number)| Some(Sample::of(state, number? as f64)))
                    .collect()
            }),
        },
    ],
    fields: &[Field {
        path: "pushQueue",
        versions: Versions::since(3, 1, 0),
        meaning: "notifications in the queue",
        origin: Fresh(|push| Some(Value::count(push.queued))),
    }],
};

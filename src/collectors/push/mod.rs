//! The notification queue, from `rocketchat_notification_queue` (before 3.2 `_raix_push_notifications`).

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Timestamp, Versions, count, count_field, instant,
};

/// The queue of mobile, desktop and e-mail notifications.
#[derive(Debug, Clone, Default)]
pub struct Push {
    /// Documents of `rocketchat_notification_queue`, which expire after two hours; before 3.2 of `_raix_push_notifications`.
    pub queued: u64,
    /// Time of the oldest notification that has not failed.
    pub oldest: Option<Timestamp>,
    /// Being sent for less than five minutes; `None` if they cannot be counted.
    pub sending: Option<u64>,
    /// Being sent for longer.
    pub stuck: Option<u64>,
    /// With an error.
    pub failed: Option<u64>,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "push",
    tier: Tier::Normal,
    rank: 12,
    privileges: &[
        Privilege::find("_raix_push_notifications").before_3_2(),
        Privilege::find("rocketchat_notification_queue"),
        Privilege::list_indexes("rocketchat_notification_queue").optional(),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Push> = SectionDefinition {
    title: "Notifications",
    metrics: &[
        Metric {
            name: "rocketchat_notification_queue",
            help: "Notifications in the queue. They expire after two hours, so a value that stays high means that sending fails.",
            source: "rocketchat_notification_queue (before 3.2 _raix_push_notifications): count in the collection's metadata",
            quantity: Quantity::Count,
            read: Read::One(|push| count(push.queued)),
        },
        Metric {
            name: "rocketchat_notification_queue_oldest_timestamp_seconds",
            help: "Time when the oldest notification that has not failed was queued; absent when there is none. Notifications expire unsent after two hours.",
            source: "rocketchat_notification_queue: index on ts, earliest without error",
            quantity: Quantity::Instant,
            read: Read::One(|push| instant(push.oldest)),
        },
        Metric {
            name: "rocketchat_notification_queue_with_state",
            help: "Notifications being sent, stuck (sending started more than five minutes ago) or failed (not retried).",
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
        origin: Fresh(|push| count_field(push.queued)),
    }],
};

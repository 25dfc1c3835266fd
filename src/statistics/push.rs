//! Notifications that wait to be sent.

use super::{
    Collector, Field, Metric, Origin::Fresh, Quantity, Read, Snapshot, Table, Value, Versions,
    count,
};

/// The queue of mobile, desktop and e-mail notifications.
#[derive(Debug, Clone)]
pub struct Push {
    /// Documents of `rocketchat_notification_queue`, which expire after two hours; before 3.2 of `_raix_push_notifications`.
    pub queued: u64,
}

pub(super) const SECTION: Table<Push> = Table {
    collector: Collector::Push,
    title: "Notifications",
    find: |snapshot: &Snapshot| snapshot.push.as_deref(),
    metrics: &[Metric {
        name: "rocketchat_notification_queue",
        help: "Notifications in the queue; entries expire after two hours, so a number that stays high means that sending fails.",
        source: "rocketchat_notification_queue (before 3.2 _raix_push_notifications): count in the collection's metadata",
        quantity: Quantity::Count,
        read: Read::One(|push| count(push.queued)),
    }],
    fields: &[Field {
        path: "pushQueue",
        versions: Versions::since(3, 1, 0),
        meaning: "notifications in the queue",
        origin: Fresh(|push| Some(Value::count(push.queued))),
    }],
};

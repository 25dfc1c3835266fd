//! The notification queue, by its indexes.

use mongodb::bson::{DateTime, Document, doc};

use super::Push;
use crate::catalogue::{Timestamp, Version};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

/// The first version with `rocketchat_notification_queue`; earlier ones use a queue of Meteor.
const OWN_PUSH_QUEUE: Version = Version::new(3, 2, 0);

const QUEUE: &str = "rocketchat_notification_queue";

/// Milliseconds after which Rocket.Chat considers a notification that is being sent as abandoned.
const SENDING_TIMEOUT_MILLISECONDS: i64 = 5 * 60_000;

pub async fn read(query: &mut QueryContext<'_>, known: &Snapshot) -> Result<Push, SourceError> {
    let has_own_queue = known
        .version()
        .is_none_or(|version| version >= OWN_PUSH_QUEUE);
    if !has_own_queue {
        let queued = query.document_count("_raix_push_notifications").await?;
        return Ok(Push {
            queued,
            ..Push::default()
        });
    }
    let expired = DateTime::from_millis(
        query
            .now()
            .await?
            .0
            .saturating_sub(SENDING_TIMEOUT_MILLISECONDS),
    );
    let mut count = async |key: &'static str, condition: Document| {
        query
            .detail_count(QUEUE, key, doc! { key: condition })
            .await
    };
    Ok(Push {
        sending: count("sending", doc! { "$gt": expired }).await?,
        stuck: count("sending", doc! { "$lte": expired }).await?,
        failed: count("error", doc! { "$exists": true }).await?,
        oldest: oldest_notification(query).await?,
        queued: query.document_count(QUEUE).await?,
    })
}

/// Time of the oldest notification that has not failed.
async fn oldest_notification(
    query: &mut QueryContext<'_>,
) -> Result<Option<Timestamp>, SourceError> {
    let Access::Granted(hint) = query.detail_access(QUEUE, "ts").await? else {
        return Ok(None);
    };
    let pipeline = vec![
        doc! { "$match": { "ts": { "$gte": DateTime::MIN }, "error": { "$exists": false } } },
        doc! { "$sort": { "ts": 1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "ts": 1 } },
    ];
    let oldest = query.aggregate(QUEUE, pipeline, hint).await?;
    Ok(oldest
        .first()
        .and_then(|notification| bson::timestamp(notification.get("ts"))))
}

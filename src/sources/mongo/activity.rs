//! Activity: the last entry of one index in each of three collections.

use mongodb::bson::{DateTime, doc};

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{Activity, Newest};

pub async fn read(question: &mut Question<'_>) -> Result<Activity, SourceError> {
    Ok(Activity {
        last_login: newest(question, "users", "lastLogin").await?,
        last_message: newest(question, "rocketchat_message", "ts").await?,
        last_seen: newest(question, "rocketchat_subscription", "ls").await?,
    })
}

/// The newest date that `field` has in `collection`.
async fn newest(
    question: &mut Question<'_>,
    collection: &'static str,
    field: &'static str,
) -> Result<Newest, SourceError> {
    let hint = match question.access(collection, field).await? {
        Access::Index(hint) => Some(hint),
        Access::SmallScan => None,
        Access::Refused => return Ok(Newest::Unknown),
    };
    let pipeline = vec![
        // The range holds dates only, so that a stray text or number is never taken for the newest.
        doc! { "$match": { field: { "$lte": DateTime::MAX } } },
        doc! { "$sort": { field: -1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "_id": 0, field: 1 } },
    ];
    let newest = question.aggregate(collection, pipeline, hint).await?;
    Ok(newest
        .first()
        .and_then(|document| convert::timestamp(document.get(field)))
        .map_or(Newest::Never, Newest::At))
}

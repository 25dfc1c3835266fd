//! Activity: the last entry of an index of `users`, `rocketchat_message` and `rocketchat_subscription`.

use super::{Activity, LatestDate};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError};

pub async fn read(question: &mut QueryContext<'_>, _: &Snapshot) -> Result<Activity, SourceError> {
    Ok(Activity {
        last_login: newest(question, "users", "lastLogin").await?,
        last_message: newest(question, "rocketchat_message", "ts").await?,
        last_seen: newest(question, "rocketchat_subscription", "ls").await?,
    })
}

/// The newest date of a field.
async fn newest(
    question: &mut QueryContext<'_>,
    collection: &'static str,
    field: &'static str,
) -> Result<LatestDate, SourceError> {
    let Access::Granted(hint) = question.access(collection, field).await? else {
        return Ok(LatestDate::Unknown);
    };
    let newest = question.newest_date(collection, field, hint).await?;
    Ok(newest.map_or(LatestDate::Never, LatestDate::At))
}

//! Activity: the last entry of an index of `users`, `rocketchat_message` and `rocketchat_subscription`.

use super::{Activity, LatestDate};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError};

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Activity, SourceError> {
    Ok(Activity {
        last_login: newest(query, "users", "lastLogin").await?,
        last_message: newest(query, "rocketchat_message", "ts").await?,
        last_seen: newest(query, "rocketchat_subscription", "ls").await?,
    })
}

/// The newest date of a field.
async fn newest(
    query: &mut QueryContext<'_>,
    collection: &'static str,
    field: &'static str,
) -> Result<LatestDate, SourceError> {
    let Access::Granted(hint) = query.access(collection, field).await? else {
        return Ok(LatestDate::Unknown);
    };
    let newest = query.newest_date(collection, field, hint).await?;
    Ok(newest.map_or(LatestDate::Never, LatestDate::At))
}

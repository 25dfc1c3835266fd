//! Apps: one pass over `rocketchat_apps`.

use mongodb::bson::{Bson, doc};

use super::Apps;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Apps, SourceError> {
    let known = ["auto_enabled", "manually_enabled", "manually_disabled"];
    let is_known = doc! { "$in": ["$status", known.as_slice()] };
    // Rocket.Chat compares in JavaScript, where a list equals no text.
    let is_private = doc! { "$eq": ["$installationSource", "private"] };
    let pipeline = vec![doc! { "$group": {
        "_id": { "$cond": [is_known, "$status", Bson::Null] },
        "count": { "$sum": 1 },
        "private": { "$sum": bson::one_where(is_private) },
    } }];
    let mut apps = Apps::default();
    for group in query.aggregate("rocketchat_apps", pipeline, None).await? {
        let count = bson::counted(&group, "count");
        apps.private += bson::counted(&group, "private");
        match group.get_str("_id") {
            Ok("auto_enabled" | "manually_enabled") => {
                apps.enabled += count;
                apps.private_enabled += bson::counted(&group, "private");
            }
            Ok("manually_disabled") => apps.disabled += count,
            _ => apps.failed += count,
        }
    }
    Ok(apps)
}

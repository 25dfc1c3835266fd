//! Webhooks: one pass over `rocketchat_integrations`.

use mongodb::bson::{Bson, doc};

use super::Integrations;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Integrations, SourceError> {
    let is_known = doc! { "$in": ["$type", ["webhook-incoming", "webhook-outgoing"]] };
    let kind = doc! { "$cond": [is_known, "$type", Bson::Null] };
    let pipeline = vec![doc! { "$group": {
        "_id": { "type": kind, "enabled": { "$eq": ["$enabled", true] } },
        "count": { "$sum": 1 },
        "withScript": { "$sum": { "$cond": [{ "$eq": ["$scriptEnabled", true] }, 1, 0] } },
    } }];
    let mut integrations = Integrations::default();
    for group in query
        .aggregate("rocketchat_integrations", pipeline, None)
        .await?
    {
        let count = bson::counted(&group, "count");
        integrations.total += count;
        integrations.with_script += bson::counted(&group, "withScript");
        let Ok(id) = group.get_document("_id") else {
            continue;
        };
        let enabled = if id.get_bool("enabled").unwrap_or(false) {
            count
        } else {
            0
        };
        match id.get_str("type") {
            Ok("webhook-incoming") => {
                integrations.incoming += count;
                integrations.incoming_enabled += enabled;
            }
            Ok("webhook-outgoing") => {
                integrations.outgoing += count;
                integrations.outgoing_enabled += enabled;
            }
            _ => {}
        }
    }
    Ok(integrations)
}

//! Uploads: one pass over `rocketchat_uploads`.

use mongodb::bson::{Bson, Document, doc};

use super::Uploads;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Uploads, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        vec![doc! { "$group": {
            "_id": Bson::Null,
            "files": { "$sum": 1 },
            "bytes": { "$sum": sum("$size") },
        } }]
    };
    let groups = query
        .finite_sums("rocketchat_uploads", ["bytes"], pipeline)
        .await?;
    let all = groups.first().cloned().unwrap_or_else(Document::new);
    Ok(Uploads {
        files: bson::counted(&all, "files"),
        bytes: bson::summed(&all, "bytes"),
    })
}

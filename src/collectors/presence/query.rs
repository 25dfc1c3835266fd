//! Presence: the index entries of accounts that are not offline.

use mongodb::bson::{Document, doc};

use super::{Presence, Presences};
use crate::catalogue::FailureKind;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Presence, SourceError> {
    Ok(Presence {
        shown: by(query, "status").await?,
        connected: by(query, "statusConnection").await?,
        accounts: query.estimated_count("users").await?,
    })
}

async fn by(query: &mut QueryContext<'_>, field: &'static str) -> Result<Presences, SourceError> {
    let Access::Granted(hint) = query.access("users", field).await? else {
        return Err(SourceError::new(
            FailureKind::MissingIndex,
            format!(
                "counting users by {field} would read every user because the index is missing; create it with db.users.createIndex({{{field}: 1}})"
            ),
        ));
    };
    let pipeline = vec![
        doc! { "$match": { field: { "$in": ["online", "away", "busy"] } } },
        doc! { "$group": { "_id": format!("${field}"), "count": { "$sum": 1 } } },
    ];
    let groups = query.aggregate("users", pipeline, hint).await?;
    let count = |state| {
        groups
            .iter()
            .find(|group: &&Document| group.get_str("_id").is_ok_and(|found| found == state))
            .map_or(0, |group| bson::counted(group, "count"))
    };
    Ok(Presences {
        online: count("online"),
        away: count("away"),
        busy: count("busy"),
    })
}

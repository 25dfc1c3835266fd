//! Presence: the index entries of accounts that are not offline.

use mongodb::bson::{Document, doc};

use super::{Presence, Presences};
use crate::catalogue::FailureKind;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

const COLLECTION: &str = "users";

const STATES: [&str; 3] = ["online", "away", "busy"];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Presence, SourceError> {
    let shown = by(query, "status").await?;
    let connected = by(query, "statusConnection").await?;
    let mut accounts = query.document_count(COLLECTION).await?;
    if accounts < shown.sum() {
        accounts = query.recount(COLLECTION).await?;
    }
    Ok(Presence {
        accounts,
        shown,
        connected,
    })
}

async fn by(query: &mut QueryContext<'_>, field: &'static str) -> Result<Presences, SourceError> {
    let Access::Granted(hint) = query.access(COLLECTION, field).await? else {
        return Err(SourceError::new(
            FailureKind::MissingIndex,
            format!(
                "counting users by {field} would read every user because the index is missing; create it with db.users.createIndex({{{field}: 1}})"
            ),
        ));
    };
    let states: Document = STATES
        .into_iter()
        .map(|state| (state.to_owned(), bson::finds("$_id", state).into()))
        .collect();
    let pipeline = vec![
        doc! { "$match": { field: { "$in": STATES.as_slice() } } },
        // From the index alone: expressions run for each value, and not for each account.
        doc! { "$group": { "_id": format!("${field}"), "count": { "$sum": 1 } } },
        doc! { "$group": { "_id": states, "count": { "$sum": "$count" } } },
    ];
    let groups = query.aggregate(COLLECTION, pipeline, hint).await?;
    let count = |state| {
        let has_state = |group: &&Document| {
            let id = group.get_document("_id");
            id.is_ok_and(|id| id.get_bool(state).unwrap_or(false))
        };
        let groups = groups.iter().filter(has_state);
        groups.map(|group| bson::counted(group, "count")).sum()
    };
    Ok(Presences {
        online: count("online"),
        away: count("away"),
        busy: count("busy"),
    })
}

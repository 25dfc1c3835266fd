//! Presence: two walks over the index entries of everybody who is not offline.

use mongodb::bson::{Document, doc};

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{FailureKind, Presence, Presences};

pub async fn read(question: &mut Question<'_>) -> Result<Presence, SourceError> {
    Ok(Presence {
        shown: by(question, "status").await?,
        connected: by(question, "statusConnection").await?,
        accounts: question.estimated_count("users").await?,
    })
}

async fn by(question: &mut Question<'_>, field: &'static str) -> Result<Presences, SourceError> {
    let Access::Granted(hint) = question.access("users", field).await? else {
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
    let groups = question.aggregate("users", pipeline, hint).await?;
    let count = |state| {
        groups
            .iter()
            .find(|group: &&Document| group.get_str("_id").is_ok_and(|it| it == state))
            .map_or(0, |group| convert::counted(group, "count"))
    };
    Ok(Presences {
        online: count("online"),
        away: count("away"),
        busy: count("busy"),
    })
}

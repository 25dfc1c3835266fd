//! Message flags: counts by index; only messages with the flag are fetched.

use mongodb::bson::{Bson, Document, doc};

use super::{FlaggedMessages, MessageFlags};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

const COLLECTION: &str = "rocketchat_message";

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<MessageFlags, SourceError> {
    let is_shown = doc! { "$not": [bson::finds("$_hidden", true)] };
    let is_removed = bson::finds("$t", "rm");
    let is_kept = doc! { "$and": [is_shown.clone(), { "$not": [is_removed] }] };
    let starred = doc! { "starred._id": { "$exists": true } };
    let pinned = doc! { "pinned": true };
    Ok(MessageFlags {
        starred: marked(query, "starred._id", starred, is_shown).await?,
        pinned: marked(query, "pinned", pinned, is_kept).await?,
        encrypted: of_type(query, "e2e").await?,
        rooms_on_hold: rooms_with(query, "omnichannel_placed_chat_on_hold").await?,
        calls_wrapped_up: of_type(query, "voip-call-wrapup").await?,
        calls_broken: of_type(query, "voip-call-ended-unexpectedly").await?,
        rooms_with_call_on_hold: rooms_with(query, "voip-call-on-hold").await?,
    })
}

async fn of_type(query: &mut QueryContext<'_>, kind: &str) -> Result<Option<u64>, SourceError> {
    query
        .indexed_count(COLLECTION, "t", doc! { "t": kind })
        .await
}

async fn rooms_with(query: &mut QueryContext<'_>, kind: &str) -> Result<Option<u64>, SourceError> {
    let counted = doc! { "$eq": [1, 1] };
    let marked = marked(query, "t", doc! { "t": kind }, counted).await?;
    Ok(marked.map(|marked| marked.rooms))
}

/// Messages that match, by an index on `key`: how many of them count, and in how many rooms there are any.
async fn marked(
    query: &mut QueryContext<'_>,
    key: &'static str,
    filter: Document,
    counts: Document,
) -> Result<Option<FlaggedMessages>, SourceError> {
    let Access::Granted(hint) = query.access(COLLECTION, key).await? else {
        return Ok(None);
    };
    let pipeline = vec![
        doc! { "$match": filter },
        doc! { "$group": { "_id": "$rid", "messages": { "$sum": bson::one_where(counts) } } },
        doc! { "$group": {
            "_id": Bson::Null,
            "rooms": { "$sum": 1 },
            "messages": { "$sum": "$messages" },
        } },
    ];
    let groups = query.aggregate(COLLECTION, pipeline, hint).await?;
    Ok(Some(groups.first().map_or_else(
        FlaggedMessages::default,
        |group| FlaggedMessages {
            messages: bson::counted(group, "messages"),
            rooms: bson::counted(group, "rooms"),
        },
    )))
}

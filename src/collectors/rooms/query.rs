//! Rooms by kind, with the sums of their message counters, and discussions separately.
//!
//! Grouping by a plain field costs MongoDB hardly more than reading the rooms; the smallest expression doubles that. So
//! unknown kinds are merged here, and the few discussions are found by the index on `prid`.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::{RoomGroup, RoomKind, Rooms};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

const COLLECTION: &str = "rocketchat_room";

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Rooms, SourceError> {
    // Without the index these are passes, too.
    let index = query.known_index(COLLECTION, "prid").await?;
    let has_parent = doc! { "prid": { "$exists": true } };
    let count = query.count(COLLECTION, has_parent, index.map(Hint::Name));
    let with_parent = count.await?.unwrap_or_default();
    // Truthy values: Rocket.Chat tests the parent room's id in JavaScript. From MongoDB 8.0 on, null does not match
    // undefined.
    let names_parent = doc! { "prid": {
        "$exists": true,
        "$nin": [Bson::Null, Bson::from(""), Bson::from(false), Bson::from(0)],
        "$not": { "$type": "undefined" },
    } };
    let discussions = by_kind(query, Some(names_parent)).await?;
    // Read after the discussions, so that there are never more discussions than rooms.
    let mut groups = by_kind(query, None).await?;
    for discussion in &discussions {
        if let Some(all) = groups
            .iter_mut()
            .find(|group| group.kind == discussion.kind)
        {
            all.rooms = all.rooms.saturating_sub(discussion.rooms);
            all.messages -= discussion.messages;
        }
    }
    groups.extend(discussions);
    Ok(Rooms {
        groups,
        discussions: with_parent,
    })
}

/// Rooms by kind: those that match the filter for discussions, or all rooms.
async fn by_kind(
    query: &QueryContext<'_>,
    discussions: Option<Document>,
) -> Result<Vec<RoomGroup>, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        let filter = discussions
            .iter()
            .map(|filter| doc! { "$match": filter.clone() });
        let group = doc! { "$group": {
            "_id": "$t",
            "rooms": { "$sum": 1 },
            "messages": { "$sum": sum("$msgs") },
        } };
        filter.chain([group, of_known_kinds()]).collect()
    };
    let found = query
        .finite_sums(COLLECTION, ["messages"], pipeline)
        .await?;
    let mut groups: Vec<RoomGroup> = Vec::new();
    for document in &found {
        let kind = kind(document);
        let rooms = bson::counted(document, "rooms");
        let messages = bson::summed(document, "messages");
        if let Some(group) = groups.iter_mut().find(|group| group.kind == kind) {
            group.rooms += rooms;
            group.messages += messages;
        } else {
            groups.push(RoomGroup {
                kind,
                discussion: discussions.is_some(),
                rooms,
                messages,
            });
        }
    }
    Ok(groups)
}

/// The stage that merges all unknown kinds into one group.
fn of_known_kinds() -> Document {
    let is_known = doc! { "$in": ["$_id", ["c", "p", "d", "l", "v"]] };
    doc! { "$group": {
        "_id": { "$cond": [is_known, "$_id", Bson::Null] },
        "rooms": { "$sum": "$rooms" },
        "messages": { "$sum": "$messages" },
    } }
}

fn kind(group: &Document) -> RoomKind {
    match group.get_str("_id") {
        Ok("c") => RoomKind::Channel,
        Ok("p") => RoomKind::PrivateGroup,
        Ok("d") => RoomKind::Direct,
        Ok("l") => RoomKind::Livechat,
        Ok("v") => RoomKind::Voip,
        _ => RoomKind::Other,
    }
}

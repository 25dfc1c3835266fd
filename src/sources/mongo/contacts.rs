//! Contacts: omnichannel rooms by their source and period, and one pass over the contacts.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{Contacts, Source, SourceContacts, Verification};

const ROOMS: &str = "rocketchat_room";

pub async fn read(question: &Question<'_>) -> Result<Contacts, SourceError> {
    let sources = vec![
        doc! { "$match": { "t": "l", "source": { "$exists": true } } },
        doc! { "$group": { "_id": "$source", "rooms": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let sources = question.aggregate(ROOMS, sources, None).await?;
    let periods = periods(question).await?;
    let period = |name: &str| match periods.get_array(name) {
        Ok(sources) => sources
            .iter()
            .filter_map(Bson::as_document)
            .map(source_contacts)
            .collect(),
        Err(_) => Vec::new(),
    };
    Ok(Contacts {
        sources: sources.iter().map(source).collect(),
        this_month: period("thisMonth"),
        last_day: period("lastDay"),
        last_week: period("lastWeek"),
        last_month: period("lastMonth"),
        verification: verification(question).await?,
    })
}

/// All periods in one pass over the rooms that any of them may hold.
async fn periods(question: &Question<'_>) -> Result<Document, SourceError> {
    let now = question.mongo.clock.now().0;
    let this_month = jiff::Timestamp::from_millisecond(now)
        .map(|now| now.strftime("%Y-%m").to_string())
        .unwrap_or_default();
    let within = |days: i64| {
        doc! { "ts": {
            "$gte": DateTime::from_millis(now - days * convert::DAY),
            "$lt": DateTime::from_millis(now),
        } }
    };
    let pipeline = vec![
        doc! { "$match": {
            "t": "l",
            "v.activity": { "$exists": true },
            "$or": [{ "v.activity": &this_month }, within(30)],
        } },
        doc! { "$facet": {
            "thisMonth": by_source(doc! { "v.activity": &this_month }),
            "lastDay": by_source(within(1)),
            "lastWeek": by_source(within(7)),
            "lastMonth": by_source(within(30)),
        } },
    ];
    let answer = question.aggregate(ROOMS, pipeline, None).await?;
    Ok(answer.into_iter().next().unwrap_or_default())
}

fn by_source(period: Document) -> Vec<Document> {
    vec![
        doc! { "$match": period },
        doc! { "$group": {
            "_id": {
                "source": { "$ifNull": ["$source.alias", "$source.type"] },
                "contact": "$v._id",
            },
            "conversations": { "$sum": 1 },
        } },
        doc! { "$group": {
            "_id": "$_id.source",
            // A room without a visitor's id counts as a conversation, but not as a contact.
            "contacts": { "$sum": convert::one_where(convert::exists("$_id.contact")) },
            "conversations": { "$sum": "$conversations" },
        } },
        doc! { "$sort": { "_id": 1 } },
    ]
}

fn source(group: &Document) -> Source {
    let source = group.get_document("_id").ok();
    let member = |name: &str| convert::value(source?.get(name)?);
    Source {
        id: member("id"),
        alias: member("alias"),
        kind: member("type"),
        rooms: convert::counted(group, "rooms"),
    }
}

fn source_contacts(group: &Document) -> SourceContacts {
    SourceContacts {
        source: group
            .get("_id")
            .and_then(convert::value)
            .unwrap_or(crate::statistics::Value::Null),
        contacts: convert::counted(group, "contacts"),
        conversations: convert::counted(group, "conversations"),
    }
}

async fn verification(question: &Question<'_>) -> Result<Verification, SourceError> {
    let list = |path: &str| doc! { "$cond": [{ "$isArray": path }, path, []] };
    let size = |path: &str| doc! { "$size": list(path) };
    let has = |path: &str| doc! { "$in": [true, list(path)] };
    let all_blocked = doc! { "$and": [
        has("$channels.blocked"),
        { "$not": [{ "$in": [false, list("$channels.blocked")] }] },
        { "$eq": [size("$channels.blocked"), size("$channels")] },
    ] };
    let is_empty =
        doc! { "$and": [{ "$isArray": "$channels" }, { "$eq": [size("$channels"), 0] }] };
    let sums = question
        .tally(
            "rocketchat_livechat_contact",
            [
                ("contacts", 1.into()),
                ("unknown", convert::is("$unknown", true)),
                ("conflicts", size("$conflictingFields").into()),
                ("blocked", convert::one_where(has("$channels.blocked"))),
                ("fullyBlocked", convert::one_where(all_blocked)),
                ("verified", convert::one_where(has("$channels.verified"))),
                ("channels", size("$channels").into()),
                ("withoutChannels", convert::one_where(is_empty)),
            ],
        )
        .await?;
    let count = |key| convert::counted(&sums, key);
    Ok(Verification {
        contacts: count("contacts"),
        unknown: count("unknown"),
        conflicts: count("conflicts"),
        blocked: count("blocked"),
        fully_blocked: count("fullyBlocked"),
        verified: count("verified"),
        channels: count("channels"),
        without_channels: count("withoutChannels"),
    })
}

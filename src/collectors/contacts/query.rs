//! Contacts: omnichannel rooms by source and period, and one pass over the contacts.

use mongodb::bson::{DateTime, Document, doc};

use super::{Contacts, Source, SourceContacts, Verification};
use crate::catalogue::{OTHER, Value};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{BoundedGroups, GroupFields, QueryContext, SourceError, bson};

const ROOMS: &str = "rocketchat_room";

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Contacts, SourceError> {
    let sources = vec![
        doc! { "$match": { "t": "l", "source": { "$exists": true } } },
        doc! { "$group": { "_id": "$source", "rooms": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let members = GroupFields {
        what: "sources",
        keys: &["id", "alias", "type"],
        sums: &["rooms"],
    };
    let sources = query.groups(ROOMS, sources, None, &members).await?;
    let periods = periods(query).await?;
    let period = |name| {
        let first = periods.first.iter();
        let mut sources: Vec<_> = first
            .filter_map(|group| source_contacts(group, name))
            .collect();
        sources.extend(periods.others.as_ref().and_then(|others| {
            let contacts = source_contacts(others, name)?;
            Some(SourceContacts {
                source: Value::text(OTHER),
                ..contacts
            })
        }));
        sources
    };
    let others = sources.others.iter().map(|others| Source {
        alias: Some(Value::text(OTHER)),
        ..source(others)
    });
    Ok(Contacts {
        sources: sources.first.iter().map(source).chain(others).collect(),
        this_month: period(THIS_MONTH),
        last_day: period(LAST_DAY),
        last_week: period(LAST_WEEK),
        last_month: period(LAST_MONTH),
        verification: verification(query).await?,
    })
}

const THIS_MONTH: &str = "thisMonth";
const LAST_DAY: &str = "lastDay";
const LAST_WEEK: &str = "lastWeek";
const LAST_MONTH: &str = "lastMonth";

/// The sums of each source.
const SUMS: [&str; 8] = [
    THIS_MONTH,
    LAST_DAY,
    LAST_WEEK,
    LAST_MONTH,
    "thisMonthContacts",
    "lastDayContacts",
    "lastWeekContacts",
    "lastMonthContacts",
];

/// Conversations and contacts of every source and period, in one pass: rooms are grouped by contact, then by source.
async fn periods(query: &QueryContext<'_>) -> Result<BoundedGroups, SourceError> {
    let now = query.now().await?.0;
    let this_month = jiff::Timestamp::from_millisecond(now)
        .map(|now| now.strftime("%Y-%m").to_string())
        .unwrap_or_default();
    let date = |days: i64| DateTime::from_millis(now - days * bson::DAY);
    // Dates are compared with dates only, as by a filter.
    let ts = |operator: &str, date: DateTime| {
        bson::any_at("$ts", &|path| {
            doc! { "$and": [{ "$eq": [{ "$type": path }, "date"] }, { operator: [path, date] }] }
        })
    };
    let within = |days| doc! { "$and": [ts("$gte", date(days)), ts("$lt", date(0))] };
    let active = bson::finds("$v.activity", &*this_month);
    let periods = [
        (THIS_MONTH, active),
        (LAST_DAY, within(1)),
        (LAST_WEEK, within(7)),
        (LAST_MONTH, within(30)),
    ];
    let mut by_contact = doc! { "_id": {
        "source": { "$ifNull": ["$source.alias", "$source.type"] },
        "contact": "$v._id",
    } };
    let mut by_source = doc! { "_id": "$_id.source" };
    for (period, holds) in periods {
        by_contact.insert(period, doc! { "$sum": bson::one_where(holds) });
        let conversations = format!("${period}");
        // A room without a visitor's id is a conversation, but not a contact.
        let is_contact = doc! { "$and": [
            { "$gt": [&conversations, 0] },
            bson::exists("$_id.contact"),
        ] };
        by_source.insert(period, doc! { "$sum": conversations });
        by_source.insert(
            contacts_of(period),
            doc! { "$sum": bson::one_where(is_contact) },
        );
    }
    let pipeline = vec![
        doc! { "$match": {
            "t": "l",
            "v.activity": { "$exists": true },
            "$or": [
                { "v.activity": &this_month },
                { "ts": { "$gte": date(30), "$lt": date(0) } },
            ],
        } },
        doc! { "$group": by_contact },
        doc! { "$group": by_source },
        doc! { "$sort": { "_id": 1 } },
    ];
    let members = GroupFields {
        what: "sources_of_contacts",
        keys: &[],
        sums: &SUMS,
    };
    query.groups(ROOMS, pipeline, None, &members).await
}

fn contacts_of(period: &str) -> String {
    format!("{period}Contacts")
}

fn source(group: &Document) -> Source {
    let source = group.get_document("_id").ok();
    let member = |name: &str| bson::value(source?.get(name)?);
    Source {
        id: member("id"),
        alias: member("alias"),
        kind: member("type"),
        rooms: bson::counted(group, "rooms"),
    }
}

/// The conversations of a source in a period; `None` without any.
fn source_contacts(group: &Document, period: &str) -> Option<SourceContacts> {
    let conversations = bson::counted(group, period);
    let source = group.get("_id").and_then(bson::value);
    (conversations > 0).then(|| SourceContacts {
        source: source.unwrap_or(Value::Null),
        contacts: bson::counted(group, &contacts_of(period)),
        conversations,
    })
}

async fn verification(query: &QueryContext<'_>) -> Result<Verification, SourceError> {
    let list = |path: &str| doc! { "$cond": [{ "$isArray": path }, path, []] };
    let size = |path: &str| doc! { "$size": list(path) };
    let has = |path: &str| bson::finds(path, true);
    let all_blocked = doc! { "$and": [
        has("$channels.blocked"),
        { "$not": [{ "$in": [false, list("$channels.blocked")] }] },
        { "$eq": [size("$channels.blocked"), size("$channels")] },
    ] };
    let is_empty =
        doc! { "$and": [{ "$isArray": "$channels" }, { "$eq": [size("$channels"), 0] }] };
    let sums = query
        .tally(
            "rocketchat_livechat_contact",
            [
                ("contacts", 1.into()),
                ("unknown", bson::is("$unknown", true)),
                ("conflicts", size("$conflictingFields").into()),
                ("blocked", bson::one_where(has("$channels.blocked"))),
                ("fullyBlocked", bson::one_where(all_blocked)),
                ("verified", bson::one_where(has("$channels.verified"))),
                ("channels", size("$channels").into()),
                ("withoutChannels", bson::one_where(is_empty)),
            ],
        )
        .await?;
    let count = |key| bson::counted(&sums, key);
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

//! Calls: conferences by the index on `type`, voice calls by one pass over their collection.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{CONFERENCES, Calls, VoiceCalls};
use crate::collectors::context::CollectorContext;
use crate::collectors::license::LIVECHAT_ENTERPRISE;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

const CONFERENCE: &str = "rocketchat_video_conference";

/// Minimum duration of a successful call, in seconds.
const MIN_SUCCESSFUL_SECONDS: i32 = 5;

pub async fn read(query: &mut CollectorContext<'_>, _: &Snapshot) -> Result<Calls, SourceError> {
    Ok(Calls {
        conferences: conferences(query).await?,
        voice: if query.grants.grants(LIVECHAT_ENTERPRISE) {
            Some(voice(query).await?)
        } else {
            None
        },
    })
}

/// Conferences by an index on `type`; empty when it is missing and there are many.
async fn conferences(
    query: &mut QueryContext<'_>,
) -> Result<BTreeMap<&'static str, u64>, SourceError> {
    let Access::Granted(hint) = query.access(CONFERENCE, "type").await? else {
        return Ok(BTreeMap::new());
    };
    let kinds: Vec<&str> = CONFERENCES.iter().map(|(_, kind, _)| *kind).collect();
    let states: Vec<i32> = CONFERENCES.iter().map(|(_, _, state)| *state).collect();
    let pipeline = vec![
        doc! { "$match": { "type": { "$in": kinds } } },
        doc! { "$group": {
            "_id": { "type": "$type", "status": "$status" },
            "count": { "$sum": 1 },
        } },
        // The field can have any value; only counted ones are fetched.
        doc! { "$match": { "_id.status": { "$in": states } } },
    ];
    let groups = query.aggregate(CONFERENCE, pipeline, hint).await?;
    let count = |kind: &str, status: i32| {
        groups
            .iter()
            .filter(|group| {
                group.get_document("_id").is_ok_and(|id| {
                    let code = Some(f64::from(status));
                    bson::has(id.get("type"), |found| found.as_str() == Some(kind))
                        && bson::has(id.get("status"), |found| bson::number(Some(found)) == code)
                })
            })
            .map(|group| bson::counted(group, "count"))
            .sum()
    };
    Ok(CONFERENCES
        .into_iter()
        .map(|(name, kind, status)| (name, count(kind, status)))
        .collect())
}

/// Voice calls of all time, and of the last 30 days, 7 days and one day.
async fn voice(query: &QueryContext<'_>) -> Result<[VoiceCalls; 4], SourceError> {
    let now = query.now().await?.0;
    let mut facets = Document::new();
    for (name, days) in [
        ("all", None),
        ("month", Some(30)),
        ("week", Some(7)),
        ("day", Some(1)),
    ] {
        let period = days.map_or_else(Document::new, |days| {
            doc! { "startedAt": { "$gte": DateTime::from_millis(now - days * bson::DAY) } }
        });
        facets.insert(name, period_of_calls(period));
    }
    let answer = query
        .aggregate(
            "rocketchat_freeswitch_calls",
            vec![doc! { "$facet": facets }],
            None,
        )
        .await?;
    let answer = answer.into_iter().next().unwrap_or_default();
    Ok(["all", "month", "week", "day"].map(|name| {
        let sums = answer.get_array(name).ok();
        let sums = sums
            .and_then(|sums| sums.first())
            .and_then(Bson::as_document);
        sums.map(voice_calls).unwrap_or_default()
    }))
}

fn period_of_calls(period: Document) -> Vec<Document> {
    let lasted = bson::any_at("$duration", &|path| {
        doc! { "$and": [bson::is_finite(path), { "$gte": [path, MIN_SUCCESSFUL_SECONDS] }] }
    });
    vec![
        doc! { "$match": period },
        doc! { "$group": {
            "_id": Bson::Null,
            "calls": { "$sum": 1 },
            "internal": { "$sum": bson::is("$direction", "internal") },
            "inbound": { "$sum": bson::is("$direction", "external_inbound") },
            "outbound": { "$sum": bson::is("$direction", "external_outbound") },
            "successful": { "$sum": bson::one_where(lasted) },
            "seconds": { "$sum": bson::finite("$duration") },
        } },
    ]
}

fn voice_calls(sums: &Document) -> VoiceCalls {
    let count = |key| bson::counted(sums, key);
    VoiceCalls {
        internal: count("internal"),
        inbound: count("inbound"),
        outbound: count("outbound"),
        successful: count("successful"),
        failed: count("calls").saturating_sub(count("successful")),
        seconds: bson::summed(sums, "seconds"),
    }
}

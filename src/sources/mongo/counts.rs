//! Small questions: counts from metadata or an index, and passes over collections that are small by nature.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{
    Apps, Integrations, LicensedOmnichannel, Omnichannel, Push, Snapshot, Timestamp, Uploads,
    Version,
};

/// From this version on Rocket.Chat keeps the queue itself; before, a package of Meteor did.
const OWN_PUSH_QUEUE: Version = Version::new(3, 2, 0);

const QUEUE: &str = "rocketchat_notification_queue";

/// After so long Rocket.Chat takes a notification that is being sent for one that nobody sends any more.
const SENT_WITHIN: i64 = 5 * 60_000;

pub async fn omnichannel(
    question: &mut Question<'_>,
    known: &Snapshot,
) -> Result<Omnichannel, SourceError> {
    let open = open(question).await?;
    let waiting = waiting(question).await?;
    let departments = question
        .tally(
            "rocketchat_livechat_department",
            [
                ("all", 1.into()),
                ("archived", convert::is("$archived", true)),
                ("units", convert::is("$type", "u")),
            ],
        )
        .await?;
    let custom_fields = question
        .tally(
            "rocketchat_livechat_custom_field",
            [("all", 1.into()), ("public", convert::is("$public", true))],
        )
        .await?;
    Ok(Omnichannel {
        visitors: question
            .estimated_count("rocketchat_livechat_visitor")
            .await?,
        agents: with_role(question, "livechat-agent").await?,
        managers: with_role(question, "livechat-manager").await?,
        agents_available: agents_available(question).await?,
        open: open.as_ref().map(|it| convert::counted(it, "open")),
        open_since: open.and_then(|it| convert::timestamp(it.get("since"))),
        active_contacts: active_contacts(question, known.version()).await?,
        waiting: convert::counted(&waiting, "waiting"),
        waiting_since: convert::timestamp(waiting.get("since")),
        departments: convert::counted(&departments, "all"),
        archived_departments: convert::counted(&departments, "archived"),
        business_units: convert::counted(&departments, "units"),
        triggers: question
            .estimated_count("rocketchat_livechat_trigger")
            .await?,
        custom_fields: convert::counted(&custom_fields, "all"),
        public_custom_fields: convert::counted(&custom_fields, "public"),
        business_hours: question
            .estimated_count("rocketchat_livechat_business_hours")
            .await?,
        licensed: if question.grants.grants("livechat-enterprise") {
            Some(licensed_omnichannel(question).await?)
        } else {
            None
        },
    })
}

/// Agents who take conversations now.
async fn agents_available(question: &mut Question<'_>) -> Result<Option<u64>, SourceError> {
    let filter = doc! {
        "roles": "livechat-agent",
        "statusLivechat": "available",
        "active": true,
        "status": { "$in": ["online", "away", "busy"] },
    };
    question.indexed_count("users", "roles", filter).await
}

/// Open conversations: how many, and since when, by fetching them alone.
async fn open(question: &mut Question<'_>) -> Result<Option<Document>, SourceError> {
    let Access::Granted(hint) = question.access("rocketchat_room", "open").await? else {
        return Ok(None);
    };
    let pipeline = vec![
        doc! { "$match": { "open": true, "t": "l" } },
        doc! { "$group": {
            "_id": Bson::Null,
            "open": { "$sum": 1 },
            "since": { "$min": since("$ts") },
        } },
    ];
    let groups = question
        .aggregate("rocketchat_room", pipeline, hint)
        .await?;
    Ok(Some(groups.into_iter().next().unwrap_or_default()))
}

/// An expression that is `path` where it is a date.
fn since(path: &str) -> Document {
    doc! { "$cond": [{ "$eq": [{ "$type": path }, "date"] }, path, Bson::Null] }
}

/// Contacts of the current month in UTC as the license limits them: before 7.0 visitors were counted instead.
async fn active_contacts(
    question: &mut Question<'_>,
    version: Option<Version>,
) -> Result<Option<u64>, SourceError> {
    let collection = match version {
        Some(version) if version < Version::new(7, 0, 0) => "rocketchat_livechat_visitor",
        _ => "rocketchat_livechat_contact",
    };
    let Ok(now) = jiff::Timestamp::from_millisecond(question.now().await?.0) else {
        return Ok(None);
    };
    let month = now.strftime("%Y-%m").to_string();
    question
        .detail_count(collection, "activity", doc! { "activity": month })
        .await
}

/// Conversations in the queue: how many, and since when.
async fn waiting(question: &Question<'_>) -> Result<Document, SourceError> {
    let pipeline = vec![
        doc! { "$match": { "status": { "$in": ["queued", "ready"] } } },
        doc! { "$group": {
            "_id": Bson::Null,
            "waiting": { "$sum": 1 },
            "since": { "$min": since("$ts") },
        } },
    ];
    let groups = question
        .aggregate("rocketchat_livechat_inquiry", pipeline, None)
        .await?;
    Ok(groups.into_iter().next().unwrap_or_default())
}

async fn licensed_omnichannel(
    question: &mut Question<'_>,
) -> Result<LicensedOmnichannel, SourceError> {
    Ok(LicensedOmnichannel {
        tags: question.estimated_count("rocketchat_livechat_tag").await?,
        canned_responses: question
            .estimated_count("rocketchat_canned_response")
            .await?,
        priorities: question
            .estimated_count("rocketchat_livechat_priority")
            .await?,
        service_levels: question
            .estimated_count("rocketchat_omnichannel_service_level_agreements")
            .await?,
        monitors: with_role(question, "livechat-monitor").await?,
    })
}

async fn with_role(question: &mut Question<'_>, role: &str) -> Result<Option<u64>, SourceError> {
    question
        .indexed_count("users", "roles", doc! { "roles": role })
        .await
}

pub async fn push(question: &mut Question<'_>, known: &Snapshot) -> Result<Push, SourceError> {
    let has_own_queue = known
        .version()
        .is_none_or(|version| version >= OWN_PUSH_QUEUE);
    if !has_own_queue {
        let queued = question.estimated_count("_raix_push_notifications").await?;
        return Ok(Push {
            queued,
            ..Push::default()
        });
    }
    let expired = DateTime::from_millis(question.now().await?.0.saturating_sub(SENT_WITHIN));
    let mut count = async |key: &'static str, condition: Document| {
        question
            .detail_count(QUEUE, key, doc! { key: condition })
            .await
    };
    Ok(Push {
        sending: count("sending", doc! { "$gt": expired }).await?,
        stuck: count("sending", doc! { "$lte": expired }).await?,
        failed: count("error", doc! { "$exists": true }).await?,
        oldest: oldest_notification(question).await?,
        queued: question.estimated_count(QUEUE).await?,
    })
}

/// When the notification came that waits longest; those that failed wait no more.
async fn oldest_notification(
    question: &mut Question<'_>,
) -> Result<Option<Timestamp>, SourceError> {
    let Access::Granted(hint) = question.detail_access(QUEUE, "ts").await? else {
        return Ok(None);
    };
    let pipeline = vec![
        doc! { "$match": { "ts": { "$gte": DateTime::MIN }, "error": { "$exists": false } } },
        doc! { "$sort": { "ts": 1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "ts": 1 } },
    ];
    let oldest = question.aggregate(QUEUE, pipeline, hint).await?;
    Ok(oldest
        .first()
        .and_then(|it| convert::timestamp(it.get("ts"))))
}

pub async fn integrations(question: &Question<'_>) -> Result<Integrations, SourceError> {
    let is_known = doc! { "$in": ["$type", ["webhook-incoming", "webhook-outgoing"]] };
    let kind = doc! { "$cond": [is_known, "$type", Bson::Null] };
    let pipeline = vec![doc! { "$group": {
        "_id": { "type": kind, "enabled": { "$eq": ["$enabled", true] } },
        "count": { "$sum": 1 },
        "withScript": { "$sum": { "$cond": [{ "$eq": ["$scriptEnabled", true] }, 1, 0] } },
    } }];
    let mut integrations = Integrations::default();
    for group in question
        .aggregate("rocketchat_integrations", pipeline, None)
        .await?
    {
        let count = convert::counted(&group, "count");
        integrations.total += count;
        integrations.with_script += convert::counted(&group, "withScript");
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

pub async fn apps(question: &Question<'_>) -> Result<Apps, SourceError> {
    let known = ["auto_enabled", "manually_enabled", "manually_disabled"];
    let is_known = doc! { "$in": ["$status", known.as_slice()] };
    let pipeline = vec![doc! { "$group": {
        "_id": { "$cond": [is_known, "$status", Bson::Null] },
        "count": { "$sum": 1 },
        "private": { "$sum": convert::is("$installationSource", "private") },
    } }];
    let mut apps = Apps::default();
    for group in question
        .aggregate("rocketchat_apps", pipeline, None)
        .await?
    {
        let count = convert::counted(&group, "count");
        apps.private += convert::counted(&group, "private");
        match group.get_str("_id") {
            Ok("auto_enabled" | "manually_enabled") => {
                apps.enabled += count;
                apps.private_enabled += convert::counted(&group, "private");
            }
            Ok("manually_disabled") => apps.disabled += count,
            _ => apps.failed += count,
        }
    }
    Ok(apps)
}

pub async fn uploads(question: &Question<'_>) -> Result<Uploads, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        vec![doc! { "$group": {
            "_id": Bson::Null,
            "files": { "$sum": 1 },
            "bytes": { "$sum": sum("$size") },
        } }]
    };
    let groups = question
        .finite_sums("rocketchat_uploads", ["bytes"], pipeline)
        .await?;
    let all = groups.first().cloned().unwrap_or_else(Document::new);
    Ok(Uploads {
        files: convert::counted(&all, "files"),
        bytes: convert::summed(&all, "bytes"),
    })
}

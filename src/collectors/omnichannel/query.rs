//! Omnichannel: counts by index, and passes over small collections.

use mongodb::bson::{Bson, Document, doc};

use super::{LicensedOmnichannel, Omnichannel};
use crate::catalogue::Version;
use crate::collectors::context::CollectorContext;
use crate::collectors::license::LIVECHAT_ENTERPRISE;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

pub async fn read(
    query: &mut CollectorContext<'_>,
    known: &Snapshot,
) -> Result<Omnichannel, SourceError> {
    let open = open(query).await?;
    let waiting = waiting(query).await?;
    let departments = query
        .tally(
            "rocketchat_livechat_department",
            [
                ("all", 1.into()),
                ("archived", bson::is("$archived", true)),
                ("units", bson::is("$type", "u")),
            ],
        )
        .await?;
    let custom_fields = query
        .tally(
            "rocketchat_livechat_custom_field",
            [("all", 1.into()), ("public", bson::is("$public", true))],
        )
        .await?;
    Ok(Omnichannel {
        visitors: query.document_count("rocketchat_livechat_visitor").await?,
        agents: with_role(query, "livechat-agent").await?,
        managers: with_role(query, "livechat-manager").await?,
        agents_available: agents_available(query).await?,
        open: open.as_ref().map(|group| bson::counted(group, "open")),
        open_since: open.and_then(|group| bson::timestamp(group.get("since"))),
        active_contacts: active_contacts(query, known.version()).await?,
        waiting: bson::counted(&waiting, "waiting"),
        waiting_since: bson::timestamp(waiting.get("since")),
        departments: bson::counted(&departments, "all"),
        archived_departments: bson::counted(&departments, "archived"),
        business_units: bson::counted(&departments, "units"),
        triggers: query.document_count("rocketchat_livechat_trigger").await?,
        custom_fields: bson::counted(&custom_fields, "all"),
        public_custom_fields: bson::counted(&custom_fields, "public"),
        business_hours: query
            .document_count("rocketchat_livechat_business_hours")
            .await?,
        licensed: if query.grants.grants(LIVECHAT_ENTERPRISE) {
            Some(licensed_omnichannel(query).await?)
        } else {
            None
        },
    })
}

/// Agents who accept conversations.
async fn agents_available(query: &mut QueryContext<'_>) -> Result<Option<u64>, SourceError> {
    let filter = doc! {
        "roles": "livechat-agent",
        "statusLivechat": "available",
        "active": true,
        "status": { "$in": ["online", "away", "busy"] },
    };
    query.indexed_count("users", "roles", filter).await
}

/// Open conversations: their number, and the start time of the oldest.
async fn open(query: &mut QueryContext<'_>) -> Result<Option<Document>, SourceError> {
    let Access::Granted(hint) = query.access("rocketchat_room", "open").await? else {
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
    let groups = query.aggregate("rocketchat_room", pipeline, hint).await?;
    Ok(Some(groups.into_iter().next().unwrap_or_default()))
}

/// An expression that is `path` if it is a date.
fn since(path: &str) -> Document {
    doc! { "$cond": [{ "$eq": [{ "$type": path }, "date"] }, path, Bson::Null] }
}

/// Contacts of the current month (UTC), as the license limits them; visitors before 7.0.
async fn active_contacts(
    query: &mut QueryContext<'_>,
    version: Option<Version>,
) -> Result<Option<u64>, SourceError> {
    let collection = match version {
        Some(version) if version < Version::new(7, 0, 0) => "rocketchat_livechat_visitor",
        _ => "rocketchat_livechat_contact",
    };
    let Ok(now) = jiff::Timestamp::from_millisecond(query.now().await?.0) else {
        return Ok(None);
    };
    let month = now.strftime("%Y-%m").to_string();
    query
        .detail_count(collection, "activity", doc! { "activity": month })
        .await
}

/// Waiting conversations: their number, and the start time of the oldest.
async fn waiting(query: &QueryContext<'_>) -> Result<Document, SourceError> {
    let pipeline = vec![
        doc! { "$match": { "status": { "$in": ["queued", "ready"] } } },
        doc! { "$group": {
            "_id": Bson::Null,
            "waiting": { "$sum": 1 },
            "since": { "$min": since("$ts") },
        } },
    ];
    let groups = query
        .aggregate("rocketchat_livechat_inquiry", pipeline, None)
        .await?;
    Ok(groups.into_iter().next().unwrap_or_default())
}

async fn licensed_omnichannel(
    query: &mut QueryContext<'_>,
) -> Result<LicensedOmnichannel, SourceError> {
    Ok(LicensedOmnichannel {
        tags: query.document_count("rocketchat_livechat_tag").await?,
        canned_responses: query.document_count("rocketchat_canned_response").await?,
        priorities: query.document_count("rocketchat_livechat_priority").await?,
        service_levels: query
            .document_count("rocketchat_omnichannel_service_level_agreements")
            .await?,
        monitors: with_role(query, "livechat-monitor").await?,
    })
}

async fn with_role(query: &mut QueryContext<'_>, role: &str) -> Result<Option<u64>, SourceError> {
    query
        .indexed_count("users", "roles", doc! { "roles": role })
        .await
}

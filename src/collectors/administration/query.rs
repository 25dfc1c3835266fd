//! Administration: sums over small collections.

use mongodb::bson::doc;

use super::Administration;
use crate::collectors::context::CollectorContext;
use crate::collectors::license::ABAC;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

pub async fn read(
    query: &mut CollectorContext<'_>,
    _: &Snapshot,
) -> Result<Administration, SourceError> {
    let roles = query
        .tally(
            "rocketchat_roles",
            [
                ("users", bson::is("$scope", "Users")),
                ("subscriptions", bson::is("$scope", "Subscriptions")),
                ("custom", bson::is("$protected", false)),
            ],
        )
        .await?;
    let invites = query
        .tally(
            "rocketchat_invites",
            [("links", 1.into()), ("uses", bson::finite("$uses").into())],
        )
        .await?;
    let seat_requests = query
        .find_one(
            "rocketchat_analytics",
            doc! { "type": "seat-request" },
            doc! { "count": 1 },
        )
        .await?
        .unwrap_or_default();
    Ok(Administration {
        teams: query.document_count("rocketchat_team").await?,
        subscription_roles: bson::counted(&roles, "subscriptions"),
        user_roles: bson::counted(&roles, "users"),
        custom_roles: bson::counted(&roles, "custom"),
        invites: bson::counted(&invites, "links"),
        invite_uses: bson::summed(&invites, "uses"),
        email_inboxes: query.document_count("rocketchat_email_inbox").await?,
        seat_requests: bson::counted(&seat_requests, "count"),
        attributes: if query.grants.grants(ABAC) {
            Some(attributes(query).await?)
        } else {
            None
        },
    })
}

async fn attributes(query: &QueryContext<'_>) -> Result<(u64, u64), SourceError> {
    let size = doc! { "$cond": [{ "$isArray": "$values" }, { "$size": "$values" }, 0] };
    let sums = query
        .tally(
            "rocketchat_abac_attributes",
            [("attributes", 1.into()), ("values", size.into())],
        )
        .await?;
    Ok((
        bson::counted(&sums, "attributes"),
        bson::counted(&sums, "values"),
    ))
}

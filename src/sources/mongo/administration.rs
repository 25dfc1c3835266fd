//! Administration: sums over collections that are small by nature.

use mongodb::bson::doc;

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::Administration;

pub async fn read(question: &Question<'_>) -> Result<Administration, SourceError> {
    let roles = question
        .tally(
            "rocketchat_roles",
            [
                ("users", convert::is("$scope", "Users")),
                ("subscriptions", convert::is("$scope", "Subscriptions")),
                ("custom", convert::is("$protected", false)),
            ],
        )
        .await?;
    let invites = question
        .tally(
            "rocketchat_invites",
            [
                ("links", 1.into()),
                ("uses", convert::finite("$uses").into()),
            ],
        )
        .await?;
    let seat_requests = question
        .find_one(
            "rocketchat_analytics",
            doc! { "type": "seat-request" },
            doc! { "count": 1 },
        )
        .await?
        .unwrap_or_default();
    Ok(Administration {
        teams: question.estimated_count("rocketchat_team").await?,
        subscription_roles: convert::counted(&roles, "subscriptions"),
        user_roles: convert::counted(&roles, "users"),
        custom_roles: convert::counted(&roles, "custom"),
        invites: convert::counted(&invites, "links"),
        invite_uses: convert::summed(&invites, "uses"),
        email_inboxes: question.estimated_count("rocketchat_email_inbox").await?,
        seat_requests: convert::counted(&seat_requests, "count"),
        attributes: if question.grants.grants("abac") {
            Some(attributes(question).await?)
        } else {
            None
        },
    })
}

async fn attributes(question: &Question<'_>) -> Result<(u64, u64), SourceError> {
    let size = doc! { "$cond": [{ "$isArray": "$values" }, { "$size": "$values" }, 0] };
    let sums = question
        .tally(
            "rocketchat_abac_attributes",
            [("attributes", 1.into()), ("values", size.into())],
        )
        .await?;
    Ok((
        convert::counted(&sums, "attributes"),
        convert::counted(&sums, "values"),
    ))
}

//! Account security: one pass over `users`, and administrators by the index on `roles`.

use mongodb::bson::{Bson, doc};
use mongodb::options::Hint;

use super::{AccountSecurity, BUILT_IN_LOGINS, OWN_SERVICES};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

const COLLECTION: &str = "users";

/// Types of accounts that are not people.
const NO_PEOPLE: [&str; 2] = ["bot", "app"];

pub async fn read(
    query: &mut QueryContext<'_>,
    _: &Snapshot,
) -> Result<AccountSecurity, SourceError> {
    let unprotected = doc! {
        "roles": "admin",
        "active": true,
        "type": { "$nin": NO_PEOPLE.as_slice() },
        "services.totp.enabled": { "$ne": true },
        "services.email2fa.enabled": { "$ne": true },
    };
    let unprotected_administrators = query
        .indexed_count(COLLECTION, "roles", unprotected)
        .await?;
    let is_person = doc! { "$not": [bson::finds_any("$type", &NO_PEOPLE)] };
    // The condition that excludes most accounts comes first.
    let never_logged_in = doc! { "$and": [
        { "$not": [bson::exists("$lastLogin")] },
        bson::finds("$active", true),
        is_person,
        { "$not": [bson::finds("$isRemote", true)] },
        { "$not": [bson::finds("$federated", true)] },
    ] };
    let deactivated_connected = doc! { "$and": [
        bson::finds("$active", false),
        bson::finds_any("$statusConnection", &["online", "away", "busy"]),
    ] };
    let keys = bson::field_names("$services");
    let known: Vec<&str> = BUILT_IN_LOGINS.into_iter().chain(OWN_SERVICES).collect();
    // Most accounts have a password, and their keys are not listed.
    let custom_oauth_only = doc! { "$and": [
        bson::finds("$active", true),
        { "$not": [bson::exists("$services.password")] },
        { "$not": [{ "$setIsSubset": [&keys, known] }] },
        { "$eq": [{ "$setIntersection": [&keys, BUILT_IN_LOGINS.as_slice()] }, []] },
    ] };
    let tokens = "$services.resume.loginTokens";
    let tokens = doc! { "$cond": [{ "$isArray": tokens }, { "$size": tokens }, 0] };
    let pipeline = vec![doc! { "$group": {
        "_id": Bson::Null,
        "neverLoggedIn": { "$sum": bson::one_where(never_logged_in) },
        "deactivatedConnected": { "$sum": bson::one_where(deactivated_connected) },
        "customOauthOnly": { "$sum": bson::one_where(custom_oauth_only) },
        "tokens": { "$sum": &tokens },
        "mostTokens": { "$max": &tokens },
    } }];
    let pass = Hint::Keys(doc! { "$natural": 1 });
    let groups = query.aggregate(COLLECTION, pipeline, Some(pass)).await?;
    let all = groups.into_iter().next().unwrap_or_default();
    Ok(AccountSecurity {
        never_logged_in: bson::counted(&all, "neverLoggedIn"),
        deactivated_connected: bson::counted(&all, "deactivatedConnected"),
        login_tokens: bson::counted(&all, "tokens"),
        max_login_tokens: bson::counted(&all, "mostTokens"),
        unprotected_administrators,
        custom_oauth_only: bson::counted(&all, "customOauthOnly"),
    })
}

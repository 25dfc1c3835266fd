//! Accounts of API requests: who the credentials belong to, and the account's permissions.

use base64::Engine;
use mongodb::bson::{Bson, Document, doc};
use sha2::{Digest, Sha256};

use crate::catalogue::FailureKind;
use crate::collectors::license;
use crate::collectors::license::reader::LicenseReader;
use crate::http::AuthenticatedUser;
use crate::mongodb::{Access, QueryContext, SourceError, bson};

/// The role that a valid license restricts to a few permissions, none of which counts here.
const GUEST: &str = "guest";

/// Looks up the account of a login token as `/api/v1` does: by the base64 of the token's SHA-256 in
/// `users.services.resume.loginTokens`. Personal access tokens are login tokens, too.
pub async fn by_login_token(
    query: &QueryContext<'_>,
    licenses: &LicenseReader,
    user_id: &str,
    token: &str,
) -> Result<Option<AuthenticatedUser>, SourceError> {
    let hashed = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(token));
    let filter = doc! { "_id": user_id, "services.resume.loginTokens.hashedToken": hashed };
    find(query, licenses, filter).await
}

/// Looks up the account of an unexpired token in `rocketchat_oauth_access_tokens`.
pub async fn by_access_token(
    query: &mut QueryContext<'_>,
    licenses: &LicenseReader,
    token: &str,
) -> Result<Option<AuthenticatedUser>, SourceError> {
    const COLLECTION: &str = "rocketchat_oauth_access_tokens";
    if let Access::Refused = query.access(COLLECTION, "accessToken").await? {
        return Err(SourceError::new(
            FailureKind::MissingIndex,
            "finding an OAuth access token would read all of them because the index is missing; create it with db.rocketchat_oauth_access_tokens.createIndex({accessToken: 1})",
        ));
    }
    let projection = doc! { "userId": 1, "expires": 1 };
    let grant = query
        .find_one(COLLECTION, doc! { "accessToken": token }, projection)
        .await?;
    let now = query.now().await?;
    let is_valid = |grant: &Document| match grant.get("expires") {
        None | Some(Bson::Null | Bson::Undefined) => true,
        expires => bson::timestamp(expires).is_some_and(|expires| now < expires),
    };
    match grant
        .filter(is_valid)
        .and_then(|grant| bson::text(grant.get("userId")))
    {
        Some(user_id) => find(query, licenses, doc! { "_id": user_id }).await,
        None => Ok(None),
    }
}

/// The account that matches. Deactivated accounts are rejected; Rocket.Chat relies on the removal of their tokens.
async fn find(
    query: &QueryContext<'_>,
    licenses: &LicenseReader,
    filter: Document,
) -> Result<Option<AuthenticatedUser>, SourceError> {
    let projection = doc! { "roles": 1, "active": 1, "username": 1 };
    let Some(account) = query.find_one("users", filter, projection).await? else {
        return Ok(None);
    };
    if account.get("active") == Some(&Bson::Boolean(false)) {
        return Ok(None);
    }
    let has_username = account.contains_key("username");
    let roles = bson::texts(account.get("roles"));
    if roles.iter().any(|role| role == GUEST) && license::query::is_valid(query, licenses).await? {
        return Ok(Some(AuthenticatedUser {
            has_username,
            ..AuthenticatedUser::default()
        }));
    }
    let ids = doc! { "_id": { "$in": ["view-statistics", "api-bypass-rate-limit"] } };
    let permissions = query
        .find("rocketchat_permissions", ids, doc! { "roles": 1 })
        .await?;
    let has = |permission: &str| {
        permissions
            .iter()
            .filter(|document| document.get_str("_id").is_ok_and(|id| id == permission))
            .flat_map(|document| bson::texts(document.get("roles")))
            .any(|role| roles.contains(&role))
    };
    Ok(Some(AuthenticatedUser {
        has_username,
        may_view_statistics: has("view-statistics"),
        bypasses_rate_limit: has("api-bypass-rate-limit"),
    }))
}

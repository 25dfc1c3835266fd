//! Accounts: who a user id and a login token belong to, and what they may see.

use base64::Engine;
use mongodb::bson::{Bson, doc};
use sha2::{Digest, Sha256};

use super::Question;
use crate::sources::{SourceError, mongo::convert};

/// An account that logged in.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whether one of its roles has the permission `view-statistics`.
    pub may_view_statistics: bool,
}

/// Looks up the account, by the rule of `/api/v1`: the token's SHA-256, in base64, is among its login tokens.
/// Unlike Rocket.Chat, which relies on the removal of their tokens, deactivated accounts are refused.
pub async fn find(
    question: &Question<'_>,
    user_id: &str,
    token: &str,
) -> Result<Option<Account>, SourceError> {
    let hashed = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(token));
    let filter = doc! { "_id": user_id, "services.resume.loginTokens.hashedToken": hashed };
    let projection = doc! { "roles": 1, "active": 1 };
    let Some(account) = question.find_one("users", filter, projection).await? else {
        return Ok(None);
    };
    if account.get("active") == Some(&Bson::Boolean(false)) {
        return Ok(None);
    }
    let permission = question
        .find_one(
            "rocketchat_permissions",
            doc! { "_id": "view-statistics" },
            doc! { "roles": 1 },
        )
        .await?
        .unwrap_or_default();
    let permitted = texts(permission.get("roles"));
    Ok(Some(Account {
        may_view_statistics: texts(account.get("roles"))
            .iter()
            .any(|role| permitted.contains(role)),
    }))
}

fn texts(value: Option<&Bson>) -> Vec<String> {
    match value {
        Some(Bson::Array(items)) => items
            .iter()
            .filter_map(|item| convert::text(Some(item)))
            .collect(),
        _ => Vec::new(),
    }
}

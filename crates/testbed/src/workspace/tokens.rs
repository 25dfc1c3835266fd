//! Login tokens as Meteor stores them: only the hash is in the database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::{DateTime, Document, doc};
use sha2::{Digest, Sha256};

/// What `services.resume.loginTokens` holds of a token.
pub(super) fn hashed(token: &str) -> String {
    STANDARD.encode(Sha256::digest(token))
}

/// A token a person made in the account's settings, for scripts.
pub(super) fn personal_access_token(token: &str, created: DateTime) -> Document {
    doc! {
        "hashedToken": hashed(token),
        "type": "personalAccessToken",
        "createdAt": created,
        "lastTokenPart": &token[token.len().saturating_sub(6)..],
        "name": "statistics",
        "bypassTwoFactor": true,
    }
}

/// A token that a login made.
pub(super) fn login_token(token: &str, when: DateTime) -> Document {
    doc! { "when": when, "hashedToken": hashed(token) }
}

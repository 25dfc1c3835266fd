//! Login tokens as Meteor stores them: as hashes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::{DateTime, Document, doc};
use sha2::{Digest, Sha256};

/// The hash of a token in `services.resume.loginTokens`.
pub(super) fn hashed(token: &str) -> String {
    STANDARD.encode(Sha256::digest(token))
}

/// A personal access token, which a user creates for scripts.
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

/// A token that a login created.
pub(super) fn login_token(token: &str, when: DateTime) -> Document {
    doc! { "when": when, "hashedToken": hashed(token) }
}

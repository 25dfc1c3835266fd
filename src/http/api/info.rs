//! `GET /api/info` and `GET /api/v1/info`: the workspace's version, without a login.

use hyper::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::catalogue::Version;
use crate::collectors::Snapshot;
use crate::http::response::{self, Response};
use crate::http::{AuthenticatedUser, Unavailable};

/// From this version on the patch version is hidden from users without `view-statistics`.
const HIDES_PATCH: Version = Version::new(4, 0, 0);

/// `/api/info`.
pub fn version(
    snapshot: &Snapshot,
    user: Option<AuthenticatedUser>,
) -> Result<Response, Unavailable> {
    let version = version_for(snapshot, user)?;
    let body = json!({ "version": version, "success": true });
    Ok(response::json(StatusCode::OK, body.to_string()))
}

/// `/api/v1/info`: with build details of the newest stored document, for users with `view-statistics`.
pub fn details(
    snapshot: &Snapshot,
    user: Option<AuthenticatedUser>,
) -> Result<Response, Unavailable> {
    let mut info = Map::new();
    info.insert("version".to_owned(), version_for(snapshot, user)?.into());
    if user.is_some_and(|user| user.may_view_statistics) {
        let stored = snapshot.stored_document.as_ref();
        let document = stored.and_then(|stored| stored.document.as_ref());
        let text = |path: &[&str]| Some(Json::from(document?.text(path)?));
        let mut commit = Map::new();
        for key in ["tag", "branch"] {
            if let Some(text) = text(&[key]) {
                commit.insert(key.to_owned(), text);
            }
        }
        if !commit.is_empty() {
            info.insert("commit".to_owned(), commit.into());
        }
        // The document's name for the version of the Apps-Engine.
        if let Some(text) = text(&["apps", "engineVersion"]) {
            info.insert("marketplaceApiVersion".to_owned(), text);
        }
    }
    let body = json!({ "info": info, "success": true });
    Ok(response::json(StatusCode::OK, body.to_string()))
}

/// The version, in full for users with `view-statistics`.
fn version_for(
    snapshot: &Snapshot,
    user: Option<AuthenticatedUser>,
) -> Result<String, Unavailable> {
    let name = snapshot.version_name().ok_or(Unavailable)?;
    let is_hidden = snapshot
        .version()
        .is_some_and(|version| version >= HIDES_PATCH)
        && !user.is_some_and(|user| user.may_view_statistics);
    Ok(match name.match_indices('.').nth(1) {
        Some((end, _)) if is_hidden => name[..end].to_owned(),
        _ => name,
    })
}

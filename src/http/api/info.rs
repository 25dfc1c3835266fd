//! `GET /api/info` and `GET /api/v1/info`: the workspace's version and address, without a login.

use hyper::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::errors;
use crate::catalogue::{Value, Version};
use crate::collectors::Snapshot;
use crate::http::response::{self, Response};
use crate::http::{AuthenticatedUser, Unavailable};
use crate::license::site_url;

/// From this version on the patch version is hidden from users without `view-statistics`.
const HIDES_PATCH: Version = Version::new(4, 0, 0);

/// From this version on `/api/info` has the workspace's address: the published types of 8.3.8 lack it, those of 8.6.1
/// have it.
const SHOWS_ADDRESS: Version = Version::new(8, 4, 0);

/// `/api/info`: from 8.4 on with what the settings tell of the workspace. `minimumClientVersions` and
/// `supportedVersions` are left out, because they come from Rocket.Chat's build and cloud.
pub fn version(
    snapshot: &Snapshot,
    user: Option<AuthenticatedUser>,
) -> Result<Response, Unavailable> {
    if is_unknown(snapshot) {
        return Ok(errors::unknown_version());
    }
    let version = version_for(snapshot, user)?;
    let shows_address = snapshot
        .version()
        .is_some_and(|version| version >= SHOWS_ADDRESS);
    let mut info = Map::new();
    if shows_address && let Some(address) = snapshot.workspace_url() {
        info.insert("workspaceUrl".to_owned(), address.into());
        let hash = site_url::hashed_workspace_url(address);
        info.insert("hashedWorkspaceUrl".to_owned(), hash.into());
    }
    info.insert("version".to_owned(), version.into());
    if shows_address && let Some(id) = cloud_workspace_id(snapshot) {
        info.insert("cloudWorkspaceId".to_owned(), id.into());
    }
    info.insert("success".to_owned(), true.into());
    let body = Json::Object(info);
    Ok(response::json(StatusCode::OK, body.to_string()))
}

/// The setting `Cloud_Workspace_Id`, which is empty where the workspace is not registered.
fn cloud_workspace_id(snapshot: &Snapshot) -> Option<&str> {
    let settings = snapshot.settings.as_ref()?;
    settings
        .value("Cloud_Workspace_Id")
        .and_then(Value::as_text)
}

/// `/api/v1/info`: with build details of the newest stored document, for users with `view-statistics`.
pub fn details(
    snapshot: &Snapshot,
    user: Option<AuthenticatedUser>,
) -> Result<Response, Unavailable> {
    if is_unknown(snapshot) {
        return Ok(errors::unknown_version());
    }
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

/// Whether the database was read, and nothing in it tells the version.
fn is_unknown(snapshot: &Snapshot) -> bool {
    let is_read = snapshot.stored_document.is_some() && snapshot.workspace.is_some();
    is_read && snapshot.version_name().is_none()
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

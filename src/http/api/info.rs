//! `GET /api/info` and `GET /api/v1/info`: the workspace's version, for everybody.

use hyper::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::catalogue::Version;
use crate::collectors::Snapshot;
use crate::http::response::{self, Response};
use crate::http::{Login, Unavailable};

/// From this version on strangers are told the release line only.
const HIDES_PATCH: Version = Version::new(4, 0, 0);

/// The version alone.
pub fn version(snapshot: &Snapshot, login: Option<Login>) -> Result<Response, Unavailable> {
    let version = version_for(snapshot, login)?;
    let body = json!({ "version": version, "success": true });
    Ok(response::json(StatusCode::OK, body.to_string()))
}

/// The version; and what the newest stored document tells of its build, to those who may see that document.
pub fn details(snapshot: &Snapshot, login: Option<Login>) -> Result<Response, Unavailable> {
    let mut info = Map::new();
    info.insert("version".to_owned(), version_for(snapshot, login)?.into());
    if login.is_some_and(|login| login.may_view_statistics) {
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
        // The document calls it so; both are the version of the Apps-Engine.
        if let Some(text) = text(&["apps", "engineVersion"]) {
            info.insert("marketplaceApiVersion".to_owned(), text);
        }
    }
    let body = json!({ "info": info, "success": true });
    Ok(response::json(StatusCode::OK, body.to_string()))
}

/// The version, whole for those who may see the statistics.
fn version_for(snapshot: &Snapshot, login: Option<Login>) -> Result<String, Unavailable> {
    let name = snapshot.version_name().ok_or(Unavailable)?;
    let is_hidden = snapshot.version().is_some_and(|it| it >= HIDES_PATCH)
        && !login.is_some_and(|login| login.may_view_statistics);
    Ok(match name.match_indices('.').nth(1) {
        Some((end, _)) if is_hidden => name[..end].to_owned(),
        _ => name,
    })
}

//! `GET /api/info` and `GET /api/v1/info`: the workspace's version, for everybody.

use hyper::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::respond::{self, Response};
use super::{Login, Unavailable};
use crate::statistics::{Snapshot, Value};

/// The version alone.
pub fn version(snapshot: &Snapshot) -> Result<Response, Unavailable> {
    let version = version_of(snapshot)?;
    let body = json!({ "version": version, "success": true });
    Ok(respond::json(StatusCode::OK, body.to_string()))
}

/// The version; and what the newest stored document tells of its build, to those who may see that document.
pub fn details(snapshot: &Snapshot, login: Option<Login>) -> Result<Response, Unavailable> {
    let mut info = Map::new();
    info.insert("version".to_owned(), version_of(snapshot)?.into());
    if login.is_some_and(|login| login.may_view_statistics) {
        let stored = snapshot.stored.as_ref();
        let document = stored.and_then(|stored| stored.document.as_ref());
        let text = |path: &[&str]| {
            let value = path
                .iter()
                .try_fold(document?, |value: &Value, key| value.get(key))?;
            Some(Json::from(value.as_text()?))
        };
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
    Ok(respond::json(StatusCode::OK, body.to_string()))
}

/// As configured, else as the newest stored document says, with whatever suffix it has.
fn version_of(snapshot: &Snapshot) -> Result<String, Unavailable> {
    let configured = snapshot
        .configured_version
        .map(|version| version.to_string());
    let stored = || Some(snapshot.stored.as_ref()?.version()?.to_owned());
    configured.or_else(stored).ok_or(Unavailable)
}

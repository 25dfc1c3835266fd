//! Settings: those that the catalogue names, by their ids, and the modules that count as licensed.

use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{Setting, Settings, setting_ids};

/// Settings that define an OAuth service of the workspace's own.
const CUSTOM_OAUTH: &str = "^Accounts_OAuth_Custom-[^-]+$";

pub async fn read(question: &Question<'_>) -> Result<Settings, SourceError> {
    let filter = doc! { "$or": [
        { "_id": { "$in": setting_ids() } },
        { "_id": { "$regex": CUSTOM_OAUTH } },
    ] };
    let fields =
        doc! { "value": 1, "packageValue": 1, "invalidValue": 1, "enterprise": 1, "modules": 1 };
    let mut settings = Settings {
        grants: question.grants.clone(),
        ..Settings::default()
    };
    for document in question.find("rocketchat_settings", filter, fields).await? {
        let Some(id) = convert::text(document.get("_id")) else {
            continue;
        };
        if id.starts_with("Accounts_OAuth_Custom-") {
            settings.custom_oauth += 1;
        } else {
            settings.by_id.insert(id, setting(&document));
        }
    }
    Ok(settings)
}

fn setting(document: &Document) -> Setting {
    let value = |key: &str| convert::value(document.get(key)?);
    Setting {
        value: value("value"),
        package_value: value("packageValue"),
        invalid_value: value("invalidValue"),
        enterprise: document.get("enterprise") == Some(&Bson::Boolean(true)),
        modules: match document.get("modules") {
            Some(Bson::Array(modules)) => modules
                .iter()
                .filter_map(|module| convert::text(Some(module)))
                .collect(),
            _ => Vec::new(),
        },
    }
}

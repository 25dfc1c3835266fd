//! Settings: those that the catalogue names, by their ids, and the modules that count as licensed.

use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{NeedsLicense, Setting, Settings, setting_ids};

/// Settings that define an OAuth service of the workspace's own.
const CUSTOM_OAUTH: &str = "^Accounts_OAuth_Custom-[^-]+$";

pub async fn read(question: &Question<'_>) -> Result<Settings, SourceError> {
    let ids = setting_ids();
    let filter = doc! { "$or": [
        { "_id": { "$in": &ids } },
        { "_id": { "$regex": CUSTOM_OAUTH } },
    ] };
    let fields =
        doc! { "value": 1, "packageValue": 1, "invalidValue": 1, "enterprise": 1, "modules": 1 };
    let mut found = Vec::new();
    let mut custom_oauth = 0;
    for document in question.find("rocketchat_settings", filter, fields).await? {
        let Some(Bson::String(id)) = document.get("_id") else {
            continue;
        };
        if id.starts_with("Accounts_OAuth_Custom-") {
            custom_oauth += 1;
        } else if let Ok(place) = ids.binary_search(&id.as_str()) {
            found.push((ids[place], setting(&document)));
        }
    }
    Ok(Settings::new(found, question.grants.clone(), custom_oauth))
}

fn setting(document: &Document) -> Setting {
    let value = |key: &str| convert::value(document.get(key)?);
    let needs_license = document.get("enterprise") == Some(&Bson::Boolean(true));
    let chosen = value("value");
    Setting {
        changed: chosen != value("packageValue"),
        value: chosen,
        needs_license: needs_license.then(|| {
            Box::new(NeedsLicense {
                invalid_value: value("invalidValue"),
                modules: convert::texts(document.get("modules")),
            })
        }),
    }
}

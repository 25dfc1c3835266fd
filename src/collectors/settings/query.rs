//! Settings: those in the catalogue, by id.

use mongodb::bson::{Document, doc};
use mongodb::options::Hint;

use super::{NeedsLicense, Setting, Settings};
use crate::collectors::context::CollectorContext;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{SourceError, bson};

/// Ids of settings that define a custom OAuth service.
const CUSTOM_OAUTH: &str = "^Accounts_OAuth_Custom-[^-]+$";

/// Maximum size of a value in bytes; scripts and pages are longer, and never shown.
const MAX_VALUE_BYTES: i32 = 16_384;

/// Maximum number of custom OAuth services in the document.
const MAX_OAUTH_SERVICES: u64 = 1_000;

const COLLECTION: &str = "rocketchat_settings";

pub async fn read(query: &mut CollectorContext<'_>, _: &Snapshot) -> Result<Settings, SourceError> {
    let ids = super::ids();
    let fields = doc! {
        "value": bson::at_most("$value", MAX_VALUE_BYTES),
        "isLong": { "$gt": [bson::size("$value"), MAX_VALUE_BYTES] },
        "changed": { "$ne": ["$value", "$packageValue"] },
        "invalidValue": bson::at_most("$invalidValue", MAX_VALUE_BYTES),
        "enterprise": { "$eq": ["$enterprise", true] },
        "modules": bson::at_most("$modules", MAX_VALUE_BYTES),
    };
    let filter = doc! { "_id": { "$in": &ids } };
    let mut found = Vec::new();
    for document in query.find(COLLECTION, filter, fields).await? {
        let id = document.get_str("_id").unwrap_or_default();
        if let Ok(place) = ids.binary_search(&id) {
            found.push((ids[place], setting(&document)));
        }
        query.left_out("long_values", u64::from(is_true(&document, "isLong")));
    }
    let by_id = Hint::Name("_id_".to_owned());
    let is_service = doc! { "_id": { "$regex": CUSTOM_OAUTH } };
    let services = query.count(COLLECTION, is_service, Some(by_id)).await?;
    let services = services.unwrap_or_default();
    query.left_out(
        "login_services",
        services.saturating_sub(MAX_OAUTH_SERVICES),
    );
    let listed = usize::try_from(services.min(MAX_OAUTH_SERVICES)).expect("it is small");
    Ok(Settings::new(found, query.grants.clone(), listed))
}

fn setting(document: &Document) -> Setting {
    let value = |key: &str| bson::value(document.get(key)?);
    Setting {
        changed: is_true(document, "changed"),
        value: value("value"),
        needs_license: is_true(document, "enterprise").then(|| {
            Box::new(NeedsLicense {
                invalid_value: value("invalidValue"),
                modules: bson::texts(document.get("modules")),
            })
        }),
    }
}

fn is_true(document: &Document, key: &str) -> bool {
    document.get_bool(key).unwrap_or(false)
}

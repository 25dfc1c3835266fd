//! The license: settings by their ids, validated with the snapshot.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use super::reader::LicenseReader;
use super::{Grants, HeldLicense, License};
use crate::catalogue::Value;
use crate::collectors::context::CollectorContext;
use crate::collectors::snapshot::Snapshot;
use crate::license::{LicenseSettings, MAX_LICENSE_BYTES, TooLong};
use crate::mongodb::{QueryContext, SourceError, bson};

/// The setting of the license, and the one of Rocket.Chat's cloud, where early versions stored it.
const TEXTS: [&str; 2] = ["Enterprise_License", "Cloud_Workspace_License"];

const STATUS: &str = "Enterprise_License_Status";
const SITE_URL: &str = "Site_Url";

pub async fn read(
    context: &mut CollectorContext<'_>,
    known: &Snapshot,
) -> Result<License, SourceError> {
    let held = held(context, context.licenses, known).await?;
    let configured = context.licenses.configured().cloned();
    Ok(License {
        configured: configured.is_some(),
        grants: configured.unwrap_or_else(|| granted(held.as_ref(), known)),
        held,
    })
}

/// The modules that count as licensed. While the settings cannot be read there are none, so that the collectors that
/// depend on them still read the rest.
pub async fn grants(
    query: &QueryContext<'_>,
    licenses: &LicenseReader,
    known: &Snapshot,
) -> Result<Grants, SourceError> {
    if let Some(configured) = licenses.configured() {
        return Ok(configured.clone());
    }
    match held(query, licenses, known).await {
        Ok(held) => Ok(granted(held.as_ref(), known)),
        Err(error) if error.kind.is_database_down() => Err(error),
        Err(_) => Ok(Grants::None),
    }
}

/// Whether any license counts, including one that only Rocket.Chat can read.
pub async fn is_valid(
    query: &QueryContext<'_>,
    licenses: &LicenseReader,
) -> Result<bool, SourceError> {
    if licenses.configured().is_some() {
        return Ok(true);
    }
    let settings = settings(query).await?;
    let now = query.now().await?;
    let held = licenses.judge(&settings, &Snapshot::default(), now).await?;
    Ok(settings.status == "Valid" || held.is_some_and(|license| license.is_valid()))
}

/// The modules of a license; those in the newest stored statistics when only Rocket.Chat can read the license.
fn granted(held: Option<&HeldLicense>, known: &Snapshot) -> Grants {
    match held {
        Some(held) if held.is_valid() => Grants::Modules(match &held.content {
            Some(content) => content.modules.clone(),
            None => modules_of_statistics(known).unwrap_or_default(),
        }),
        _ => Grants::None,
    }
}

fn modules_of_statistics(known: &Snapshot) -> Option<Vec<String>> {
    let document = known.stored_document.as_ref()?.document.as_ref()?;
    let Value::List(modules) = document.get(&["enterprise", "modules"])? else {
        return None;
    };
    let names = modules.iter().filter_map(Value::as_text);
    Some(names.map(str::to_owned).collect())
}

async fn held(
    query: &QueryContext<'_>,
    licenses: &LicenseReader,
    known: &Snapshot,
) -> Result<Option<HeldLicense>, SourceError> {
    let settings = settings(query).await?;
    let now = query.now().await?;
    licenses.judge(&settings, known, now).await
}

/// The settings; too long a text is not fetched.
async fn settings(query: &QueryContext<'_>) -> Result<LicenseSettings, SourceError> {
    let ids: Vec<&str> = TEXTS.into_iter().chain([STATUS, SITE_URL]).collect();
    let is_text = doc! { "$eq": [{ "$type": "$value" }, "string"] };
    let text = doc! { "$cond": [is_text, "$value", ""] };
    let longest = i64::try_from(MAX_LICENSE_BYTES).unwrap_or(i64::MAX);
    let is_short = doc! { "$lte": [{ "$strLenBytes": &text }, longest] };
    let fields = doc! { "value": { "$cond": [is_short, text, Bson::Null] } };
    let filter = doc! { "_id": { "$in": ids } };
    let values: HashMap<String, Option<String>> = query
        .find("rocketchat_settings", filter, fields)
        .await?
        .iter()
        .filter_map(|setting: &Document| {
            let id = bson::text(setting.get("_id"))?;
            Some((id, bson::text(setting.get("value"))))
        })
        .collect();
    let value = |id: &str| match values.get(id) {
        Some(Some(text)) => Ok(text.clone()),
        Some(None) => Err(TooLong),
        None => Ok(String::new()),
    };
    let text = TEXTS
        .into_iter()
        .map(value)
        .find(|text| !text.as_ref().is_ok_and(|text| text.trim().is_empty()));
    Ok(LicenseSettings {
        text: text.unwrap_or(Ok(String::new())),
        status: value(STATUS).unwrap_or_default(),
        site_url: value(SITE_URL).unwrap_or_default(),
    })
}

//! The license: settings by their ids, validated with the snapshot.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use super::known::KnownLicenses;
use super::{Grants, HeldLicense, License, LimitKind};
use crate::catalogue::{Timestamp, Value};
use crate::collectors::snapshot::Snapshot;
use crate::license::{Circumstances, LONGEST, LicenseSettings, TooLong};
use crate::mongodb::{Mongo, QueryContext, SourceError, bson};

/// The license that counts, and the one that came from Rocket.Chat's cloud: early versions noted it only there.
const TEXTS: [&str; 2] = ["Enterprise_License", "Cloud_Workspace_License"];

const STATUS: &str = "Enterprise_License_Status";
const SITE_URL: &str = "Site_Url";

pub async fn read(
    question: &mut QueryContext<'_>,
    known: &Snapshot,
) -> Result<License, SourceError> {
    let held = held(question, known).await?;
    let configured = question.mongo.license.configured.clone();
    Ok(License {
        configured: configured.is_some(),
        grants: configured.unwrap_or_else(|| granted(held.as_ref(), known)),
        held,
    })
}

/// The modules that count. While the settings cannot be read there are none: what else a collector reads is not to
/// be lost for it.
pub async fn grants(question: &QueryContext<'_>, known: &Snapshot) -> Result<Grants, SourceError> {
    if let Some(configured) = &question.mongo.license.configured {
        return Ok(configured.clone());
    }
    match held(question, known).await {
        Ok(held) => Ok(granted(held.as_ref(), known)),
        Err(error) if error.kind.is_database_down() => Err(error),
        Err(_) => Ok(Grants::None),
    }
}

/// Whether any license counts; also one that only Rocket.Chat holds to be valid, because it forbids and allows nothing.
pub async fn is_valid(question: &QueryContext<'_>) -> Result<bool, SourceError> {
    if question.mongo.license.configured.is_some() {
        return Ok(true);
    }
    let settings = settings(question).await?;
    let now = question.now().await?;
    let mongo = question.mongo;
    let nothing = Snapshot::default();
    let held = judged(mongo, &mongo.license_in_settings, &settings, &nothing, now).await?;
    Ok(settings.status == "Valid" || held.is_some_and(|license| license.is_valid()))
}

/// What a license grants: when only Rocket.Chat can read it, the modules that its newest statistics name.
fn granted(held: Option<&HeldLicense>, known: &Snapshot) -> Grants {
    match held {
        Some(held) if held.is_valid() => Grants::Modules(match &held.content {
            Some(content) => content.modules.clone(),
            None => named_by_statistics(known).unwrap_or_default(),
        }),
        _ => Grants::None,
    }
}

fn named_by_statistics(known: &Snapshot) -> Option<Vec<String>> {
    let document = known.stored_document.as_ref()?.document.as_ref()?;
    let Value::List(modules) = document.get(&["enterprise", "modules"])? else {
        return None;
    };
    let names = modules.iter().filter_map(Value::as_text);
    Some(names.map(str::to_owned).collect())
}

async fn held(
    question: &QueryContext<'_>,
    known: &Snapshot,
) -> Result<Option<HeldLicense>, SourceError> {
    let settings = settings(question).await?;
    let now = question.now().await?;
    let mongo = question.mongo;
    judged(mongo, &mongo.license_in_settings, &settings, known, now).await
}

impl Mongo {
    /// A license that is not in the settings, judged as if it were, with what the last readings tell; nothing is asked.
    /// `None` when the text is empty.
    ///
    /// # Errors
    /// When others are being read and take long.
    pub async fn judge_license(
        &self,
        text: &str,
        known: &Snapshot,
    ) -> Result<Option<HeldLicense>, SourceError> {
        let site_url = known
            .workspace
            .as_ref()
            .and_then(|workspace| workspace.site_url.as_ref());
        let site_url = site_url.and_then(Value::as_text).unwrap_or_default();
        let settings = LicenseSettings {
            text: Ok(text.to_owned()),
            status: String::new(),
            site_url: site_url.to_owned(),
        };
        judged(self, &self.pasted_license, &settings, known, self.now()).await
    }
}

async fn judged(
    mongo: &Mongo,
    licenses: &KnownLicenses,
    settings: &LicenseSettings,
    known: &Snapshot,
    now: Timestamp,
) -> Result<Option<HeldLicense>, SourceError> {
    let key = mongo.license.key.as_ref();
    let opened = licenses
        .open(key, &mongo.timezone, settings, known.version())
        .await?;
    let circumstances = Circumstances {
        key,
        now,
        version: known.version(),
        timezone: &mongo.timezone,
        used: &|kind| used(kind, known),
    };
    Ok(opened.map(|opened| opened.judge(settings, &circumstances)))
}

/// What is used of what may be limited, as the last readings counted it.
fn used(kind: LimitKind, known: &Snapshot) -> Option<u64> {
    let (users, apps) = (known.users.as_ref(), known.apps.as_ref());
    match kind {
        LimitKind::ActiveUsers => Some(users?.seats()),
        LimitKind::GuestUsers => Some(users?.guests()),
        LimitKind::PrivateApps => Some(apps?.private_enabled),
        LimitKind::MarketplaceApps => {
            apps.map(|apps| apps.enabled.saturating_sub(apps.private_enabled))
        }
        LimitKind::MonthlyActiveContacts => known.omnichannel.as_ref()?.active_contacts,
        LimitKind::RoomsPerGuest => None,
    }
}

/// The settings; a text that is longer than any license is not even fetched.
async fn settings(question: &QueryContext<'_>) -> Result<LicenseSettings, SourceError> {
    let ids: Vec<&str> = TEXTS.into_iter().chain([STATUS, SITE_URL]).collect();
    let is_text = doc! { "$eq": [{ "$type": "$value" }, "string"] };
    let text = doc! { "$cond": [is_text, "$value", ""] };
    let longest = i64::try_from(LONGEST).unwrap_or(i64::MAX);
    let is_short = doc! { "$lte": [{ "$strLenBytes": &text }, longest] };
    let fields = doc! { "value": { "$cond": [is_short, text, Bson::Null] } };
    let filter = doc! { "_id": { "$in": ids } };
    let values: HashMap<String, Option<String>> = question
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

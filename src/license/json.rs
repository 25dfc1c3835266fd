//! The JSON of licenses in both versions. Other fields, such as the licensee, are never read.

use serde::Deserialize;

/// A license of version 3.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseV3Json {
    pub information: InformationJson,
    pub validation: ValidationJson,
    pub granted_modules: Vec<ModuleJson>,
    pub limits: Option<LimitsJson>,
}

/// General information.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InformationJson {
    pub tags: Option<Vec<TagJson>>,
    pub trial: Option<bool>,
    pub offline: Option<bool>,
    pub visual_expiration: Option<String>,
}

/// A plan.
#[derive(Deserialize)]
pub struct TagJson {
    pub name: String,
    pub color: Option<String>,
}

/// Where and when the license is valid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationJson {
    pub server_urls: Vec<ServerUrlJson>,
    pub valid_periods: Option<Vec<ValidPeriodJson>>,
}

/// An address.
#[derive(Deserialize)]
pub struct ServerUrlJson {
    pub value: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// A period.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidPeriodJson {
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub invalid_behavior: String,
    pub modules: Option<Vec<String>>,
}

/// A module.
#[derive(Deserialize)]
pub struct ModuleJson {
    pub module: String,
}

/// Limits by kind.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct LimitsJson {
    pub active_users: Option<Vec<LimitJson>>,
    pub guest_users: Option<Vec<LimitJson>>,
    pub rooms_per_guest: Option<Vec<LimitJson>>,
    pub private_apps: Option<Vec<LimitJson>>,
    pub marketplace_apps: Option<Vec<LimitJson>>,
    pub monthly_active_contacts: Option<Vec<LimitJson>>,
}

/// One limit of a kind.
#[derive(Deserialize)]
pub struct LimitJson {
    pub max: f64,
    pub behavior: String,
    pub modules: Option<Vec<String>>,
}

/// A license of version 2.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseV2Json {
    pub url: String,
    pub expiry: String,
    pub modules: Vec<String>,
    pub max_active_users: Option<f64>,
    pub max_guest_users: Option<f64>,
    pub max_rooms_per_guest: Option<f64>,
    pub tag: Option<TagJson>,
    pub meta: Option<MetaJson>,
    pub apps: Option<AppLimitsJson>,
}

/// Additions by the cloud.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct MetaJson {
    pub trial: Option<bool>,
    pub trial_end: Option<String>,
}

/// Limits of enabled apps.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct AppLimitsJson {
    pub max_private_apps: Option<f64>,
    pub max_marketplace_apps: Option<f64>,
}

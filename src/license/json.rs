//! The JSON of licenses, in both versions. What is not named here, such as whom one was granted to, is never read.

use serde::Deserialize;

/// A license of version 3, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V3 {
    pub information: Information,
    pub validation: Validation,
    pub granted_modules: Vec<Module>,
    pub limits: Option<Limits>,
}

/// What it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Information {
    pub tags: Option<Vec<Tag>>,
    pub trial: Option<bool>,
    pub offline: Option<bool>,
    pub visual_expiration: Option<String>,
}

/// A plan.
#[derive(Deserialize)]
pub struct Tag {
    pub name: String,
    pub color: Option<String>,
}

/// Where and when it is valid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    pub server_urls: Vec<ServerUrl>,
    pub valid_periods: Option<Vec<ValidPeriod>>,
}

/// An address.
#[derive(Deserialize)]
pub struct ServerUrl {
    pub value: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// A period.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidPeriod {
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub invalid_behavior: String,
    pub modules: Option<Vec<String>>,
}

/// A module.
#[derive(Deserialize)]
pub struct Module {
    pub module: String,
}

/// Limits by their kind.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    pub active_users: Option<Vec<MaxOfKind>>,
    pub guest_users: Option<Vec<MaxOfKind>>,
    pub rooms_per_guest: Option<Vec<MaxOfKind>>,
    pub private_apps: Option<Vec<MaxOfKind>>,
    pub marketplace_apps: Option<Vec<MaxOfKind>>,
    pub monthly_active_contacts: Option<Vec<MaxOfKind>>,
}

/// One limit of a kind.
#[derive(Deserialize)]
pub struct MaxOfKind {
    pub max: f64,
    pub behavior: String,
    pub modules: Option<Vec<String>>,
}

/// A license of version 2, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V2 {
    pub url: String,
    pub expiry: String,
    pub modules: Vec<String>,
    pub max_active_users: Option<f64>,
    pub max_guest_users: Option<f64>,
    pub max_rooms_per_guest: Option<f64>,
    pub tag: Option<Tag>,
    pub meta: Option<Meta>,
    pub apps: Option<AppLimits>,
}

/// What the cloud adds.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub trial: Option<bool>,
    pub trial_end: Option<String>,
}

/// How many apps may be enabled.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct AppLimits {
    pub max_private_apps: Option<f64>,
    pub max_marketplace_apps: Option<f64>,
}

//! The card Federation: Rocket.Chat's old federation, and Matrix from the version that has it. From 9.0 on there is native
//! federation only, and the settings of the others are gone.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::card::{PageData, check, row, rows, unknown};
use crate::catalogue::Value;
use crate::collectors::Collector;

pub fn card(data: &PageData<'_>) -> Markup {
    let content = if data.since(9, 0) {
        native(data)
    } else {
        old(data)
    };
    let is_on = if data.since(9, 0) {
        is_on(data, "Federation_Service_Enabled")
    } else {
        let matrix = data
            .field("matrixFederation.enabled")
            .and_then(Json::as_bool);
        match (is_on(data, "FEDERATION_Enabled"), matrix) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (old, matrix) => old.or(matrix),
        }
    };
    let content = html! {
        @if is_on == Some(false) {
            details #federation-rows { summary { "Off" } (rows(&content)) }
        } @else { (rows(&content)) }
        @if let Some(address) = data.settings_page("Federation") {
            p.action { a.button href=(address) rel="noopener" { "Federation settings" } }
        }
    };
    let collectors = [Collector::Settings, Collector::Federation, Collector::Users];
    data.card("federation", "Federation", &collectors, &content)
}

fn native(data: &PageData<'_>) -> Markup {
    html! {
        (row("Federation Enabled", &check(is_on(data, "Federation_Service_Enabled"))))
        (row("Domain", &text(data, "Federation_Service_Domain")))
        (data.count("Users", "matrixFederation.amountOfExternalUsers"))
        (data.count("Rooms", "matrixFederation.amountOfFederatedRooms"))
    }
}

fn old(data: &PageData<'_>) -> Markup {
    html! {
        (row("Federation Enabled", &check(is_on(data, "FEDERATION_Enabled"))))
        (row("Domain", &text(data, "FEDERATION_Domain")))
        (row("Discovery Method", &text(data, "FEDERATION_Discovery_Method")))
        (row("Federation Healthy", &check(is_on(data, "FEDERATION_Healthy"))))
        (row("Populated", &check(is_on(data, "FEDERATION_Populated"))))
        (data.count("Servers", "federatedServers"))
        (data.count("Users", "federatedUsers"))
        @if let Some(enabled) = data.field("matrixFederation.enabled").and_then(Json::as_bool) {
            (row("Matrix Enabled", &check(Some(enabled))))
            (data.count("Matrix Servers", "matrixFederation.externalConnectedServers.quantity"))
            (data.count("Matrix Users", "matrixFederation.amountOfExternalUsers"))
            (data.count("Matrix Rooms", "matrixFederation.amountOfFederatedRooms"))
        }
    }
}

fn is_on(data: &PageData<'_>, setting: &str) -> Option<bool> {
    match data.setting(setting)? {
        Value::Bool(value) => Some(*value),
        _ => None,
    }
}

fn text(data: &PageData<'_>, setting: &str) -> Markup {
    let text = data.setting(setting).and_then(Value::as_text);
    match text.filter(|text| !text.is_empty()) {
        Some(text) => html! { (text) },
        None => unknown(),
    }
}

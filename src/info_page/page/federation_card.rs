//! The card Federation: the old federation, and Matrix where the version has it.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::card::{Shown, check, row, rows, unknown};
use crate::catalogue::Value;
use crate::collectors::Collector;

pub fn card(shown: &Shown<'_>) -> Markup {
    let content = rows(&html! {
        (row("Federation Enabled", &check(is_on(shown, "FEDERATION_Enabled"))))
        (row("Domain", &text(shown, "FEDERATION_Domain")))
        (row("Discovery Method", &text(shown, "FEDERATION_Discovery_Method")))
        (row("Federation Healthy", &check(is_on(shown, "FEDERATION_Healthy"))))
        (row("Populated", &check(is_on(shown, "FEDERATION_Populated"))))
        (shown.count("Servers", "federatedServers"))
        (shown.count("Users", "federatedUsers"))
        @if let Some(enabled) = shown.field("matrixFederation.enabled").and_then(Json::as_bool) {
            (row("Matrix Enabled", &check(Some(enabled))))
            (shown.count("Matrix Servers", "matrixFederation.externalConnectedServers.quantity"))
            (shown.count("Matrix Users", "matrixFederation.amountOfExternalUsers"))
            (shown.count("Matrix Rooms", "matrixFederation.amountOfFederatedRooms"))
        }
    });
    let content = html! {
        (content)
        @if let Some(address) = shown.settings_page("Federation") {
            p.action { a.button href=(address) rel="noopener" { "Federation settings" } }
        }
    };
    let collectors = [Collector::Settings, Collector::Federation, Collector::Users];
    shown.card("federation", "Federation", &collectors, &content)
}

fn is_on(shown: &Shown<'_>, setting: &str) -> Option<bool> {
    match shown.setting(setting)? {
        Value::Bool(value) => Some(*value),
        _ => None,
    }
}

fn text(shown: &Shown<'_>, setting: &str) -> Markup {
    let text = shown.setting(setting).and_then(Value::as_text);
    match text.filter(|it| !it.is_empty()) {
        Some(text) => html! { (text) },
        None => unknown(),
    }
}

//! The card License: validity, plan, modules and limits.

use maud::{Markup, html};

use super::card::{PageData, check, row, rows, unknown};
pub use super::license_parts::{expiry, name, tags, used};
use super::{apply_license, format};
use crate::collectors::Collector;
use crate::collectors::license::{Grants, HeldLicense, LICENSE_MODULES, License, LicenseVoucher};

/// The features of Rocket.Chat's card, and their modules.
const FEATURES: [(&str, &str); 4] = [
    ("Omnichannel", "livechat-enterprise"),
    ("Auditing", "auditing"),
    ("Canned Responses", "canned-responses"),
    ("Engagement Dashboard", "engagement-dashboard"),
];

pub fn card(data: &PageData<'_>) -> Markup {
    let content = match &data.page.snapshot.license {
        None => rows(&row("License", &unknown())),
        Some(license) => of_license(data, license),
    };
    let content = html! { (content) (application(data)) };
    data.card("license", "License", &[Collector::License], &content)
}

fn of_license(data: &PageData<'_>, license: &License) -> Markup {
    let held = license.held.as_ref();
    let content = held.and_then(|held| held.content.as_ref());
    let granted = |module: &str| check(Some(license.grants.grants(module)));
    html! {
        @if let Some(content) = content { (tags(&content.tags)) }
        (rows(&html! {
            (row("License", &validity(license)))
            @if let Some(content) = content { (expiry(data, content)) }
            @else if let Some(users) = &data.page.snapshot.users {
                (row("Seats used", &format::number(users.seats() as f64)))
            }
            @for (name, module) in FEATURES { (row(name, &granted(module))) }
        }))
        details #modules {
            summary { "All modules" }
            (rows(&html! {
                @for module in LICENSE_MODULES { (row(module, &granted(module))) }
                @for module in others(license) { (row(module, &granted(module))) }
            }))
        }
        @if let Some(content) = content {
            h3 { "Limits" }
            (rows(&html! { @for limit in &content.limits { (row(name(limit.kind), &used(limit))) } }))
        }
    }
}

/// The button that applies a license, or a note that it is applied in Rocket.Chat.
fn application(data: &PageData<'_>) -> Markup {
    let offered = data.page.rocketchat.is_some();
    html! {
        @if offered && apply_license::is_possible(data) {
            p.action { a.button href={ (data.page.path) "/license" } { (apply_license::label(data)) } }
        } @else {
            p.note {
                @if offered { (apply_license::TOO_OLD) " " }
                "A license is applied in Rocket.Chat itself: in its administration, under Settings, "
                @match data.settings_page("Enterprise") {
                    Some(address) => { a href=(address) rel="noopener" { "Enterprise" } }
                    None => "Enterprise",
                }
                "."
            }
        }
    }
}

fn validity(license: &License) -> Markup {
    let configured = license.configured.then_some("; modules as configured");
    match &license.held {
        None => {
            html! { @match configured { Some(_) => "none; modules as configured", None => "Community (no license)" } }
        }
        Some(held) => html! { (evaluation(held)) (configured.unwrap_or_default()) },
    }
}

fn evaluation(held: &HeldLicense) -> Markup {
    match (held.flaw, held.voucher) {
        (Some(flaw), _) => html! { span.no { "not valid: " (flaw.explanation()) } },
        (None, LicenseVoucher::Signature) => {
            html! { span.yes { "valid, by its signature" } }
        }
        (None, _) => html! { span.yes { "valid, as Rocket.Chat says" } },
    }
}

/// Modules that are not in [`LICENSE_MODULES`].
fn others(license: &License) -> Vec<&str> {
    match &license.grants {
        Grants::Modules(modules) => {
            let names = modules.iter().map(String::as_str);
            names
                .filter(|name| !LICENSE_MODULES.contains(name))
                .collect()
        }
        _ => Vec::new(),
    }
}

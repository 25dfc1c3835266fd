//! The card License: plan, features, limits and how far they are used, validity.

use maud::{Markup, html};

use super::card::{Shown, check, row, rows, unknown};
pub use super::license_parts::{expiry, name, tags, used, why};
use super::{apply_license, format};
use crate::collectors::Collector;
use crate::collectors::license::{HeldLicense, LICENSE_MODULES, License, LicenseVoucher};

/// The features that Rocket.Chat's card names, and their modules.
const FEATURES: [(&str, &str); 4] = [
    ("Omnichannel", "livechat-enterprise"),
    ("Auditing", "auditing"),
    ("Canned Responses", "canned-responses"),
    ("Engagement Dashboard", "engagement-dashboard"),
];

pub fn card(shown: &Shown<'_>) -> Markup {
    let content = match &shown.page.snapshot.license {
        None => rows(&row("License", &unknown())),
        Some(license) => of_license(shown, license),
    };
    let content = html! { (content) (application(shown)) };
    shown.card("license", "License", &[Collector::License], &content)
}

fn of_license(shown: &Shown<'_>, license: &License) -> Markup {
    let held = license.held.as_ref();
    let content = held.and_then(|it| it.content.as_ref());
    let granted = |module: &str| check(Some(license.grants.grants(module)));
    html! {
        @if let Some(content) = content { (tags(&content.tags)) }
        (rows(&html! {
            (row("License", &validity(license)))
            @if let Some(content) = content { (expiry(shown, content)) }
            @else if let Some(users) = &shown.page.snapshot.users {
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

/// How another license comes into the workspace: from here, where that is switched on, else in Rocket.Chat itself.
fn application(shown: &Shown<'_>) -> Markup {
    let offered = shown.page.rocketchat.is_some();
    html! {
        @if offered && apply_license::is_possible(shown) {
            p.action { a.button href={ (shown.page.path) "/license" } { (apply_license::name(shown)) } }
        } @else {
            p.note {
                @if offered { (apply_license::TOO_OLD) " " }
                "A license is applied in Rocket.Chat itself: in its administration, under Settings, "
                @match shown.settings_page("Enterprise") {
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
        None => html! { "none" (configured.unwrap_or(", the workspace is unlicensed")) },
        Some(held) => html! { (judged(held)) (configured.unwrap_or_default()) },
    }
}

fn judged(held: &HeldLicense) -> Markup {
    match (held.flaw, held.voucher) {
        (Some(flaw), _) => html! { span.no { "not valid: " (why(flaw)) } },
        (None, LicenseVoucher::Signature) => {
            html! { span.yes { "valid, by its signature" } }
        }
        (None, _) => html! { span.yes { "valid, as Rocket.Chat says" } },
    }
}

/// Modules that are not Rocket.Chat's own.
fn others(license: &License) -> Vec<&str> {
    match &license.grants {
        crate::collectors::license::Grants::Modules(modules) => {
            let names = modules.iter().map(String::as_str);
            names.filter(|it| !LICENSE_MODULES.contains(it)).collect()
        }
        _ => Vec::new(),
    }
}

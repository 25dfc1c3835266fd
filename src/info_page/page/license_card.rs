//! The card License: plan, features, limits and how far they are used, validity.

use maud::{Markup, html};

use super::card::{Shown, check, row, rows, unknown};
use super::{apply_license, format};
use crate::collectors::Collector;
use crate::collectors::license::{
    HeldLicense, LICENSE_MODULES, License, LicenseContent, LicenseFlaw, LicenseLimit, LicenseTag,
    LicenseVoucher, LimitKind,
};

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

/// Why a license is not valid.
pub fn why(flaw: LicenseFlaw) -> &'static str {
    match flaw {
        LicenseFlaw::TooLong => "it is longer than any license",
        LicenseFlaw::NotALicense => "it is in no known format",
        LicenseFlaw::Algorithm => "it is signed in a way that is not accepted",
        LicenseFlaw::Signature => "its signature is wrong",
        LicenseFlaw::Malformed => "it cannot be read",
        LicenseFlaw::NotYetValid => "its time has not begun",
        LicenseFlaw::Expired => "it has expired",
        LicenseFlaw::Address => "it is for another address",
        LicenseFlaw::Limit => "more is used than it allows",
        LicenseFlaw::Status => "Rocket.Chat says so",
        LicenseFlaw::Unconfirmed => "nobody confirms that it is genuine",
    }
}

pub fn expiry(shown: &Shown<'_>, content: &LicenseContent) -> Markup {
    let offline = if content.offline {
        "offline"
    } else {
        "connected"
    };
    let kind = if content.trial { "trial, " } else { "" };
    html! {
        (row("Kind", &format!("{kind}{offline}")))
        @match content.shown_expiry.or(content.expires) {
            Some(at) => {
                (row("Expires", &html! {
                    (shown.time(at))
                    @if let Some(left) = at.since(shown.page.database_now) { " (in " (format::span(left)) ")" }
                    @else { span.no { " (over)" } }
                }))
            }
            None => (row("Expires", &"never")),
        }
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

pub fn tags(tags: &[LicenseTag]) -> Markup {
    html! {
        @if !tags.is_empty() {
            ul.tags aria-label="Plan" { @for tag in tags { li {
                // An attribute of the picture: a style would need the page to allow styles from anywhere.
                @if let Some(color) = tag.color.as_deref().filter(|it| is_color(it)) {
                    svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" {
                        circle cx="5" cy="5" r="5" fill=(color) {}
                    }
                }
                (tag.name)
            } } }
        }
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|it| it.is_ascii_hexdigit())
    })
}

pub fn name(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::ActiveUsers => "Seats",
        LimitKind::GuestUsers => "Guests",
        LimitKind::RoomsPerGuest => "Rooms per guest",
        LimitKind::PrivateApps => "Private apps",
        LimitKind::MarketplaceApps => "Marketplace apps",
        LimitKind::MonthlyActiveContacts => "Contacts of the month",
    }
}

pub fn used(limit: &LicenseLimit) -> Markup {
    let used = limit.used.map(|it| it as f64);
    let max = limit.max.map(|it| it as f64);
    html! {
        @match (used, max) {
            (Some(used), Some(max)) => {
                (format::number(used)) " of " (format::number(max))
                // As Rocket.Chat does it: near the limit from 80 % on.
                meter aria-label={ (name(limit.kind)) " used" } min="0" max=(max.max(1.0)) high=(max * 0.8) optimum="0" value=(used) {}
            }
            (Some(used), None) => { (format::number(used)) ", unlimited" }
            (None, Some(max)) => { "at most " (format::number(max)) }
            (None, None) => "unlimited",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colors_are_colors() {
        assert!(is_color("#5154ec") && is_color("#fff"));
        for text in [
            "red",
            "#12345",
            "#gggggg",
            "url(#x)",
            "#fff\" onload=\"x",
            "",
        ] {
            assert!(!is_color(text), "{text}");
        }
    }
}

//! Parts of a license that its card and the pages that apply one share.

use maud::{Markup, html};

use super::card::{PageData, row};
use super::format;
use crate::collectors::license::{LicenseContent, LicenseLimit, LicenseTag, LimitKind};

pub fn expiry(data: &PageData<'_>, content: &LicenseContent) -> Markup {
    let offline = if content.offline {
        "offline"
    } else {
        "connected"
    };
    let kind = if content.trial { "trial, " } else { "" };
    html! {
        (row("Kind", &format!("{kind}{offline}")))
        @if content.offline && data.since(8, 7) {
            (row("Offline", &"no cloud, no usage reports, no push gateway, no marketplace"))
        }
        @match content.shown_expiry.or(content.expires) {
            Some(at) => {
                (row("Expires", &html! {
                    (data.time(at))
                    @if let Some(left) = at.since(data.page.database_now) { " (in " (format::span(left)) ")" }
                    @else { span.no { " (over)" } }
                }))
            }
            None => (row("Expires", &"never")),
        }
    }
}

pub fn tags(tags: &[LicenseTag]) -> Markup {
    html! {
        @if !tags.is_empty() {
            ul.tags aria-label="Plan" { @for tag in tags { li {
                // `fill` instead of an inline style, which the content security policy forbids.
                @if let Some(color) = tag.color.as_deref().filter(|color| is_color(color)) {
                    svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" {
                        circle cx="5" cy="5" r="5" fill=(color) {}
                    }
                }
                (tag.name)
            } } }
        }
    }
}

pub fn used(limit: &LicenseLimit) -> Markup {
    let used = limit.used.map(|used| used as f64);
    let max = limit.max.map(|max| max as f64);
    html! {
        @match (used, max) {
            (Some(used), Some(max)) => {
                (format::number(used)) " of " (format::number(max))
                // Near the limit from 80 % on, as in Rocket.Chat.
                meter aria-label={ (name(limit.kind)) " used" } min="0" max=(max.max(1.0)) high=(max * 0.8) optimum="0" value=(used) {}
            }
            (Some(used), None) => { (format::number(used)) ", unlimited" }
            (None, Some(max)) => { "at most " (format::number(max)) }
            (None, None) => "unlimited",
        }
    }
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

/// The name of a limit by its key in a license; the key itself when it is unknown.
pub fn name_of_limit(key: &str) -> &str {
    match key {
        "activeUsers" => name(LimitKind::ActiveUsers),
        "guestUsers" => name(LimitKind::GuestUsers),
        "roomsPerGuest" => name(LimitKind::RoomsPerGuest),
        "privateApps" => name(LimitKind::PrivateApps),
        "marketplaceApps" => name(LimitKind::MarketplaceApps),
        "monthlyActiveContacts" => name(LimitKind::MonthlyActiveContacts),
        other => other,
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_three_or_six_hexadecimal_digits() {
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

//! Cards and their rows: a field of the statistics document stands under Rocket.Chat's own words, with its exact value
//! beside the one for people.

use std::collections::BTreeSet;

use maud::{Markup, Render, html};
use serde_json::{Map, Value as Json};

use super::{Page, format};
use crate::catalogue::{Timestamp, Value, Version};
use crate::collectors::Collector;
use crate::document;

/// A page, and the statistics document of the same moment.
pub struct Shown<'a> {
    /// The page.
    pub page: &'a Page<'a>,
    /// The version that the page is like.
    pub version: Version,
    document: Map<String, Json>,
    stored: BTreeSet<&'static str>,
}

impl<'a> Shown<'a> {
    /// A page with its document.
    pub fn of(page: &'a Page<'a>) -> Self {
        Self {
            page,
            version: page.snapshot.version().unwrap_or(Version::NEWEST),
            document: document::object(page.snapshot, page.timezone),
            stored: document::stored_fields(page.snapshot),
        }
    }

    /// Whether the workspace is of a version or of a later one.
    pub fn since(&self, major: u16, minor: u16) -> bool {
        self.version >= Version::new(major, minor, 0)
    }

    /// The workspace's name: the one in the configuration, else the one of its own settings.
    pub fn title(&self) -> String {
        let own = self.setting("Site_Name").and_then(Value::as_text);
        let own = own.filter(|it| !it.is_empty());
        match (self.page.name, own) {
            (Some(name), Some(own)) if name != own => format!("{name}: {own}"),
            (Some(name), _) => name.to_owned(),
            (None, own) => own.unwrap_or("Rocket.Chat workspace").to_owned(),
        }
    }

    /// A field of the document.
    pub fn field(&self, path: &str) -> Option<&Json> {
        let mut keys = path.split('.');
        let first = self.document.get(keys.next()?);
        let value = keys.fold(first, |value, key| value?.get(key));
        value.filter(|it| !it.is_null())
    }

    /// A setting that counts.
    pub fn setting(&self, id: &str) -> Option<&Value> {
        self.page.snapshot.settings.as_ref()?.value(id)
    }

    /// A group of settings in Rocket.Chat's own administration; `None` where its address cannot be a link.
    pub fn settings_page(&self, group: &str) -> Option<String> {
        let workspace = self.page.snapshot.workspace.as_ref()?;
        let address = workspace.site_url.as_ref()?.as_text()?;
        let address = web_address(address)?;
        // Before, the groups stood beside everything else.
        let folder = if self.since(4, 8) { "/settings" } else { "" };
        Some(format!("{address}/admin{folder}/{group}"))
    }

    /// How long ago something was.
    pub fn ago(&self, at: Timestamp) -> String {
        format::ago(at, self.page.now)
    }

    /// An instant.
    pub fn time(&self, at: Timestamp) -> Markup {
        format::time(at, self.page.timezone)
    }

    /// The row of a count.
    pub fn count(&self, label: &str, path: &str) -> Markup {
        row(
            label,
            &self.value(path, |it| it.as_f64().map(format::number)),
        )
    }

    /// The row of a text.
    pub fn text(&self, label: &str, path: &str) -> Markup {
        row(label, &self.value(path, |_| None))
    }

    /// A field with its exact value, written by `write` where that can.
    pub fn value(&self, path: &str, write: impl Fn(&Json) -> Option<String>) -> Markup {
        let Some(value) = self.field(path) else {
            return unknown();
        };
        let exact = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let text = write(value).unwrap_or_else(|| exact.clone());
        html! { data data-field=(path) value=(exact) { (text) } (self.age_of_stored(path)) }
    }

    /// How old a field is that was taken from the newest stored document.
    fn age_of_stored(&self, path: &str) -> Markup {
        let stored = self
            .page
            .snapshot
            .stored_document
            .as_ref()
            .filter(|_| self.stored.contains(path));
        html! {
            @if let Some(at) = stored.and_then(|it| it.created_at) {
                span.stored { " (stored " (format::ago(at, self.page.database_now)) ")" }
            }
        }
    }

    /// A card, which says how old its numbers are.
    pub fn card(&self, id: &str, title: &str, of: &[Collector], content: &Markup) -> Markup {
        html! {
            section.card id=(id) data-live aria-labelledby={ (id) "-title" } {
                h2 id={ (id) "-title" } { (title) }
                (content)
                @if !of.is_empty() { (self.freshness(of)) }
            }
        }
    }

    /// Whether changes are followed instead of reading a section.
    pub fn follows(&self, collector: Collector) -> bool {
        let live = self.page.snapshot.live.as_ref();
        live.is_some_and(|it| it.follows.contains(&collector))
    }

    /// How old the oldest of some readings is, and which of them failed.
    fn freshness(&self, of: &[Collector]) -> Markup {
        let outcomes = &self.page.snapshot.outcomes;
        let of = || of.iter().filter_map(|it| Some((it, outcomes.get(it)?)));
        let failed: Vec<_> = of().filter(|(_, it)| it.failure.is_some()).collect();
        let oldest = of()
            .filter(|(_, it)| it.failure.is_none())
            .filter_map(|(collector, it)| Some((it.last_success?, it.interval, *collector)))
            .min_by_key(|(at, ..)| *at);

        html! {
            p.fresh {
                @if let Some((at, _, _)) = oldest.filter(|(_, _, it)| self.follows(*it)) {
                    span { "Followed to " (self.ago(at)) }
                } @else if let Some((at, interval, _)) = oldest {
                    span { "Read " (self.ago(at)) ", every " (format::span(interval)) }
                } @else if failed.is_empty() {
                    span { "Not read" }
                }
                @for (collector, outcome) in failed {
                    span.failed {
                        (collector.name()) " failed"
                        @if let Some(at) = outcome.last_success { ", last read " (self.ago(at)) }
                    }
                }
            }
        }
    }
}

/// An address that a link may lead to, without slashes at its end: the workspace says what it is, and may say anything.
fn web_address(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_web = ["http", "https"]
        .iter()
        .any(|it| scheme.eq_ignore_ascii_case(it));
    let host = rest.split('/').next().unwrap_or_default();
    let is_host = |it: char| it.is_ascii_alphanumeric() || ".-:[]".contains(it);
    let is_path = |it: char| it.is_ascii_alphanumeric() || "/.-_~%".contains(it);
    let is_plain = !host.is_empty() && host.chars().all(is_host);
    let is_plain = is_plain && rest[host.len()..].chars().all(is_path);
    (is_web && is_plain).then(|| text.trim_end_matches('/'))
}

/// A list of rows.
pub fn rows(rows: &Markup) -> Markup {
    html! { dl { (rows) } }
}

/// One row.
pub fn row(label: &str, value: &impl Render) -> Markup {
    html! { div { dt { (label) } dd { (value) } } }
}

/// What is not known.
pub fn unknown() -> Markup {
    html! { span.unknown title="not known" { "–" } }
}

/// A check or a cross, with the word.
pub fn check(holds: Option<bool>) -> Markup {
    match holds {
        Some(true) => html! { span.yes { span aria-hidden="true" { "✔ " } "Yes" } },
        Some(false) => html! { span.off { span aria-hidden="true" { "✘ " } "No" } },
        None => unknown(),
    }
}

/// A table that may be wider than the screen.
pub fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide tabindex="0" role="region" aria-label=(label) { (table) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_the_web_are_links() {
        for (text, address) in [
            ("https://chat.example.com", "https://chat.example.com"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            ("HTTPS://example.com/chat/", "HTTPS://example.com/chat"),
        ] {
            assert_eq!(web_address(text), Some(address));
        }
        for text in [
            "",
            "chat.example.com",
            "//evil.example",
            "https://",
            "https:///admin",
            "javascript://chat.example.com/%0aalert(1)",
            "data://text/html",
            "https://chat.example.com@evil.example",
            "https://chat.example.com/?x=",
            "https://chat.example.com/#",
            "https://chat.example.com/\" onclick=\"alert(1)",
            "https://chat.example.com\n",
            " https://chat.example.com",
        ] {
            assert_eq!(web_address(text), None, "{text}");
        }
    }
}

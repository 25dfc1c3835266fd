//! Cards and their rows. A field of the statistics document has Rocket.Chat's label, a readable value, and the exact one as
//! the attribute `value`.

use std::collections::BTreeSet;

use maud::{Markup, Render, html};
use serde_json::{Map, Value as Json};

use super::{Page, format};
use crate::catalogue::{Timestamp, Value, Version};
use crate::collectors::Collector;
use crate::conditions::{self, Condition, Occurrence};
use crate::document;

/// A page's data, with the statistics document of the same snapshot.
pub struct PageData<'a> {
    /// The page.
    pub page: &'a Page<'a>,
    /// The workspace's version.
    pub version: Version,
    /// The conditions that hold, the most severe first.
    pub occurrences: Vec<(&'static Condition, Occurrence)>,
    document: Map<String, Json>,
    stored: BTreeSet<&'static str>,
}

impl<'a> PageData<'a> {
    /// Renders the document of a page's snapshot.
    pub fn new(page: &'a Page<'a>) -> Self {
        Self {
            page,
            version: page.snapshot.version().unwrap_or(Version::NEWEST),
            occurrences: conditions::occurrences(page.snapshot, page.moment()),
            document: document::object(page.snapshot, page.timezone),
            stored: document::stored_fields(page.snapshot),
        }
    }

    /// Whether the condition of an alert holds.
    pub fn has(&self, alert: &str) -> bool {
        let mut occurrences = self.occurrences.iter();
        occurrences.any(|(condition, _)| condition.alert == alert)
    }

    /// Whether some collectors were not tried yet.
    pub fn is_first_reading(&self) -> bool {
        self.page.snapshot.outcomes.len() < self.page.collectors.len()
    }

    /// Whether the workspace has this version or a later one.
    pub fn since(&self, major: u16, minor: u16) -> bool {
        self.version >= Version::new(major, minor, 0)
    }

    /// The workspace's names in the configuration and in its settings.
    pub fn title(&self) -> String {
        let own = self.setting("Site_Name").and_then(Value::as_text);
        let own = own.filter(|name| !name.is_empty());
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
        value.filter(|value| !value.is_null())
    }

    /// The effective value of a setting.
    pub fn setting(&self, id: &str) -> Option<&Value> {
        self.page.snapshot.settings.as_ref()?.value(id)
    }

    /// The site URL, and the target of a link to it; `None` where it cannot be a link.
    pub fn site(&self) -> Option<(&str, Option<&str>)> {
        let workspace = self.page.snapshot.workspace.as_ref()?;
        let address = workspace.site_url.as_ref()?.as_text()?;
        Some((address, web_address(address)))
    }

    /// The URL of a group of settings in Rocket.Chat's administration; `None` where the site URL cannot be a link.
    pub fn settings_page(&self, group: &str) -> Option<String> {
        let address = self.site()?.1?;
        // Before 4.8 the groups were at the top level.
        let folder = if self.since(4, 8) { "/settings" } else { "" };
        Some(format!("{address}/admin{folder}/{group}"))
    }

    /// The age of an instant.
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
            &self.value(path, |value| value.as_f64().map(format::number)),
        )
    }

    /// The row of a text.
    pub fn text(&self, label: &str, path: &str) -> Markup {
        row(label, &self.value(path, |_| None))
    }

    /// A field with its exact value, formatted by `format` where that is possible.
    pub fn value(&self, path: &str, format: impl Fn(&Json) -> Option<String>) -> Markup {
        let Some(value) = self.field(path) else {
            return unknown();
        };
        let exact = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let text = format(value).unwrap_or_else(|| exact.clone());
        html! { data data-field=(path) value=(exact) { (text) } (self.age_of_stored(path)) }
    }

    /// The age of a field that comes from the newest stored document.
    fn age_of_stored(&self, path: &str) -> Markup {
        let stored = self
            .page
            .snapshot
            .stored_document
            .as_ref()
            .filter(|_| self.stored.contains(path));
        html! {
            @if let Some(at) = stored.and_then(|stored| stored.created_at) {
                span.stored { " (stored " (format::ago(at, self.page.database_now)) ")" }
            }
        }
    }

    /// A card, with the age of its collectors' data.
    pub fn card(
        &self,
        id: &str,
        title: &str,
        collectors: &[Collector],
        content: &Markup,
    ) -> Markup {
        html! {
            section.card id=(id) data-live aria-labelledby={ (id) "-title" } {
                h2 id={ (id) "-title" } { (title) }
                @if self.is_pending(collectors) {
                    p.note { "Being read for the first time." }
                } @else {
                    (content)
                    @if !collectors.is_empty() { (self.freshness(collectors)) }
                }
            }
        }
    }

    /// Whether none of these collectors was tried yet, although one of them is on.
    fn is_pending(&self, collectors: &[Collector]) -> bool {
        let outcomes = &self.page.snapshot.outcomes;
        let mut on = collectors
            .iter()
            .filter(|collector| self.page.collectors.contains(collector))
            .peekable();
        on.peek().is_some() && on.all(|collector| !outcomes.contains_key(collector))
    }

    /// Whether live mode follows a collector.
    pub fn follows(&self, collector: Collector) -> bool {
        let live = self.page.snapshot.live.as_ref();
        live.is_some_and(|live| live.follows.contains(&collector))
    }

    /// The age of the oldest collector's data, and the collectors that failed.
    fn freshness(&self, collectors: &[Collector]) -> Markup {
        let outcomes = &self.page.snapshot.outcomes;
        let runs = || {
            collectors
                .iter()
                .filter_map(|collector| Some((collector, outcomes.get(collector)?)))
        };
        let failed: Vec<_> = runs()
            .filter(|(_, outcome)| outcome.failure.is_some())
            .collect();
        let oldest = runs()
            .filter(|(_, outcome)| outcome.failure.is_none())
            .filter_map(|(collector, outcome)| {
                Some((outcome.last_success?, outcome.interval, *collector))
            })
            .min_by_key(|(at, ..)| *at);

        html! {
            p.fresh {
                @if let Some((at, _, _)) = oldest.filter(|(_, _, collector)| self.follows(*collector)) {
                    span { "Live, " (self.ago(at)) }
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

/// A text from the database that may be the target of a link, without trailing slashes.
fn web_address(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_web = ["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web));
    let host = rest.split('/').next().unwrap_or_default();
    let is_host = |char: char| char.is_ascii_alphanumeric() || ".-:[]".contains(char);
    let is_path = |char: char| char.is_ascii_alphanumeric() || "/.-_~%".contains(char);
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

/// An unknown value.
pub fn unknown() -> Markup {
    html! { span.unknown title="not known" { "–" } }
}

/// Yes or No, with a mark.
pub fn check(holds: Option<bool>) -> Markup {
    match holds {
        Some(true) => html! { span.yes { span aria-hidden="true" { "✔ " } "Yes" } },
        Some(false) => html! { span.off { span aria-hidden="true" { "✘ " } "No" } },
        None => unknown(),
    }
}

/// A table that scrolls when it is wider than the screen.
pub fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide tabindex="0" role="region" aria-label=(label) { (table) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_links() {
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

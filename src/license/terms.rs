//! What a license says, in either version, brought to one shape.

use jiff::civil;
use jiff::tz::TimeZone;

use super::Circumstances;
use super::json::{Limits, MaxOfKind, ServerUrl, Tag, V2, V3};
use super::site_url::Address;
use crate::catalogue::{Timestamp, Version};
use crate::collectors::license::{LICENSE_MODULES, LicenseTag, LimitKind};

/// The most tags that are shown, and the most characters of each: real licenses have one short tag.
const MOST_TAGS: usize = 8;
const LONGEST_TAG: usize = 64;

/// Modules of Rocket.Chat's own that the bundle `enterprise` of version 2 grants: those that existed then.
const ENTERPRISE_BUNDLE: usize = 20;

/// Modules that Rocket.Chat adds to a license of version 2 ...
const ADDED_TO_V2: [&str; 3] = ["teams-voip", "contact-id-verification", "hide-watermark"];

/// ... since it makes version 3 of it; when which of them was added is not known.
const CONVERTS: Version = Version::new(6, 5, 0);

/// A license of either version.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    pub tags: Vec<LicenseTag>,
    pub trial: bool,
    pub offline: bool,
    pub shown_expiry: Option<Timestamp>,
    pub addresses: Vec<Address>,
    pub periods: Vec<Period>,
    pub modules: Vec<String>,
    pub limits: Vec<Limit>,
}

/// What happens when a period or a limit does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    InvalidateLicense,
    DisableModules,
    /// What does not change whether the license is valid, nor what it grants.
    Other,
}

/// A period; one without a beginning or an end is open on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub behavior: Behavior,
    pub modules: Vec<String>,
}

/// One limit of a kind, which may have several.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    pub kind: LimitKind,
    pub max: f64,
    pub behavior: Behavior,
    pub modules: Vec<String>,
}

impl Period {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now > until)
    }

    pub fn is_to_come(&self, now: Timestamp) -> bool {
        self.from.is_some_and(|from| now < from)
    }
}

impl Limit {
    /// Whether more is used, as far as that is known.
    pub fn is_exceeded(&self, circumstances: &Circumstances<'_>) -> bool {
        let used = (circumstances.used)(self.kind);
        self.max >= 0.0 && used.is_some_and(|used| used as f64 > self.max)
    }
}

/// The content of version 3; `None` when it has another shape.
pub fn v3(json: &[u8], timezone: &TimeZone) -> Option<Terms> {
    let license: V3 = serde_json::from_slice(json).ok()?;
    let instant = |text: Option<String>| text.and_then(|text| instant(&text, timezone));
    let periods = license.validation.valid_periods.unwrap_or_default();
    let limits = license.limits.unwrap_or_default();
    Some(Terms {
        tags: shown_tags(license.information.tags.unwrap_or_default()),
        trial: license.information.trial.unwrap_or_default(),
        offline: license.information.offline.unwrap_or_default(),
        shown_expiry: instant(license.information.visual_expiration),
        addresses: license
            .validation
            .server_urls
            .into_iter()
            .filter_map(address)
            .collect(),
        periods: periods
            .into_iter()
            .map(|period| Period {
                from: instant(period.valid_from),
                until: instant(period.valid_until),
                behavior: behavior(&period.invalid_behavior),
                modules: period.modules.unwrap_or_default(),
            })
            .collect(),
        modules: license
            .granted_modules
            .into_iter()
            .map(|it| it.module)
            .collect(),
        limits: all(limits),
    })
}

/// The content of version 2, as Rocket.Chat makes version 3 of it; `None` when it has another shape.
pub fn v2(json: &[u8], circumstances: &Circumstances<'_>) -> Option<Terms> {
    let timezone = circumstances.timezone;
    let license: V2 = serde_json::from_slice(json).ok()?;
    let meta = license.meta.unwrap_or_default();
    let apps = license.apps.unwrap_or_default();
    // Without a date Rocket.Chat cannot make version 3 of it.
    let expiry = instant(&license.expiry, timezone)?;
    let tags = match license.tag {
        Some(tag) => vec![tag],
        // Before there were tags, the names of bundles served as such.
        None => license
            .modules
            .iter()
            .filter_map(|it| bundle_tag(it))
            .collect(),
    };
    let limit = |kind, max: Option<f64>| {
        let max = max.filter(|max| *max != 0.0)?;
        Some(Limit {
            kind,
            max,
            behavior: Behavior::Other,
            modules: Vec::new(),
        })
    };
    let limits = [
        limit(LimitKind::ActiveUsers, license.max_active_users),
        limit(LimitKind::GuestUsers, license.max_guest_users),
        limit(LimitKind::RoomsPerGuest, license.max_rooms_per_guest),
        limit(LimitKind::PrivateApps, apps.max_private_apps),
        limit(LimitKind::MarketplaceApps, apps.max_marketplace_apps),
    ];
    let added = if converts(circumstances.version) {
        &ADDED_TO_V2[..]
    } else {
        &[]
    };
    Some(Terms {
        tags: shown_tags(tags),
        trial: meta.trial.unwrap_or_default(),
        offline: false,
        shown_expiry: meta
            .trial_end
            .and_then(|it| instant(&it, timezone))
            .or(Some(expiry)),
        addresses: vec![Address::Pattern(license.url)],
        periods: vec![Period {
            from: None,
            until: Some(expiry),
            behavior: Behavior::InvalidateLicense,
            modules: Vec::new(),
        }],
        modules: added
            .iter()
            .map(|module| (*module).to_owned())
            .chain(license.modules.iter().flat_map(|it| unbundled(it)))
            .collect(),
        limits: limits.into_iter().flatten().collect(),
    })
}

/// Whether a version makes version 3 of a license of version 2: all that it matters to what a license says.
pub fn converts(version: Option<Version>) -> bool {
    version.is_none_or(|it| it >= CONVERTS)
}

/// The modules that a name of version 2 stands for.
fn unbundled(name: &str) -> Vec<String> {
    match name {
        "*" | "enterprise:*" => LICENSE_MODULES[..ENTERPRISE_BUNDLE]
            .iter()
            .map(|module| (*module).to_owned())
            .collect(),
        bundle if bundle.ends_with(":*") => Vec::new(),
        module => vec![module.to_owned()],
    }
}

fn bundle_tag(name: &str) -> Option<Tag> {
    let name = name.strip_suffix(":*").filter(|name| !name.is_empty())?;
    let color = match name {
        "bronze" => "#BD5A0B",
        "silver" => "#9EA2A8",
        "gold" => "#F3BE08",
        _ => "#4411DD",
    };
    Some(Tag {
        name: name.to_owned(),
        color: Some(color.to_owned()),
    })
}

/// Tags with different names, and few and short enough to be labels.
fn shown_tags(tags: Vec<Tag>) -> Vec<LicenseTag> {
    let short = |text: &str| text.chars().take(LONGEST_TAG).collect::<String>();
    let mut shown: Vec<LicenseTag> = Vec::new();
    for tag in tags {
        let name = short(&tag.name);
        let is_new = !shown
            .iter()
            .any(|known| known.name.to_lowercase() == name.to_lowercase());
        if is_new && shown.len() < MOST_TAGS {
            let color = tag.color.filter(|color| is_color(color));
            shown.push(LicenseTag { name, color });
        }
    }
    shown
}

/// Whether a text is a color as the licenses write it, and nothing else: pages put it into their styles.
fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|it| it.is_ascii_hexdigit())
    })
}

fn behavior(name: &str) -> Behavior {
    match name {
        "invalidate_license" => Behavior::InvalidateLicense,
        "disable_modules" => Behavior::DisableModules,
        _ => Behavior::Other,
    }
}

/// An address; Rocket.Chat lets kinds pass that it does not know.
fn address(url: ServerUrl) -> Option<Address> {
    match url.kind.as_str() {
        "url" => Some(Address::Plain(url.value)),
        "regex" => Some(Address::Pattern(url.value)),
        "hash" => Some(Address::Hash(url.value)),
        _ => None,
    }
}

/// Limits of every kind.
fn all(limits: Limits) -> Vec<Limit> {
    let by_kind = [
        (LimitKind::ActiveUsers, limits.active_users),
        (LimitKind::GuestUsers, limits.guest_users),
        (LimitKind::RoomsPerGuest, limits.rooms_per_guest),
        (LimitKind::PrivateApps, limits.private_apps),
        (LimitKind::MarketplaceApps, limits.marketplace_apps),
        (
            LimitKind::MonthlyActiveContacts,
            limits.monthly_active_contacts,
        ),
    ];
    let limit = |kind, it: MaxOfKind| Limit {
        kind,
        max: it.max,
        behavior: behavior(&it.behavior),
        modules: it.modules.unwrap_or_default(),
    };
    by_kind
        .into_iter()
        .flat_map(|(kind, limits)| limits.into_iter().flatten().map(move |it| limit(kind, it)))
        .collect()
}

/// An instant as JavaScript reads it from ISO 8601: a date alone is a day of UTC, a time without a zone is local.
fn instant(text: &str, timezone: &TimeZone) -> Option<Timestamp> {
    let instant = if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        instant
    } else if text.contains(['T', ' ']) {
        let local: civil::DateTime = text.parse().ok()?;
        local.to_zoned(timezone.clone()).ok()?.timestamp()
    } else {
        let day: civil::Date = text.parse().ok()?;
        day.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    Some(Timestamp(instant.as_millisecond()))
}
